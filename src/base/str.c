/*
 * str - plain loops over plain bytes; no locale, no table that knows more than ASCII.
 */
#include "base/str.h"

#include "base/check.h"

#include <math.h>
#include <stdlib.h>

enum { NUMBER_LONGEST = 128, DISTANCE_LONGEST = 64 };

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq((struct str){ s.p, prefix.n }, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

size_t str_find_byte(struct str s, char c)
{
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

	return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t str_find(struct str s, struct str needle)
{
	if (!needle.n)
		return 0;
	for (size_t i = 0; needle.n <= s.n && i <= s.n - needle.n; i++) {
		size_t step = str_find_byte((struct str){ s.p + i, s.n - needle.n - i + 1 }, *needle.p);

		if (step == SIZE_MAX)
			return SIZE_MAX;
		i += step;
		if (memcmp(s.p + i, needle.p, needle.n) == 0)
			return i;
	}
	return SIZE_MAX;
}

struct str str_sub(struct str s, size_t from, size_t n)
{
	if (from >= s.n)
		return (struct str){ "", 0 };
	return (struct str){ s.p + from, n < s.n - from ? n : s.n - from };
}

struct str str_skip(struct str s, size_t n)
{
	return str_sub(s, n, SIZE_MAX);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_clip(struct str s, size_t max)
{
	if (s.n > max) {
		s.n = max;
		while (s.n > 0 && ((unsigned char)s.p[s.n] & 0xC0) == 0x80)
			s.n--;
	}
	return s;
}

struct str str_trim(struct str s)
{
	while (s.n && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct str str_cut(struct str *rest, char sep)
{
	size_t at = str_find_byte(*rest, sep);
	struct str head = *rest;

	if (at == SIZE_MAX) {
		*rest = (struct str){ NULL, 0 };
		return head;
	}
	head.n = at;
	*rest = (struct str){ rest->p + at + 1, rest->n - at - 1 };
	return head;
}

bool str_to_u64(struct str s, uint64_t *out)
{
	uint64_t v = 0;

	if (!s.n)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_digit(s.p[i]))
			return false;
		if (__builtin_mul_overflow(v, 10U, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

bool str_to_i64(struct str s, int64_t *out)
{
	bool negative = s.n && s.p[0] == '-';
	uint64_t v;

	if (!str_to_u64(negative ? str_skip(s, 1) : s, &v) || v > (uint64_t)INT64_MAX + negative)
		return false;
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

static size_t skip_digits(struct str s, size_t i)
{
	while (i < s.n && is_digit(s.p[i]))
		i++;
	return i;
}

/* strtod also takes "inf", "0x1p3" and blanks; this shape does not. */
static bool is_number(struct str s)
{
	size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+'), digits = i;

	i = skip_digits(s, i);
	if (i == digits)
		return false;
	if (i < s.n && s.p[i] == '.') {
		digits = ++i;
		i = skip_digits(s, i);
		if (i == digits)
			return false;
	}
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		i++;
		if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
			i++;
		digits = i;
		i = skip_digits(s, i);
		if (i == digits)
			return false;
	}
	return i == s.n;
}

bool str_to_double(struct str s, double *out)
{
	char text[NUMBER_LONGEST];
	double v;

	if (!is_number(s) || !str_to_cstr(s, text, sizeof(text)))
		return false;
	v = strtod(text, NULL);
	if (!isfinite(v))
		return false;
	*out = v;
	return true;
}

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Length of the well-formed sequence at p, 0 when there is none. */
size_t str_utf8_length(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t need;

	if (!n)
		return 0;
	if (u[0] < 0x80)
		return 1;
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	need = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (n < need)
		return 0;
	for (size_t i = 1; i < need; i++)
		if (!is_continuation(u[i]))
			return 0;
	/* overlong forms, surrogates, past U+10FFFF */
	if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) || (u[0] == 0xf0 && u[1] < 0x90) ||
	    (u[0] == 0xf4 && u[1] > 0x8f))
		return 0;
	return need;
}

/* White_Space of the Unicode database, beyond ASCII. */
static bool is_wide_blank(const char *p, size_t n)
{
	static const char *const blanks[] = {
		"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
		"\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
		"\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
		"\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
	};

	for (size_t i = 0; i < COUNT_OF(blanks); i++)
		if (str_eq((struct str){ p, n }, str_from(blanks[i])))
			return true;
	return false;
}

bool str_is_blank(struct str s)
{
	for (size_t i = 0, n; i < s.n; i += n) {
		n = str_utf8_length(s.p + i, s.n - i);
		if (n == 1 ? !is_blank(s.p[i]) && s.p[i] != '\v' && s.p[i] != '\f' : !n || !is_wide_blank(s.p + i, n))
			return false;
	}
	return true;
}

bool str_is_utf8(struct str s)
{
	for (size_t i = 0, n; i < s.n; i += n) {
		n = str_utf8_length(s.p + i, s.n - i);
		if (!n)
			return false;
	}
	return true;
}

size_t str_code_points(struct str s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.n; i++)
		count += !is_continuation((unsigned char)s.p[i]);
	return count;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned str_distance(struct str a, struct str b, unsigned cap)
{
	unsigned row[DISTANCE_LONGEST + 1];

	if (a.n > DISTANCE_LONGEST || b.n > DISTANCE_LONGEST)
		return cap;
	for (unsigned j = 0; j <= b.n; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			unsigned change = diagonal + (a.p[i - 1] != b.p[j - 1]);

			diagonal = row[j];
			row[j] = least(change, least(row[j], row[j - 1]) + 1);
		}
	}
	return least(row[b.n], cap);
}

bool str_to_cstr(struct str s, char *out, size_t size)
{
	if (s.n >= size)
		return false;
	if (s.n)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}
