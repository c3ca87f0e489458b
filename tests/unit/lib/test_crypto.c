/*
 * Published vectors (FIPS 180-4, RFC 4231), and the form of secrets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/crypto.h"

static void sha256_vectors(void **state)
{
	char out[CRYPTO_SHA256_HEX_BYTES];
	static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb924"
				    "27ae41e4649b934ca495991b7852b855";

	(void)state;
	assert_string_equal(crypto_sha256_hex(SPAN("abc"), out),
			    "ba7816bf8f01cfea414140de5dae2223"
			    "b00361a396177a9cb410ff61f20015ad");
	assert_string_equal(crypto_sha256_hex(SPAN(""), out), empty);
	assert_string_equal(crypto_sha256_hex(SPAN_NONE, out), empty);
	assert_string_equal(
	    crypto_sha256_hex(SPAN("abcdbcdecdefdefgefghfghighijhi"
				   "jkijkljklmklmnlmnomnopnopq"),
			      out),
	    "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1");
}

static void assert_hmac(struct span key, struct span data, const char *hex)
{
	unsigned char mac[CRYPTO_SHA256_BYTES];
	char text[CRYPTO_SHA256_HEX_BYTES];
	size_t i;

	crypto_hmac_sha256(key, data, mac);
	for (i = 0; i < sizeof(mac); i++)
		snprintf(text + 2 * i, 3, "%02x", mac[i]);
	assert_string_equal(text, hex);
}

static void hmac_vectors(void **state)
{
	char long_key[131];

	(void)state;
	assert_hmac(SPAN("Jefe"), SPAN("what do ya want for nothing?"),
		    "5bdcc146bf60754e6a042426089575c7"
		    "5a003f089d2739839dec58b964ec3843");
	memset(long_key, 0xaa, sizeof(long_key));
	assert_hmac((struct span){long_key, sizeof(long_key)},
		    SPAN("Test Using Larger Than Block-Size Key - "
			 "Hash Key First"),
		    "60e431591ee0b67f0d8a26aacbf5b77f"
		    "8e0bc6213728c5140546040f0ee37f54");
}

static void equal_sees_every_byte(void **state)
{
	unsigned char a[32] = {0}, b[32] = {0};
	size_t i;

	(void)state;
	assert_true(crypto_equal(a, b, sizeof(a)));
	assert_true(crypto_equal(a, b, 0));
	for (i = 0; i < sizeof(a); i++) {
		b[i] = 0x80;
		assert_false(crypto_equal(a, b, sizeof(a)));
		b[i] = 0;
	}
}

static void random_fills_all_of_it(void **state)
{
	/* A byte that stays 0 in 32 rounds has a chance of 2^-256. */
	unsigned char seen[300] = {0}, bytes[300];
	size_t i;
	int round;

	(void)state;
	for (round = 0; round < 32; round++) {
		crypto_random(bytes, sizeof(bytes));
		for (i = 0; i < sizeof(bytes); i++)
			seen[i] |= bytes[i];
	}
	for (i = 0; i < sizeof(seen); i++)
		assert_int_not_equal(seen[i], 0);
}

static void secrets_have_their_form(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789-_";
	char a[CRYPTO_SECRET_BYTES], b[CRYPTO_SECRET_BYTES];

	(void)state;
	assert_ptr_equal(crypto_secret(a, "bfs_"), a);
	assert_int_equal(strlen(a), 4 + 43);
	assert_memory_equal(a, "bfs_", 4);
	assert_int_equal(strspn(a + 4, alphabet), 43);
	crypto_secret(b, "bfs_");
	assert_string_not_equal(a, b);
	crypto_secret(a, "0123456789abcdef");
	assert_int_equal(strlen(a), 16 + 43);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sha256_vectors),
	    cmocka_unit_test(hmac_vectors),
	    cmocka_unit_test(equal_sees_every_byte),
	    cmocka_unit_test(random_fills_all_of_it),
	    cmocka_unit_test(secrets_have_their_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
