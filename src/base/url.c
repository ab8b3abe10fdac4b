/*
 * url - one pass over the text, piece by piece, refusing at the first doubt.
 *
 * libcurl is the one that connects. Where it reads a spelling otherwise than this file
 * would (octal or short addresses, escapes in a host, a missing slash, names under
 * .localhost), the spelling is refused: no address is then checked in one form and used in another.
 */
#include "base/url.h"

#include <arpa/inet.h>

enum { URL_LONGEST = 8192, HOST_LONGEST = 253, LABEL_LONGEST = 63 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Printable ASCII without blank, quotes, angle brackets and backslash. */
static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c <= ' ' || c > '~' || c == '"' || c == '<' || c == '>' || c == '\\')
			return false;
	}
	return true;
}

/* Four decimal parts, each 0 to 255 without a leading zero. */
static bool is_ipv4(struct str host)
{
	unsigned parts = 0;

	while (host.p) {
		struct str part = str_cut(&host, '.');
		uint64_t v;

		if (part.n > 3 || !str_to_u64(part, &v) || v > 255 || (part.n > 1 && part.p[0] == '0'))
			return false;
		parts++;
	}
	return parts == 4;
}

static bool is_ipv6(struct str host)
{
	unsigned char address[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];

	return str_to_cstr(host, text, sizeof(text)) && inet_pton(AF_INET6, text, address) == 1;
}

static bool is_label(struct str label)
{
	if (!label.n || label.n > LABEL_LONGEST || label.p[0] == '-' || label.p[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++)
		if (!is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
			return false;
	return true;
}

/* A last label that starts like this is read as part of an address by some resolver. */
static bool looks_numeric(struct str label)
{
	size_t i = 0;

	if (str_eq_nocase(str_sub(label, 0, 2), STR("0x")))
		return true;
	while (i < label.n && is_digit(label.p[i]))
		i++;
	return i == label.n;
}

static bool is_name(struct str host)
{
	struct str rest = host, label = { 0 };

	if (!host.n || host.n > HOST_LONGEST)
		return false;
	while (rest.p) {
		label = str_cut(&rest, '.');
		if (!is_label(label))
			return false;
	}
	if (looks_numeric(label))
		return false;
	return str_eq_nocase(host, STR("localhost")) || !str_eq_nocase(label, STR("localhost"));
}

static bool take_scheme(struct str *s, struct url *out)
{
	struct str https = STR("https://"), http = STR("http://");

	out->https = str_eq_nocase(str_sub(*s, 0, https.n), https);
	if (!out->https && !str_eq_nocase(str_sub(*s, 0, http.n), http))
		return false;
	*s = str_skip(*s, out->https ? https.n : http.n);
	return true;
}

static bool parse_port(struct str text, uint16_t *port)
{
	uint64_t v;

	if (text.n > 5 || !str_to_u64(text, &v) || v < 1 || v > UINT16_MAX || text.p[0] == '0')
		return false;
	*port = (uint16_t)v;
	return true;
}

static bool parse_authority(struct str authority, struct url *out)
{
	struct str rest;

	out->port = out->https ? 443 : 80;
	if (authority.n && authority.p[0] == '[') {
		size_t end = str_find_byte(authority, ']');

		if (end == SIZE_MAX)
			return false;
		out->host = str_sub(authority, 1, end - 1);
		rest = str_skip(authority, end + 1);
		out->is_address = true;
		if (!is_ipv6(out->host))
			return false;
	} else {
		size_t end = str_find_byte(authority, ':');

		out->host = str_sub(authority, 0, end);
		rest = end == SIZE_MAX ? STR("") : str_skip(authority, end);
		out->is_address = is_ipv4(out->host);
		if (!out->is_address && !is_name(out->host))
			return false;
	}
	if (!rest.n)
		return true;
	return rest.p[0] == ':' && parse_port(str_skip(rest, 1), &out->port);
}

bool url_parse(struct str text, struct url *out)
{
	struct str authority;
	size_t n = 0;

	*out = (struct url){ 0 };
	if (text.n > URL_LONGEST || !is_plain(text) || !take_scheme(&text, out))
		return false;
	while (n < text.n && text.p[n] != '/' && text.p[n] != '?' && text.p[n] != '#')
		n++;
	authority = str_sub(text, 0, n);
	out->target = str_skip(text, n);
	out->target = str_sub(out->target, 0, str_find_byte(out->target, '#'));
	if (!out->target.n)
		out->target = STR("/");
	return out->target.p[0] == '/' && parse_authority(authority, out);
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return a->https == b->https && a->port == b->port && str_eq_nocase(a->host, b->host);
}

static bool is_unreserved(char c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

void url_encode(struct buf *out, struct str s, const char *keep)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (is_unreserved(s.p[i]) || (keep && c && strchr(keep, c)))
			buf_byte(out, s.p[i]);
		else
			buf_put(out, (char[]){ '%', digits[c >> 4], digits[c & 15] }, 3);
	}
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `least`: the smallest byte that may come out; `plus`: what a '+' stands for. */
static bool decode(struct str s, char *out, size_t *n, unsigned char least, char plus)
{
	size_t to = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '%') {
			int high = s.n - i > 2 ? hex_value(s.p[i + 1]) : -1;
			int low = s.n - i > 2 ? hex_value(s.p[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (unsigned char)(high << 4 | low);
			i += 2;
		} else if (c == '+') {
			c = (unsigned char)plus;
		}
		if (c < least)
			return false;
		out[to++] = (char)c;
	}
	*n = to;
	return true;
}

bool url_decode(struct str s, char *out, size_t *n)
{
	return decode(s, out, n, 0x20, '+');
}

bool url_decode_form(struct str s, char *out, size_t *n)
{
	return decode(s, out, n, 1, ' ');
}

struct str url_query_get(struct str query, const char *name)
{
	while (query.p) {
		struct str value = str_cut(&query, '&'), key = str_cut(&value, '=');

		if (str_is(key, name))
			return value.p ? value : STR("");
	}
	return (struct str){ 0 };
}
