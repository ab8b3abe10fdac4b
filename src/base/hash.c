/*
 * hash - libcrypto behind our own names; nothing else in the project includes it for this.
 *
 * SHA256 is fetched once: looking an algorithm up costs more than hashing a short text.
 */
#include "base/hash.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>

enum { HMAC_BLOCK = 64 };

static const EVP_MD *algorithm(void)
{
	static EVP_MD *md;

	if (!md)
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
	CHECK(md != NULL);
	return md;
}

void sha256_init(struct sha256 *h)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	CHECK(context && EVP_DigestInit_ex(context, algorithm(), NULL) == 1);
	h->context = context;
}

void sha256_update(struct sha256 *h, const void *bytes, size_t n)
{
	if (n)
		CHECK(EVP_DigestUpdate(h->context, bytes, n) == 1);
}

void sha256_final(struct sha256 *h, uint8_t out[SHA256_BYTES])
{
	CHECK(EVP_DigestFinal_ex(h->context, out, NULL) == 1);
	sha256_drop(h);
}

void sha256_drop(struct sha256 *h)
{
	EVP_MD_CTX_free(h->context);
	h->context = NULL;
}

void md5_init(struct md5 *h)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	CHECK(context && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1);
	h->context = context;
}

void md5_update(struct md5 *h, const void *bytes, size_t n)
{
	if (n)
		CHECK(EVP_DigestUpdate(h->context, bytes, n) == 1);
}

void md5_final(struct md5 *h, uint8_t out[MD5_BYTES])
{
	CHECK(EVP_DigestFinal_ex(h->context, out, NULL) == 1);
	md5_drop(h);
}

void md5_drop(struct md5 *h)
{
	EVP_MD_CTX_free(h->context);
	h->context = NULL;
}

void sha256_of(struct str s, uint8_t out[SHA256_BYTES])
{
	CHECK(EVP_Digest(s.n ? s.p : "", s.n, out, NULL, algorithm(), NULL) == 1);
}

static void hmac_half(const uint8_t pad[HMAC_BLOCK], const void *bytes, size_t n, uint8_t out[SHA256_BYTES])
{
	struct sha256 h;

	sha256_init(&h);
	sha256_update(&h, pad, HMAC_BLOCK);
	sha256_update(&h, bytes, n);
	sha256_final(&h, out);
}

void hmac_sha256(struct str key, struct str message, uint8_t out[SHA256_BYTES])
{
	uint8_t inner[HMAC_BLOCK] = { 0 }, outer[HMAC_BLOCK];

	if (key.n > HMAC_BLOCK)
		sha256_of(key, inner);
	else if (key.n)
		memcpy(inner, key.p, key.n);
	for (size_t i = 0; i < HMAC_BLOCK; i++) {
		outer[i] = inner[i] ^ 0x5c;
		inner[i] ^= 0x36;
	}
	hmac_half(inner, message.p, message.n, out);
	hmac_half(outer, out, SHA256_BYTES, out);
	wipe(inner, sizeof(inner));
	wipe(outer, sizeof(outer));
}

void hex_encode(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(struct str hex, uint8_t *out, size_t n)
{
	if (hex.n % 2 || hex.n / 2 != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(hex.p[2 * i]), low = hex_value(hex.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64url_encode(const uint8_t *bytes, size_t n, char *out)
{
	uint32_t bits = 0;
	unsigned held = 0;
	size_t to = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | bytes[i];
		for (held += 8; held >= 6; held -= 6)
			out[to++] = base64url[bits >> (held - 6) & 63];
	}
	if (held)
		out[to++] = base64url[bits << (6 - held) & 63];
	return to;
}

static int base64url_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool base64url_decode(struct str text, uint8_t *out, size_t size, size_t *n)
{
	uint32_t bits = 0;
	unsigned held = 0;
	size_t to = 0;

	if (text.n % 4 == 1 || text.n / 4 * 3 + (text.n % 4 ? text.n % 4 - 1 : 0) > size)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		int value = base64url_value(text.p[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[to++] = (uint8_t)(bits >> held);
		}
	}
	/* bits that encode nothing must be 0: else one value has several texts */
	if (bits & ((1U << held) - 1))
		return false;
	*n = to;
	return true;
}

bool equal_in_constant_time(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

void wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}

void random_bytes(void *out, size_t n)
{
	char *p = out;

	while (n) {
		ssize_t got = getrandom(p, n, 0);

		CHECK(got > 0 || errno == EINTR);
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
}

uint32_t crc32_of(struct str s)
{
	/* one entry for each half byte: the polynomial is the one of zlib and PNG */
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = ~0U;

	for (size_t i = 0; i < s.n; i++) {
		crc ^= (unsigned char)s.p[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}
