/*
 * Thin on purpose: each function is one call of nettle or of the kernel.
 */
#include "lib/crypto.h"

#include <assert.h>
#include <errno.h>
#include <nettle/base64.h>
#include <nettle/chacha.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/buf.h"

#define PREFIX_BYTES	    16
#define SECRET_RANDOM_BYTES 32
#define SECRET_TEXT_BYTES   43 /* of base64url, its padding left off */

static const unsigned char *bytes_of(struct span s)
{
	return s.data ? (const unsigned char *)s.data
		      : (const unsigned char *)"";
}

void crypto_sha256(struct span data,
		   unsigned char out[static CRYPTO_SHA256_BYTES])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, data.len, bytes_of(data));
	sha256_digest(&ctx, CRYPTO_SHA256_BYTES, out);
}

const char *crypto_sha256_hex(struct span data,
			      char out[static CRYPTO_SHA256_HEX_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[CRYPTO_SHA256_BYTES];
	size_t i;

	crypto_sha256(data, hash);
	for (i = 0; i < sizeof(hash); i++) {
		out[2 * i] = digits[hash[i] >> 4];
		out[2 * i + 1] = digits[hash[i] & 15];
	}
	out[2 * i] = '\0';
	return out;
}

void crypto_hmac_sha256(struct span key, struct span data,
			unsigned char out[static CRYPTO_SHA256_BYTES])
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, key.len, bytes_of(key));
	hmac_sha256_update(&ctx, data.len, bytes_of(data));
	hmac_sha256_digest(&ctx, CRYPTO_SHA256_BYTES, out);
}

void crypto_mask(struct span secret, void *bytes, size_t n)
{
	static const unsigned char nonce[CHACHA_NONCE_SIZE];
	unsigned char key[CRYPTO_SHA256_BYTES];
	struct chacha_ctx ctx;

	/* Its plain hash is known: it stands in the database. */
	crypto_hmac_sha256(secret, SPAN("mask"), key);
	chacha_set_key(&ctx, key);
	chacha_set_nonce(&ctx, nonce);
	chacha_crypt(&ctx, n, bytes, bytes);
}

bool crypto_equal(const void *a, const void *b, size_t n)
{
	return memeql_sec(a, b, n) != 0;
}

void crypto_random(void *out, size_t n)
{
	unsigned char *p = out;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort();
		p += got;
		n -= (size_t)got;
	}
}

const char *crypto_secret(char out[static CRYPTO_SECRET_BYTES],
			  const char *prefix)
{
	unsigned char random[SECRET_RANDOM_BYTES];
	char text[BASE64_ENCODE_LENGTH(SECRET_RANDOM_BYTES) +
		  BASE64_ENCODE_FINAL_LENGTH];
	struct base64_encode_ctx ctx;
	size_t prefix_len = strlen(prefix), len;

	assert(prefix_len <= PREFIX_BYTES);
	crypto_random(random, sizeof(random));
	base64url_encode_init(&ctx);
	len = base64_encode_update(&ctx, text, sizeof(random), random);
	len += base64_encode_final(&ctx, text + len);
	assert(len >= SECRET_TEXT_BYTES);

	memcpy(out, prefix, prefix_len);
	memcpy(out + prefix_len, text, SECRET_TEXT_BYTES);
	out[prefix_len + SECRET_TEXT_BYTES] = '\0';
	explicit_bzero(random, sizeof(random));
	explicit_bzero(text, sizeof(text));
	return out;
}
