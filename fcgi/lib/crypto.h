/*
 * crypto: hashes, secrets and random bytes.  The only door to nettle; random
 * bytes come from the kernel.
 *
 * Any thread.
 */
#ifndef BELFRY_LIB_CRYPTO_H
#define BELFRY_LIB_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>

struct span;

#define CRYPTO_SHA256_BYTES	32
#define CRYPTO_SHA256_HEX_BYTES 65 /* with the NUL */
#define CRYPTO_SECRET_BYTES	64 /* with the NUL; see crypto_secret */

void crypto_sha256(struct span data,
		   unsigned char out[static CRYPTO_SHA256_BYTES]);
/* Lower-case hex: what the columns secret_sha256 hold. Returns out. */
const char *crypto_sha256_hex(struct span data,
			      char out[static CRYPTO_SHA256_HEX_BYTES]);
void crypto_hmac_sha256(struct span key, struct span data,
			unsigned char out[static CRYPTO_SHA256_BYTES]);
/* Makes the n bytes unreadable for whoever does not have the secret, and
 * readable again (ChaCha20).  For one text per secret, of 256 random bits. */
void crypto_mask(struct span secret, void *bytes, size_t n);
/* Time depends on n only. */
bool crypto_equal(const void *a, const void *b, size_t n);
/* Aborts when the kernel gives none (it always does). */
void crypto_random(void *out, size_t n);
/* A new secret: prefix (at most 16 bytes, e.g. "bfs_") and 256 random bits in
 * base64url.  Returns out. */
const char *crypto_secret(char out[static CRYPTO_SECRET_BYTES],
			  const char *prefix);

#endif
