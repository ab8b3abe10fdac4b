#pragma once
/*
 * base64 - the standard alphabet with padding (RFC 4648 section 4), in pieces of any size.
 *
 * Strict: a byte outside the alphabet, a "=" in the wrong place, bits after the last byte that are not zero, and a text
 * that ends inside a group are errors. The decoder keeps at most three characters between two calls. AVX2 is used where the
 * processor has it, seen at run time; `base64_use` pins one way for tests and measurements.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

enum base64_way { BASE64_BEST, BASE64_SCALAR, BASE64_AVX2 };

struct base64_decoder {
	uint8_t held[4]; /* characters of a group that is not full yet */
	uint8_t count;
	bool ended; /* a padded group came: nothing may follow */
	bool bad;
};

/* Bytes that n characters can give at the most, with what is held. */
#define BASE64_ROOM(n) (((n) + 3) / 4 * 3)

void base64_decode_init(struct base64_decoder *d);
/* Writes at most BASE64_ROOM(n) bytes to out, which may be `text` itself where it has that room (1, 2 and 5 characters
 * can give more bytes than they are). False: not base64; d->bad stays. */
MUST_CHECK bool base64_decode(struct base64_decoder *d, const char *text, size_t n, uint8_t *out, size_t *written);
/* No more will come. False: it ended inside a group. */
MUST_CHECK bool base64_decode_end(const struct base64_decoder *d);

/* Characters for n bytes, padding included. */
#define BASE64_LENGTH(n) (((n) + 2) / 3 * 4)
/* Whole groups only: n must be a multiple of 3 except for the last piece, which is padded. Returns characters written. */
size_t base64_encode(const uint8_t *bytes, size_t n, char *out);

/* False: this processor has it not. */
bool base64_use(enum base64_way way);
