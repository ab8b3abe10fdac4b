#pragma once
/*
 * url - take an absolute http(s) URL apart, and percent-coding.
 *
 * Strict: what libcurl would "repair" (missing slashes, a host as an octal number,
 * blanks, user names, control bytes) is refused, so that the address which was checked is the one used.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/str.h"

struct url {
	bool https;
	struct str host; /* without brackets; a name, an IPv4 or an IPv6 address */
	bool is_address;
	uint16_t port;     /* 80 or 443 where none was given */
	struct str target; /* path and query, "/" at least; without fragment */
};

MUST_CHECK bool url_parse(struct str text, struct url *out);
/* Same scheme, host (any case) and port. */
bool url_same_origin(const struct url *a, const struct url *b);
/* Unreserved characters stay, the rest becomes %XX. `keep` names further bytes to leave. */
void url_encode(struct buf *out, struct str s, const char *keep);
/* %XX in place; false on a broken escape, NUL, or a byte below 0x20. `out` may be s.p. */
MUST_CHECK bool url_decode(struct str s, char *out, size_t *n);
/* The same for a field of a form: '+' is a blank, and line ends may occur. */
MUST_CHECK bool url_decode_form(struct str s, char *out, size_t *n);
/* The value of `name` in a query string, still encoded; p is NULL when absent. */
struct str url_query_get(struct str query, const char *name);
