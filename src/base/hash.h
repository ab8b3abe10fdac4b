#pragma once
/*
 * hash - SHA-256, HMAC-SHA-256, MD5, hex, base64url, constant-time compare; all by libcrypto.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/str.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 64 };

struct sha256 {
	void *context; /* EVP_MD_CTX; made by init, freed by final or drop */
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *bytes, size_t n);
void sha256_final(struct sha256 *h, uint8_t out[SHA256_BYTES]);
void sha256_drop(struct sha256 *h); /* give up in the middle; twice is fine */

void sha256_of(struct str s, uint8_t out[SHA256_BYTES]);
void hmac_sha256(struct str key, struct str message, uint8_t out[SHA256_BYTES]);

/* No protection against anybody: what object stores call an object by. */
enum { MD5_BYTES = 16, MD5_HEX = 32 };
struct md5 {
	void *context; /* as above */
};
void md5_init(struct md5 *h);
void md5_update(struct md5 *h, const void *bytes, size_t n);
void md5_final(struct md5 *h, uint8_t out[MD5_BYTES]);
void md5_drop(struct md5 *h);

/* out needs 2n bytes; no NUL is written. */
void hex_encode(const uint8_t *bytes, size_t n, char *out);
MUST_CHECK bool hex_decode(struct str hex, uint8_t *out, size_t n);
/* No padding. Returns bytes written: 4 for each 3, rounded up. */
size_t base64url_encode(const uint8_t *bytes, size_t n, char *out);
MUST_CHECK bool base64url_decode(struct str text, uint8_t *out, size_t size, size_t *n);

/* Equal length and content, in time that depends on the length only. */
bool equal_in_constant_time(struct str a, struct str b);
void wipe(void *p, size_t n);
void random_bytes(void *out, size_t n);
uint32_t crc32_of(struct str s);
