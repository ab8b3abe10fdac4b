/*
 * uid - random text in base 62, without bias.
 */
#include "base/uid.h"

#include "base/check.h"
#include "base/hash.h"

enum { UID_CHARS = 24, KEY_CHARS = 32, CHECKSUM_CHARS = 6, PREFIX_LONGEST = 6 };

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char key_prefix[] = "imago_sk_";

static void random_text(char *out, size_t n)
{
	uint8_t bytes[48];
	size_t i = 0, at = sizeof(bytes);

	while (i < n) {
		if (at == sizeof(bytes)) {
			random_bytes(bytes, sizeof(bytes));
			at = 0;
		}
		/* 248 = 4 * 62: the rest would make some characters likelier */
		if (bytes[at] < 248)
			out[i++] = alphabet[bytes[at] % 62];
		at++;
	}
	wipe(bytes, sizeof(bytes));
}

static bool is_base62(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
			return false;
	}
	return true;
}

struct uid uid_new(const char *prefix)
{
	struct uid id = { 0 };
	size_t n = strlen(prefix);

	CHECK(n <= PREFIX_LONGEST);
	memcpy(id.text, prefix, n);
	random_text(id.text + n, UID_CHARS);
	return id;
}

bool uid_is_valid(struct str id, const char *prefix)
{
	struct str head = str_from(prefix);

	return id.n == head.n + UID_CHARS && str_starts(id, head) && is_base62(str_skip(id, head.n));
}

static void checksum(struct str text, char out[CHECKSUM_CHARS])
{
	uint32_t crc = crc32_of(text);

	for (size_t i = CHECKSUM_CHARS; i-- > 0; crc /= 62)
		out[i] = alphabet[crc % 62];
}

void api_key_new(char out[API_KEY_SIZE])
{
	size_t n = sizeof(key_prefix) - 1;

	memcpy(out, key_prefix, n);
	random_text(out + n, KEY_CHARS);
	n += KEY_CHARS;
	checksum((struct str){ out, n }, out + n);
	out[n + CHECKSUM_CHARS] = '\0';
}

bool api_key_is_well_formed(struct str key)
{
	size_t n = sizeof(key_prefix) - 1 + KEY_CHARS;
	char sum[CHECKSUM_CHARS];

	if (key.n != n + CHECKSUM_CHARS || !str_starts(key, str_from(key_prefix)) ||
	    !is_base62(str_skip(key, sizeof(key_prefix) - 1)))
		return false;
	checksum((struct str){ key.p, n }, sum);
	return memcmp(sum, key.p + n, CHECKSUM_CHARS) == 0;
}
