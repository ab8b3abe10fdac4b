/*
 * Why this exists: strict llhttp still takes obs-fold, empty field names, HTTP/0.9, two
 * spaces in the first line, endless blank lines, and heads, chunk extensions and trailers of any
 * size. Each rule is a state here; bytes are told apart by one table.
 *
 * A bare CR or LF is refused everywhere in a head and in chunk framing, so that CRLFCRLF is the
 * only end of a head for any reader, this one and any proxy in front of it.
 */
#include <string.h>

#include "http/guard.h"
#include "http/http.h"

enum {
	IS_TOKEN = 1,  /* RFC 9110 tchar */
	IS_TARGET = 2, /* 0x21-0x7e without "#" */
	IS_VALUE = 4,  /* HTAB, 0x20-0x7e, 0x80-0xff */
	IS_UPPER = 8,  /* in names of methods */
};

enum { METHOD_MAX = 24, CHUNK_DIGITS_MAX = 16, EXTENSIONS_MAX = 1024, TRAILERS_MAX = 4096 };

#define T (IS_TOKEN | IS_TARGET | IS_VALUE)
#define M (IS_TOKEN | IS_TARGET | IS_VALUE | IS_UPPER)
#define P (IS_TARGET | IS_VALUE)
#define V IS_VALUE
/* clang-format off */
static const uint8_t kinds[256] = {
	['\t'] = V, [' '] = V, ['#'] = IS_TOKEN | IS_VALUE,
	['!'] = T, ['$'] = T, ['%'] = T, ['&'] = T, ['\''] = T, ['*'] = T, ['+'] = T, ['-'] = M, ['.'] = T,
	['^'] = T, ['_'] = T, ['`'] = T, ['|'] = T, ['~'] = T,
	['"'] = P, ['('] = P, [')'] = P, [','] = P, ['/'] = P, [':'] = P, [';'] = P, ['<'] = P, ['='] = P, ['>'] = P,
	['?'] = P, ['@'] = P, ['['] = P, ['\\'] = P, [']'] = P, ['{'] = P, ['}'] = P,
	['0' ... '9'] = T, ['A' ... 'Z'] = M, ['a' ... 'z'] = T, [0x80 ... 0xff] = V,
};
/* clang-format on */
#undef T
#undef M
#undef P
#undef V

static bool is(char c, uint8_t kind)
{
	return kinds[(unsigned char)c] & kind;
}

/* How many bytes of this kind stand at p, at most n. */
static size_t run(const char *p, size_t n, uint8_t kind)
{
	size_t i = 0;

	while (i < n && is(p[i], kind))
		i++;
	return i;
}

static void refuse(struct guard *g, enum fault_code code, const char *why)
{
	g->state = GUARD_REFUSED;
	g->refused = code;
	g->why = why;
}

void guard_init(struct guard *g, const struct http_limits *limits)
{
	*g = (struct guard){ .limits = limits, .state = GUARD_START };
}

static void version_byte(struct guard *g, char c)
{
	static const char any[] = "HTTP/d.d\r\n";
	char want = any[g->version_at];
	bool fits = want == 'd' ? c >= '0' && c <= '9' : c == want;

	if (!fits) {
		refuse(g, FAULT_BAD_REQUEST, "The request line must be: method, space, target, space, HTTP/1.1");
		return;
	}
	g->version[g->version_at++] = c;
	if (g->version_at < sizeof(any) - 1)
		return;
	if (memcmp(g->version, "HTTP/1.1", 8) != 0 && memcmp(g->version, "HTTP/1.0", 8) != 0)
		refuse(g, FAULT_HTTP_VERSION, "Only HTTP/1.1 and HTTP/1.0 are spoken here");
	else
		g->state = GUARD_LINE;
}

/* The first byte of a line in a header or trailer section. */
static void line_byte(struct guard *g, char c)
{
	if (c == '\r') {
		g->state = GUARD_END_LF;
	} else if (is(c, IS_TOKEN)) {
		g->state = GUARD_NAME;
		if (++g->lines > g->limits->fields)
			refuse(g, FAULT_HEAD_TOO_LARGE, "Too many header fields");
	} else if (c == ' ' || c == '\t') {
		refuse(g, FAULT_BAD_REQUEST, "A header line must not begin with a blank");
	} else {
		refuse(g, FAULT_BAD_REQUEST, "A header line must begin with a name");
	}
}

static void start_byte(struct guard *g, char c)
{
	g->method_bytes = 1;
	if (is(c, IS_UPPER))
		g->state = GUARD_METHOD;
	else
		refuse(g, FAULT_BAD_REQUEST, "A request must begin with a method");
}

static void method_byte(struct guard *g, char c)
{
	if (c == ' ')
		g->state = GUARD_TARGET;
	else if (!is(c, IS_TOKEN))
		refuse(g, FAULT_BAD_REQUEST, "The method has a byte that cannot be part of it");
	else if (g->method_bytes >= METHOD_MAX)
		refuse(g, FAULT_NOT_IMPLEMENTED, "The method is not known here");
	else
		g->method_bytes++;
}

static void after_target(struct guard *g, char c)
{
	if (c == ' ' && g->target_bytes > 0)
		g->state = GUARD_VERSION;
	else
		refuse(g, FAULT_BAD_REQUEST, "The request target cannot be read");
}

static void after_name(struct guard *g, char c)
{
	if (c == ':')
		g->state = GUARD_VALUE;
	else
		refuse(g, FAULT_BAD_REQUEST, "A header name has a byte that cannot be part of it");
}

static void after_value(struct guard *g, char c)
{
	if (c == '\r')
		g->state = GUARD_VALUE_LF;
	else
		refuse(g, FAULT_BAD_REQUEST, "A header value has a byte that cannot be part of it");
}

static void want_lf(struct guard *g, char c, enum guard_state next)
{
	if (c == '\n')
		g->state = next;
	else
		refuse(g, FAULT_BAD_REQUEST, "A line must end with CR LF");
}

/* States with runs take many bytes at once; each call takes one at least. */
static size_t target_run(struct guard *g, const char *p, size_t n)
{
	size_t max = g->limits->target_bytes - g->target_bytes;
	size_t k = run(p, n < max ? n : max, IS_TARGET);

	g->target_bytes += k;
	if (k == n)
		return k;
	if (k == max && is(p[k], IS_TARGET))
		refuse(g, FAULT_URI_TOO_LONG, "The request target is too long");
	else
		after_target(g, p[k]);
	return k + 1;
}

static size_t field_run(struct guard *g, const char *p, size_t n)
{
	bool in_name = g->state == GUARD_NAME;
	size_t k = run(p, n, in_name ? IS_TOKEN : IS_VALUE);

	if (k == n)
		return k;
	if (in_name)
		after_name(g, p[k]);
	else
		after_value(g, p[k]);
	return k + 1;
}

/* One byte, or a run of them, in a state that heads and trailers share. */
static size_t line_step(struct guard *g, const char *p, size_t n)
{
	switch (g->state) {
	case GUARD_NAME:
	case GUARD_VALUE: return field_run(g, p, n);
	case GUARD_LINE: line_byte(g, *p); return 1;
	case GUARD_VALUE_LF: want_lf(g, *p, GUARD_LINE); return 1;
	case GUARD_END_LF:
	default: want_lf(g, *p, GUARD_DONE); return 1;
	}
}

static size_t head_step(struct guard *g, const char *p, size_t n)
{
	switch (g->state) {
	case GUARD_START: start_byte(g, *p); return 1;
	case GUARD_METHOD: method_byte(g, *p); return 1;
	case GUARD_TARGET: return target_run(g, p, n);
	case GUARD_VERSION: version_byte(g, *p); return 1;
	default: return line_step(g, p, n);
	}
}

size_t guard_head(struct guard *g, const char *p, size_t n, size_t *skip)
{
	size_t i = 0;

	*skip = 0;
	if (g->state == GUARD_START && n && *p == '\r' && !g->crlf_seen) {
		g->state = GUARD_START_LF;
		i = *skip = 1;
	}
	if (g->state == GUARD_START_LF && i < n) {
		want_lf(g, p[i], GUARD_START);
		g->crlf_seen = true;
		*skip = ++i;
	}
	while (i < n && g->state < GUARD_DONE) {
		size_t room = g->limits->head_bytes - g->head_bytes;
		size_t k;

		if (room == 0) {
			refuse(g, FAULT_HEAD_TOO_LARGE, "The header is too large");
			break;
		}
		k = head_step(g, p + i, n - i < room ? n - i : room);
		g->head_bytes += k;
		i += k;
	}
	return i;
}

void guard_expect_body(struct guard *g, int64_t length, uint64_t limit)
{
	g->body_limit = limit;
	g->lines = 0;
	if (length == 0)
		g->state = GUARD_DONE;
	else
		g->state = length > 0 ? GUARD_LENGTH : GUARD_SIZE;
	g->left = length > 0 ? (uint64_t)length : 0;
	g->digits = 0;
	if (length > 0 && g->left > limit)
		refuse(g, FAULT_TOO_LARGE, "The body is too large");
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static void size_byte(struct guard *g, char c)
{
	int digit = hex_value(c);

	if (digit >= 0 && g->digits == CHUNK_DIGITS_MAX) {
		refuse(g, FAULT_BAD_REQUEST, "A chunk size has too many digits");
	} else if (digit >= 0) {
		g->left = g->left << 4 | (unsigned)digit;
		g->digits++;
	} else if (c == '\r' && g->digits) {
		g->state = GUARD_SIZE_LF;
	} else if (c == ';' && g->digits) {
		g->state = GUARD_EXTENSION;
	} else {
		refuse(g, FAULT_BAD_REQUEST, "A chunk size cannot be read");
	}
}

static void extension_byte(struct guard *g, char c)
{
	if (c == '\r')
		g->state = GUARD_SIZE_LF;
	else if (!is(c, IS_VALUE))
		refuse(g, FAULT_BAD_REQUEST, "A chunk extension has a byte that cannot be part of it");
	else if (++g->extension_bytes > EXTENSIONS_MAX)
		refuse(g, FAULT_TOO_LARGE, "The chunk extensions are too large");
}

/* The chunk is judged here, before any of its data is taken. */
static void size_lf_byte(struct guard *g, char c)
{
	want_lf(g, c, g->left ? GUARD_DATA : GUARD_LINE);
	if (g->state == GUARD_LINE)
		g->in_trailer = true;
	else if (g->state == GUARD_DATA && (g->left > g->body_limit || g->body_bytes > g->body_limit - g->left))
		refuse(g, FAULT_TOO_LARGE, "The body is too large");
}

static size_t data_run(struct guard *g, size_t n)
{
	size_t k = n < g->left ? n : (size_t)g->left;

	g->left -= k;
	g->body_bytes += k;
	if (g->left == 0)
		g->state = g->state == GUARD_LENGTH ? GUARD_DONE : GUARD_DATA_CR;
	return k;
}

static void data_cr_byte(struct guard *g, char c)
{
	if (c == '\r')
		g->state = GUARD_DATA_LF;
	else
		refuse(g, FAULT_BAD_REQUEST, "A chunk must end with CR LF");
}

static size_t trailer_step(struct guard *g, const char *p, size_t n)
{
	size_t room = TRAILERS_MAX - g->trailer_bytes;
	size_t k;

	if (room == 0) {
		refuse(g, FAULT_HEAD_TOO_LARGE, "The trailer is too large");
		return 0;
	}
	k = line_step(g, p, n < room ? n : room);
	g->trailer_bytes += k;
	return k;
}

static size_t framing_step(struct guard *g, const char *p, size_t n)
{
	switch (g->state) {
	case GUARD_SIZE: size_byte(g, *p); return 1;
	case GUARD_EXTENSION: extension_byte(g, *p); return 1;
	case GUARD_SIZE_LF: size_lf_byte(g, *p); return 1;
	case GUARD_DATA_CR: data_cr_byte(g, *p); return 1;
	case GUARD_DATA_LF:
		want_lf(g, *p, GUARD_SIZE);
		g->digits = 0;
		return 1;
	default: return trailer_step(g, p, n);
	}
}

size_t guard_body(struct guard *g, const char *p, size_t n, bool *is_data)
{
	size_t i = 0;

	*is_data = g->state == GUARD_DATA || g->state == GUARD_LENGTH;
	if (*is_data)
		return data_run(g, n);
	while (i < n && g->state < GUARD_DONE && g->state != GUARD_DATA)
		i += framing_step(g, p + i, n - i);
	return i;
}
