#pragma once
/*
 * str - a borrowed run of bytes, passed by value.
 *
 * Holds a pointer and a length; no terminating NUL is promised and NUL bytes may
 * occur inside. It owns nothing: whoever made the bytes says how long they live.
 * The empty string is {NULL, 0} or {"", 0}; both compare equal.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
	const char *p;
	size_t n;
};

/* From a string literal. A compound literal: not usable in static initializers. */
#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })

/* For printf: "%.*s" with STRF(s). */
#define STRF(s) (int)(s).n, ((s).p ? (s).p : "")

static inline struct str str_from(const char *cstr)
{
	return (struct str){ cstr, cstr ? strlen(cstr) : 0 };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *literal)
{
	return str_eq(a, str_from(literal));
}
