#pragma once
/*
 * json_scan - takes large strings out of a JSON text while it arrives, in constant memory.
 *
 * Some providers put pictures into JSON, as base64 in a string. The scanner checks the text as it comes, in
 * pieces of any size, and parts it in two:
 *
 *   strings at the given paths   handed on, unescaped, piece by piece, and not kept
 *   everything else              handed on as it is: a JSON text of its own, in which each such string has
 *                                become "imago:1", "imago:2", … in order of appearance
 *
 * Paths are names of members joined by dots, with "[]" for each of a list: "data[].b64_json",
 * "candidates[].content.parts[].inlineData.data", "images[]". A value at such a path that is no
 * string stays where it is.
 *
 * Accepts exactly RFC 8259 with UTF-8 (no byte order mark), to JSON_SCAN_DEPTH levels, in constant stack. Member
 * names that lead to a path are compared unescaped.
 *
 * Call-backs return false to give up; the scanner then says JSON_SCAN_STOPPED.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

enum { JSON_SCAN_DEPTH = 512, JSON_SCAN_PATHS = 8, JSON_SCAN_STRINGS = 64 };

enum json_scan_state {
	JSON_SCAN_MORE, /* fine so far */
	JSON_SCAN_WHOLE, /* one value was read; only blanks may follow */
	JSON_SCAN_BAD,
	JSON_SCAN_STOPPED, /* a call-back gave up */
	JSON_SCAN_TOO_MUCH /* too deep, or too many strings at the paths */
};

struct json_scan_events {
	/* The n-th string at a path begins (n from 1), goes on, ends. `p` may be changed in place by the receiver. */
	bool (*begin)(void *user, unsigned n);
	bool (*piece)(void *user, char *p, size_t size);
	bool (*end)(void *user);
	/* The rest. */
	bool (*text)(void *user, const char *p, size_t size);
	void *user;
};

struct json_scan; /* of fixed size, a few KiB */

/* Paths end with NULL and are borrowed. */
struct json_scan *json_scan_new(const char *const *paths, const struct json_scan_events *events);
void json_scan_free(struct json_scan **s);
/* Once it is not MORE or WHOLE it stays. */
enum json_scan_state json_scan_feed(struct json_scan *s, const char *p, size_t n);
/* No more bytes: MORE becomes BAD, unless a number at the top level was just complete. */
enum json_scan_state json_scan_end(struct json_scan *s);
/* How many bytes were read before it went wrong. */
uint64_t json_scan_offset(const struct json_scan *s);
