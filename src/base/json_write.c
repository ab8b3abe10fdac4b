/*
 * json_write - JSON text, value after value, into a buf.
 *
 * `comma` says that a value has just ended at this level: what comes next puts one in
 * front. A key clears it again, so that its value follows bare.
 */
#include <math.h>
#include <stdio.h>

#include "base/json.h"

struct json_writer json_writer(struct buf *out)
{
	return (struct json_writer){ .out = out };
}

static void begin(struct json_writer *w)
{
	if (w->comma)
		buf_byte(w->out, ',');
	w->comma = true;
}

static void open_with(struct json_writer *w, char bracket)
{
	CHECK(w->depth < UINT8_MAX);
	begin(w);
	buf_byte(w->out, bracket);
	w->depth++;
	w->comma = false;
}

static void close_with(struct json_writer *w, char bracket)
{
	CHECK(w->depth > 0);
	buf_byte(w->out, bracket);
	w->depth--;
	w->comma = true;
}

void jw_object(struct json_writer *w)
{
	open_with(w, '{');
}

void jw_array(struct json_writer *w)
{
	open_with(w, '[');
}

void jw_end_object(struct json_writer *w)
{
	close_with(w, '}');
}

void jw_end_array(struct json_writer *w)
{
	close_with(w, ']');
}

static bool is_simple(char c)
{
	return c >= ' ' && c != '"' && c != '\\'; /* char is signed: 0x80 and up is negative */
}

_Static_assert((char)0x80 < 0, "is_simple wants a signed char");

/* True when none of 8 bytes is a control byte, a quote, a backslash or above 0x7f. */
static bool eight_are_simple(const char *p)
{
	const uint64_t ones = 0x0101010101010101U, tops = ones << 7;
	uint64_t w, quote, slash;

	memcpy(&w, p, 8);
	quote = w ^ ones * '"';
	slash = w ^ ones * '\\';
	return (((w - ones * ' ') | (quote - ones) | (slash - ones) | w) & tops) == 0;
}

/* Where the first byte at or after i is that cannot be copied as it is. */
static size_t skip_simple(struct str s, size_t i)
{
	while (s.n - i >= 8 && eight_are_simple(s.p + i))
		i += 8;
	while (i < s.n && is_simple(s.p[i]))
		i++;
	return i;
}

static void escape(struct buf *out, char c)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char u = (unsigned char)c;

	switch (c) {
	case '"': buf_put(out, "\\\"", 2); return;
	case '\\': buf_put(out, "\\\\", 2); return;
	case '\n': buf_put(out, "\\n", 2); return;
	case '\r': buf_put(out, "\\r", 2); return;
	case '\t': buf_put(out, "\\t", 2); return;
	default: buf_put(out, (char[]){ '\\', 'u', '0', '0', digits[u >> 4], digits[u & 15] }, 6);
	}
}

static void escaped(struct buf *out, struct str s)
{
	size_t from = 0, i;

	while ((i = skip_simple(s, from)) < s.n) {
		size_t n = str_utf8_length(s.p + i, s.n - i);

		if (n > 1) {
			i += n;
			buf_put(out, s.p + from, i - from);
			from = i;
			continue;
		}
		buf_put(out, s.p + from, i - from);
		if (n)
			escape(out, s.p[i]);
		else
			buf_put(out, "\xef\xbf\xbd", 3);
		from = i + 1;
	}
	if (from < s.n)
		buf_put(out, s.p + from, s.n - from);
}

/* The text in quotes, with the comma in front and the colon after a key: most texts need
 * no escape, and take one look at the room and one copy. */
static void quoted(struct json_writer *w, struct str s, bool is_key)
{
	size_t n = s.n + 2 + w->comma + is_key;
	char *to;

	if (skip_simple(s, 0) < s.n) {
		begin(w);
		buf_byte(w->out, '"');
		escaped(w->out, s);
		buf_put(w->out, "\":", is_key ? 2 : 1);
		w->comma = !is_key;
		return;
	}
	to = buf_room(w->out, n);
	if (to) {
		if (w->comma)
			*to++ = ',';
		*to++ = '"';
		if (s.n)
			memcpy(to, s.p, s.n);
		to[s.n] = '"';
		if (is_key)
			to[s.n + 1] = ':';
		buf_added(w->out, n);
	}
	w->comma = !is_key;
}

void jw_key_str(struct json_writer *w, struct str key)
{
	quoted(w, key, true);
}

void jw_key(struct json_writer *w, const char *key)
{
	jw_key_str(w, str_from(key));
}

void jw_str(struct json_writer *w, struct str s)
{
	quoted(w, s, false);
}

void jw_cstr(struct json_writer *w, const char *s)
{
	if (s)
		jw_str(w, str_from(s));
	else
		jw_null(w);
}

void jw_int(struct json_writer *w, int64_t v)
{
	begin(w);
	buf_i64(w->out, v);
}

void jw_bool(struct json_writer *w, bool v)
{
	begin(w);
	buf_put(w->out, v ? "true" : "false", v ? 4 : 5);
}

void jw_null(struct json_writer *w)
{
	begin(w);
	buf_put(w->out, "null", 4);
}

void jw_fixed(struct json_writer *w, int64_t v, unsigned decimals)
{
	uint64_t whole = v < 0 ? -(uint64_t)v : (uint64_t)v, scale = 1, part;
	char digits[20];
	size_t n = decimals;

	CHECK(decimals < sizeof(digits) - 1);
	for (unsigned i = 0; i < decimals; i++)
		scale *= 10;
	part = whole % scale;
	for (unsigned i = decimals; i-- > 0; part /= 10)
		digits[i] = (char)('0' + part % 10);
	while (n && digits[n - 1] == '0')
		n--;
	begin(w);
	if (v < 0)
		buf_byte(w->out, '-');
	buf_u64(w->out, whole / scale);
	if (!n)
		return;
	buf_byte(w->out, '.');
	buf_put(w->out, digits, n);
}

void jw_double(struct json_writer *w, double v)
{
	char text[32];
	int n;

	if (!isfinite(v)) {
		jw_null(w);
		return;
	}
	n = snprintf(text, sizeof(text), "%.15g", v);
	CHECK(n > 0 && (size_t)n < sizeof(text));
	begin(w);
	buf_put(w->out, text, (size_t)n);
}

void jw_raw(struct json_writer *w, struct str json)
{
	begin(w);
	buf_str(w->out, json);
}

void jw_kv_str(struct json_writer *w, const char *key, struct str s)
{
	jw_key(w, key);
	jw_str(w, s);
}

void jw_kv_cstr(struct json_writer *w, const char *key, const char *s)
{
	jw_key(w, key);
	jw_cstr(w, s);
}

void jw_kv_int(struct json_writer *w, const char *key, int64_t v)
{
	jw_key(w, key);
	jw_int(w, v);
}

void jw_kv_bool(struct json_writer *w, const char *key, bool v)
{
	jw_key(w, key);
	jw_bool(w, v);
}
