/*
 * What a head means, and rules G1 (target), G5 (Host), G6 (framing), G8 (methods) and G11
 * (duplicates). All of it is judged before the handler sees the request.
 */
#include <arpa/inet.h>

#include "base/url.h"
#include "http/parse.h"

/* Fields with a meaning here, or whose doubling would let two readers choose differently. */
enum {
	FIELD_HOST = 1,
	FIELD_EXPECT = 2,
	FIELD_TYPE = 4,
	FIELD_KEY = 8,
	FIELD_LENGTH = 16,
	FIELD_IDEMPOTENCY = 32,
	FIELD_CODING = 64,
	FIELD_FAL = 128,
	FIELD_REPEATS = FIELD_EXPECT | FIELD_FAL, /* doubles are looked at elsewhere */
};

static const struct {
	const char *name;
	uint8_t n;
	uint8_t bit;
} known[] = {
	{ "host", 4, FIELD_HOST },
	{ "expect", 6, FIELD_EXPECT },
	{ "content-type", 12, FIELD_TYPE },
	{ "authorization", 13, FIELD_KEY },
	{ "content-length", 14, FIELD_LENGTH },
	{ "idempotency-key", 15, FIELD_IDEMPOTENCY },
	{ "transfer-encoding", 17, FIELD_CODING },
};

static const struct {
	const char *name;
	enum http_method method;
} methods[] = {
	{ "GET", HTTP_GET_ },     { "POST", HTTP_POST_ },     { "HEAD", HTTP_HEAD_ },       { "PUT", HTTP_PUT_ },
	{ "PATCH", HTTP_PATCH_ }, { "DELETE", HTTP_DELETE_ }, { "OPTIONS", HTTP_OPTIONS_ },
};

enum http_method fields_method(struct str text)
{
	for (size_t i = 0; i < COUNT_OF(methods); i++)
		if (str_is(text, methods[i].name))
			return methods[i].method;
	return HTTP_OTHER_;
}

static struct str scheme_skip(struct str target)
{
	struct str http = STR("http://"), https = STR("https://");

	if (str_eq_nocase(str_sub(target, 0, http.n), http))
		return str_skip(target, http.n);
	if (str_eq_nocase(str_sub(target, 0, https.n), https))
		return str_skip(target, https.n);
	return (struct str){ NULL, 0 };
}

bool fields_check_line(struct parse *p)
{
	struct http_req *req = p->req;
	struct str target = req->target;

	if (str_is(req->method_text, "CONNECT") || str_is(req->method_text, "TRACE"))
		return parse_refuse(p, FAULT_METHOD, "This method is never allowed here");
	if (req->method == HTTP_OTHER_)
		return parse_refuse(p, FAULT_NOT_IMPLEMENTED, "The method is not known here");
	if (target.p[0] == '/' || scheme_skip(target).p)
		return true;
	if (req->method == HTTP_OPTIONS_ && str_is(target, "*"))
		return true;
	return parse_refuse(p, FAULT_BAD_REQUEST, "The request target must begin with /");
}

static unsigned field_bit(struct str name)
{
	struct str fal = STR("x-fal-");

	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (name.n == known[i].n && str_eq_nocase(name, (struct str){ known[i].name, known[i].n }))
			return known[i].bit;
	return name.n > fal.n && str_eq_nocase(str_sub(name, 0, fal.n), fal) ? FIELD_FAL : 0;
}

static bool is_port(struct str text)
{
	uint64_t port;

	return str_to_u64(text, &port) && port > 0 && port <= 65535 && text.n <= 5;
}

static bool is_ipv6(struct str text)
{
	struct in6_addr address;
	char z[INET6_ADDRSTRLEN];

	return str_to_cstr(text, z, sizeof(z)) && inet_pton(AF_INET6, z, &address) == 1;
}

static bool is_host(struct str text)
{
	size_t n = 0;

	if (text.n && text.p[0] == '[') {
		size_t end = str_find_byte(text, ']');

		if (end == SIZE_MAX || !is_ipv6(str_sub(text, 1, end - 1)))
			return false;
		n = end + 1;
	} else {
		while (n < text.n && (text.p[n] == '.' || text.p[n] == '-' || text.p[n] == '_' ||
		                      (text.p[n] >= '0' && text.p[n] <= '9') ||
		                      (text.p[n] >= 'a' && text.p[n] <= 'z') || (text.p[n] >= 'A' && text.p[n] <= 'Z')))
			n++;
	}
	if (n == 0)
		return false;
	return n == text.n || (text.p[n] == ':' && is_port(str_skip(text, n + 1)));
}

static struct str lower_copy(struct http_req *req, struct str s)
{
	char *p = arena_cstr(&req->arena, s);

	for (size_t i = 0; i < s.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] | 0x20);
	return (struct str){ p, s.n };
}

/* "." and ".." are refused, not resolved: nothing here links to such a path. */
static bool has_dot_segment(struct str path)
{
	struct str rest = path;

	while (rest.p) {
		struct str segment = str_cut(&rest, '/');

		if (str_is(segment, ".") || str_is(segment, ".."))
			return true;
	}
	return false;
}

static bool check_path(struct parse *p, struct str target)
{
	struct http_req *req = p->req;
	struct str query = target;
	struct str path = str_cut(&query, '?');

	req->query = query;
	if (str_find_byte(path, '%') != SIZE_MAX) {
		char *decoded = arena_cstr(&req->arena, path);
		size_t n;

		if (!url_decode(path, decoded, &n) || !str_is_utf8((struct str){ decoded, n }))
			return parse_refuse(p, FAULT_BAD_REQUEST, "The path has a broken escape");
		path = (struct str){ decoded, n };
	}
	if (path.n > 1 && str_find(path, STR("/.")) != SIZE_MAX && has_dot_segment(path))
		return parse_refuse(p, FAULT_BAD_REQUEST, "The path must not have . or .. in it");
	req->path = path.n ? path : STR("/");
	return true;
}

/* The authority of an absolute target must be the Host: no one in between may see another. */
static bool check_target(struct parse *p)
{
	struct http_req *req = p->req;
	struct str rest = scheme_skip(req->target);
	size_t n = 0;

	if (!rest.p)
		return check_path(p, req->target);
	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	if (!is_host(str_sub(rest, 0, n)))
		return parse_refuse(p, FAULT_BAD_REQUEST, "The request target has no usable host");
	if (!req->host.n)
		req->host = lower_copy(req, str_sub(rest, 0, n));
	if (!str_eq_nocase(str_sub(rest, 0, n), req->host))
		return parse_refuse(p, FAULT_BAD_REQUEST, "The request target and the Host field differ");
	return check_path(p, str_skip(rest, n));
}

static bool check_length(struct parse *p, struct str value)
{
	uint64_t length;

	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < '0' || value.p[i] > '9')
			return parse_refuse(p, FAULT_BAD_REQUEST, "The Content-Length is not a number");
	if (value.n == 0)
		return parse_refuse(p, FAULT_BAD_REQUEST, "The Content-Length is empty");
	if (!str_to_u64(value, &length) || length > INT64_MAX)
		return parse_refuse(p, FAULT_TOO_LARGE, "The body is too large");
	p->req->content_length = (int64_t)length;
	return true;
}

static bool check_coding(struct parse *p, struct str value)
{
	if (p->req->minor == 0)
		return parse_refuse(p, FAULT_BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding");
	if (value.n == 0)
		return parse_refuse(p, FAULT_BAD_REQUEST, "The Transfer-Encoding is empty");
	if (!str_eq_nocase(value, STR("chunked")))
		return parse_refuse(p, FAULT_NOT_IMPLEMENTED, "Only the transfer encoding chunked is known here");
	p->req->content_length = -1;
	return true;
}

static bool check_expect(struct parse *p, struct str value)
{
	if (p->req->minor == 0)
		return true;
	if (!str_eq_nocase(value, STR("100-continue")))
		return parse_refuse(p, FAULT_EXPECTATION, "Only 100-continue can be expected here");
	p->expects_continue = true;
	return true;
}

static bool check_host(struct parse *p, struct str value)
{
	if (!is_host(value))
		return parse_refuse(p, FAULT_BAD_REQUEST, "The Host field cannot be read");
	p->req->host = lower_copy(p->req, value);
	return true;
}

static bool check_field(struct parse *p, unsigned bit, struct str value)
{
	switch (bit) {
	case FIELD_HOST: return check_host(p, value);
	case FIELD_EXPECT: return check_expect(p, value);
	case FIELD_LENGTH: return check_length(p, value);
	case FIELD_CODING: return check_coding(p, value);
	default: return true;
	}
}

/* x-fal-* fields are a family: only equal names are doubles. */
static bool is_fal_double(const struct http_req *req, unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		if (str_eq_nocase(req->fields[i].name, req->fields[at].name))
			return true;
	return false;
}

bool fields_check(struct parse *p)
{
	struct http_req *req = p->req;
	unsigned seen = 0;

	for (unsigned i = 0; i < req->field_count; i++) {
		unsigned bit = field_bit(req->fields[i].name);

		if (!bit)
			continue;
		if ((seen & bit & ~(unsigned)FIELD_REPEATS) || (bit == FIELD_FAL && is_fal_double(req, i)))
			return parse_refuse(p, FAULT_BAD_REQUEST, "A header field that may come once came twice");
		seen |= bit;
		if (!check_field(p, bit, req->fields[i].value))
			return false;
	}
	if ((seen & FIELD_LENGTH) && (seen & FIELD_CODING))
		return parse_refuse(p, FAULT_BAD_REQUEST, "Content-Length and Transfer-Encoding cannot both be there");
	if (!(seen & FIELD_HOST) && req->minor > 0)
		return parse_refuse(p, FAULT_BAD_REQUEST, "A Host field is needed");
	return check_target(p);
}
