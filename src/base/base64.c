/*
 * base64 - the strict decoder in pieces, and the encoder.
 *
 * A piece runs through three hands: characters that complete a group begun earlier (head), whole blocks of plain
 * characters where the processor can take many at once (base64_avx2.c), and one group after the other for the rest,
 * which is also where padding is understood and errors are found. So both ways fail at the same group by
 * construction: the vector loop only ever stops in front of it.
 *
 * Decoding in place: held characters let the output run ahead of the input by two bytes at the most. After three
 * groups from a copy it is behind, and stays there.
 */
#include "base/base64.h"

#include <string.h>

#include "base/base64_priv.h"

enum { GROUP_CHARS = 4, GROUP_BYTES = 3, HEAD_CHARS = 3 * GROUP_CHARS, NOT_PLAIN = 0xff };

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define XX NOT_PLAIN
// clang-format off
static const uint8_t values[256] = {
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, 62, XX, XX, XX, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, XX, XX, XX, XX, XX, XX,
	XX,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, XX, XX, XX, XX, XX,
	XX, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
};
// clang-format on
#undef XX

static enum base64_way chosen = BASE64_BEST;

bool base64_use(enum base64_way way)
{
	if (way == BASE64_AVX2 && !base64_avx2_here())
		return false;
	chosen = way;
	return true;
}

static bool by_vectors(void)
{
	return chosen != BASE64_SCALAR && base64_avx2_here();
}

/* Groups of plain characters, up to the first that is not; returns characters taken. */
static size_t decode_plain(const uint8_t *text, size_t n, uint8_t *out)
{
	size_t at = 0;

	for (; n - at >= GROUP_CHARS; at += GROUP_CHARS, out += GROUP_BYTES) {
		unsigned a = values[text[at]], b = values[text[at + 1]];
		unsigned c = values[text[at + 2]], d = values[text[at + 3]];
		unsigned bits = a << 18 | b << 12 | c << 6 | d;

		/* one NOT_PLAIN is enough to pass 63 */
		if ((a | b | c | d) > 63)
			break;
		out[0] = (uint8_t)(bits >> 16);
		out[1] = (uint8_t)(bits >> 8);
		out[2] = (uint8_t)bits;
	}
	return at;
}

/* "xx==" or "xxx=", without bits behind the last byte. Returns bytes written, 0 for anything else. */
static size_t decode_padded(const uint8_t group[GROUP_CHARS], uint8_t *out)
{
	unsigned a = values[group[0]], b = values[group[1]], c = values[group[2]];
	bool two = group[2] == '=';

	if (two)
		c = 0;
	if (group[3] != '=' || (a | b | c) > 63)
		return 0;
	if ((two ? b & 15 : c & 3) != 0)
		return 0;
	out[0] = (uint8_t)(a << 2 | b >> 4);
	if (two)
		return 1;
	out[1] = (uint8_t)(b << 4 | c >> 2);
	return 2;
}

/* Whole groups in n characters, padding only at the very end. Where d->bad is set, the groups in front still count. */
static void decode_groups(struct base64_decoder *d, const uint8_t *text, size_t n, uint8_t *out, size_t *written)
{
	size_t at = by_vectors() ? base64_avx2_decode(text, n, out) : 0;
	size_t last;

	at += decode_plain(text + at, n - at, out + at / GROUP_CHARS * GROUP_BYTES);
	*written += at / GROUP_CHARS * GROUP_BYTES;
	if (at == n)
		return;
	last = decode_padded(text + at, out + at / GROUP_CHARS * GROUP_BYTES);
	*written += last;
	d->ended = last > 0;
	d->bad = last == 0 || n - at > GROUP_CHARS;
}

void base64_decode_init(struct base64_decoder *d)
{
	*d = (struct base64_decoder){ 0 };
}

/* Completes what is held by up to three groups of the text, read before anything is written. Returns how many
 * characters of the text it took. */
static size_t decode_head(struct base64_decoder *d, const uint8_t *text, size_t n, uint8_t *out, size_t *written)
{
	uint8_t head[HEAD_CHARS];
	size_t take = sizeof(head) - d->count, full;

	if (take > n)
		take = n;
	memcpy(head, d->held, d->count);
	memcpy(head + d->count, text, take);
	full = (d->count + take) / GROUP_CHARS * GROUP_CHARS;
	/* less than three groups: that was all of the text */
	d->count = (uint8_t)(d->count + take - full);
	memcpy(d->held, head + full, d->count);
	decode_groups(d, head, full, out, written);
	return take;
}

bool base64_decode(struct base64_decoder *d, const char *text, size_t n, uint8_t *out, size_t *written)
{
	const uint8_t *at = (const uint8_t *)text, *end = at + n;

	*written = 0;
	if (n == 0)
		return !d->bad;
	d->bad = d->bad || d->ended;
	if (!d->bad && d->count > 0)
		at += decode_head(d, at, n, out, written);
	if (!d->bad && at < end) {
		n = (size_t)(end - at);
		d->bad = d->ended;
		/* first, since decoding in place may write over it */
		d->count = n % GROUP_CHARS;
		memcpy(d->held, end - d->count, d->count);
		if (!d->bad)
			decode_groups(d, at, n - d->count, out + *written, written);
	}
	d->bad = d->bad || (d->ended && d->count > 0);
	return !d->bad;
}

bool base64_decode_end(const struct base64_decoder *d)
{
	return !d->bad && d->count == 0;
}

size_t base64_encode(const uint8_t *bytes, size_t n, char *out)
{
	size_t at = by_vectors() ? base64_avx2_encode(bytes, n, out) : 0;
	char *to = out + at / GROUP_BYTES * GROUP_CHARS;
	unsigned bits;

	for (; n - at >= GROUP_BYTES; at += GROUP_BYTES, to += GROUP_CHARS) {
		bits = (unsigned)bytes[at] << 16 | (unsigned)bytes[at + 1] << 8 | bytes[at + 2];
		to[0] = alphabet[bits >> 18];
		to[1] = alphabet[bits >> 12 & 63];
		to[2] = alphabet[bits >> 6 & 63];
		to[3] = alphabet[bits & 63];
	}
	if (at == n)
		return (size_t)(to - out);
	bits = (unsigned)bytes[at] << 16 | (n - at == 2 ? (unsigned)bytes[at + 1] << 8 : 0);
	to[0] = alphabet[bits >> 18];
	to[1] = alphabet[bits >> 12 & 63];
	to[2] = n - at == 2 ? alphabet[bits >> 6 & 63] : '=';
	to[3] = '=';
	return (size_t)(to + GROUP_CHARS - out);
}
