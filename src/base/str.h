#pragma once
/*
 * str - views into bytes: compare, trim, split, parse numbers.
 *
 * Nothing here allocates and nothing here looks past s.n bytes. Parsers accept the
 * whole view or nothing: "12 " is not a number.
 */
#include <stdint.h>

#include "base/check.h"
#include "imago/str.h"

/* ASCII only: bytes above 0x7f compare as they are. */
bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
int str_cmp(struct str a, struct str b);

/* Position of the byte or text, or SIZE_MAX. */
size_t str_find_byte(struct str s, char c);
size_t str_find(struct str s, struct str needle);

/* The view from byte `from` on, at most `n` bytes; out of range gives an empty view. */
struct str str_sub(struct str s, size_t from, size_t n);
struct str str_skip(struct str s, size_t n);

/* At most `max` bytes of UTF-8, cut between two characters. */
struct str str_clip(struct str s, size_t max);

/* Without leading and trailing SP, HTAB, CR, LF. */
struct str str_trim(struct str s);
/* Nothing but white space, Unicode's included, or empty. */
bool str_is_blank(struct str s);

/* Cut *rest at the first `sep`: the head is returned, *rest becomes what follows.
 * Without `sep` the head is all of it and *rest becomes {NULL, 0}. Loop while rest->p. */
struct str str_cut(struct str *rest, char sep);

/* Decimal, no sign for the unsigned one, no blanks; false when it does not fit. */
MUST_CHECK bool str_to_u64(struct str s, uint64_t *out);
MUST_CHECK bool str_to_i64(struct str s, int64_t *out);
MUST_CHECK bool str_to_double(struct str s, double *out);

/* True when every byte is part of well-formed UTF-8 (no overlong form, no surrogate). */
bool str_is_utf8(struct str s);
/* Bytes of the well-formed sequence at p, of n bytes at most; 0 when there is none. */
size_t str_utf8_length(const char *p, size_t n);
/* Code points in valid UTF-8. */
size_t str_code_points(struct str s);

/* Edit distance with a cap, for "did you mean"; returns cap when it is cap or more. */
unsigned str_distance(struct str a, struct str b, unsigned cap);

/* Copy into a caller's array and end it with NUL; false when it does not fit. */
MUST_CHECK bool str_to_cstr(struct str s, char *out, size_t size);
