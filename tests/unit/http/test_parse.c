/*
 * The guard, llhttp and the fields together: what is refused and how, what is accepted and as
 * what; and that the cut of the bytes never changes the answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/mem.h"
#include "feed.h"

enum { BODY_LIMIT = 20 };

#define HOST "Host: a\r\n"
#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

struct row {
	const char *raw;
	int status; /* 0: not refused */
	unsigned requests;
};

/* clang-format off */
static const struct row rows[] = {
	/* accepted */
	{ "GET / HTTP/1.1\r\n" HOST "\r\n", 0, 1 },
	{ "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0, 1 },
	{ "GET / HTTP/1.0\r\n\r\n", 0, 1 },
	{ "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n", 0, 1 },
	{ "GET / HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n" HOST "\r\n", 0, 2 },
	{ "GET / HTTP/1.1\r\nConnection: close\r\n" HOST "\r\nGET /b HTTP/1.1\r\n" HOST "\r\n", 0, 1 },
	{ "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0, 1 },
	{ "GET http://A:80/x?y HTTP/1.1\r\nHost: a:80\r\n\r\n", 0, 1 },
	{ "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", 0, 1 },
	{ "GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", 0, 1 },
	{ "GET http://a/x HTTP/1.0\r\n\r\n", 0, 1 },
	{ "GET / HTTP/1.1\r\nHost: [::1]:9006\r\n\r\n", 0, 1 },
	{ "GET /a%20b/%C3%A9?x=%zz HTTP/1.1\r\n" HOST "\r\n", 0, 1 },
	{ "GET /a..b/...c HTTP/1.1\r\n" HOST "\r\n", 0, 1 },
	{ "GET / HTTP/1.1\r\n" HOST "X:\r\nY: \t \r\n\r\n", 0, 1 },
	{ "GET / HTTP/1.1\r\n" HOST "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\nGET /b HTTP/1.1\r\n" HOST "\r\n", 0, 2 },
	{ "POST / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n" HOST "\r\n", 0, 2 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 0, 1 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0, 2 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 20\r\n\r\n01234567890123456789", 0, 1 },
	{ "POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\nabc", 0, 1 },
	{ CHUNKED "5\r\nhello\r\n0\r\n\r\n", 0, 1 },
	{ CHUNKED "5;a=b\r\nhello\r\n0;c\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0, 2 },
	{ CHUNKED "00000000000000a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\nContent-Length: 5\r\n\r\n", 0, 1 },
	{ CHUNKED "0\r\nAuthorization: x\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0, 2 },
	{ "GET / HTTP/1.1\r\n" HOST "x-fal-a: 1\r\nx-fal-b: 1\r\n\r\n", 0, 1 },
	{ "GET / HTTP/1.1\r\n" HOST "Cookie: a\r\nCookie: b\r\n\r\n", 0, 1 },
	{ "GET / HTTP/1.1\r\n" HOST "X: \xff\x80\r\n\r\n", 0, 1 },

	/* G1: the request line */
	{ "GET /\r\n", 400, 0 },
	{ "GET /HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET  / HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET /  HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET / HTTP/1.1 \r\n" HOST "\r\n", 400, 0 },
	{ " GET / HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "get / HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET / http/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET / HTTP/1.1\n" HOST "\r\n", 400, 0 },
	{ "GET / HTTP/2.0\r\n" HOST "\r\n", 505, 0 },
	{ "GET / HTTP/1.2\r\n" HOST "\r\n", 505, 0 },
	{ "GET / HTTP/11.1\r\n" HOST "\r\n", 400, 0 },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, 0 },
	{ "OPTIONS * RTSP/1.0\r\n\r\n", 400, 0 },
	{ "SOURCE / ICE/1.0\r\n\r\n", 400, 0 },
	{ "BREW / HTTP/1.1\r\n" HOST "\r\n", 501, 0 },
	{ "ABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP/1.1\r\n" HOST "\r\n", 501, 0 },
	{ "GET * HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET a HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET http://b/ HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n", 400, 0 },
	{ "GET http:/// HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET /\x80 HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET /\t HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET /#x HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET /%00 HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET /%zz HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET /% HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET /%c0%ae HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET /../etc/passwd HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET /a/%2e%2e HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET /a%2f..%2fb HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET /./a HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "\x16\x03\x01\x02", 400, 0 },

	/* G8 */
	{ "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405, 0 },
	{ "TRACE / HTTP/1.1\r\n" HOST "\r\n", 405, 0 },

	/* G2: folds; bare CR and LF; G3: blank lines; G4: names */
	{ "GET / HTTP/1.1\r\n" HOST " Content-Length: 35\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n " HOST "\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n" HOST "\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "\r\rX", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nX:\rTransfer-Encoding: chunked\r\n" HOST "\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n", 400, 0 },
	{ "\nGET / HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "\rGET / HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "\r\n\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400, 1 },
	{ "GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "Transfer Encoding: chunked\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "X(: a\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "\xe9: a\r\n\r\n", 400, 0 },

	/* G5 */
	{ "GET / HTTP/1.1\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: a:0\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: a:8a\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\nHost: \xe9\r\n\r\n", 400, 0 },

	/* G6, G7, G11: framing */
	{ "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", 501, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n0\r\n\r\n", 400, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\nhello", 400, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\nhello", 400, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\nhello", 400, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\nhello", 400, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\nhello", 400, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\n", 413, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775807\r\n\r\n", 413, 1 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n", 400, 0 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 21\r\n\r\n", 413, 1 },
	{ CHUNKED "15\r\n", 413, 1 },
	{ CHUNKED "a\r\n0123456789\r\nb\r\n", 413, 1 },
	{ CHUNKED "8000000000000000\r\n", 413, 1 },
	{ CHUNKED "ffffffffffffffff\r\n", 413, 1 },
	{ CHUNKED "00000000000000005\r\n", 400, 1 },
	{ CHUNKED "\r\n", 400, 1 },
	{ CHUNKED ";x\r\n", 400, 1 },
	{ CHUNKED "g\r\n", 400, 1 },
	{ CHUNKED "0x5\r\n", 400, 1 },
	{ CHUNKED "5 \r\nhello", 400, 1 },
	{ CHUNKED " 5\r\nhello", 400, 1 },
	{ CHUNKED "5\nhello", 400, 1 },
	{ CHUNKED "5\rXhello", 400, 1 },
	{ CHUNKED "5\r\nhelloX", 400, 1 },
	{ CHUNKED "5\r\nhello\rX", 400, 1 },
	{ CHUNKED "5\r\nhello\n0\r\n\r\n", 400, 1 },
	{ CHUNKED "5;a\x01\r\nhello", 400, 1 },
	{ CHUNKED "5;a\nhello", 400, 1 },
	{ CHUNKED "0\r\n X: y\r\n\r\n", 400, 1 },
	{ CHUNKED "0\r\nX: y\r\n z\r\n\r\n", 400, 1 },
	{ CHUNKED "0\r\nX : y\r\n\r\n", 400, 1 },
	{ CHUNKED "0\r\n\rX", 400, 1 },
	{ CHUNKED "0\r\n\n", 400, 1 },
	{ "GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nauthorization: b\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Type: a\r\nContent-Type: a\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "Idempotency-Key: a\r\nIdempotency-Key: a\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "X-Fal-Target-Url: a\r\nx-fal-target-url: a\r\n\r\n", 400, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\n\r\n", 417, 0 },
};
/* clang-format on */

/* Feeds raw in pieces of `piece` bytes; what was told is left in f. */
static void run(struct feed *f, struct str raw, size_t piece)
{
	feed_init(f, BODY_LIMIT);
	for (size_t at = 0; at < raw.n; at += piece) {
		/* A copy of its own size, so that a sanitizer sees a read past the piece. */
		size_t n = raw.n - at < piece ? raw.n - at : piece;
		char *copy = mem_alloc(n);

		memcpy(copy, raw.p + at, n);
		feed_bytes(f, copy, n);
		mem_release(copy);
	}
}

static void check(struct str raw, int status, unsigned requests)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 16, 61 };
	struct feed whole;

	run(&whole, raw, raw.n);
	if (whole.status != status || whole.requests != requests)
		fail_msg("%.*s\ngives %d after %u requests (%s), not %d after %u", STRF(raw), whole.status,
		         whole.requests, whole.parse.why ? whole.parse.why : "", status, requests);
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		struct feed cut;

		run(&cut, raw, pieces[i]);
		if (!str_eq(buf_view(&cut.told), buf_view(&whole.told)))
			fail_msg("%.*s\nin pieces of %zu:\n%.*s\nwhole:\n%.*s", STRF(raw), pieces[i],
			         STRF(buf_view(&cut.told)), STRF(buf_view(&whole.told)));
		feed_clear(&cut);
	}
	feed_clear(&whole);
}

static void every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check(str_from(rows[i].raw), rows[i].status, rows[i].requests);
}

static void nul_bytes(void **state)
{
	(void)state;
	check(STR("GET /\0 HTTP/1.1\r\n" HOST "\r\n"), 400, 0);
	check(STR("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"), 400, 0);
	check(STR("GET / HTTP/1.1\r\n" HOST "X\0: b\r\n\r\n"), 400, 0);
	check(STR(CHUNKED "5\0\r\nhello"), 400, 1);
}

/* Sizes at the limit and one past it. */
static void sizes(void **state)
{
	enum { ROOM = 256 * 1024 };
	static const struct {
		const char *before, *repeated, *after;
		unsigned count;
		int status;
		unsigned requests;
	} grown[] = {
		{ "GET /", "a", " HTTP/1.1\r\n" HOST "\r\n", 8191, 0, 1 },
		{ "GET /", "a", " HTTP/1.1\r\n" HOST "\r\n", 8192, 414, 0 },
		{ "GET /", "a", " HTTP/1.1\r\n" HOST "\r\n", 65536, 414, 0 },
		{ "GET / HTTP/1.1\r\n" HOST, "X: y\r\n", "\r\n", 99, 0, 1 },
		{ "GET / HTTP/1.1\r\n" HOST, "X: y\r\n", "\r\n", 100, 431, 0 },
		{ "GET / HTTP/1.1\r\n" HOST, "X: y\r\n", "\r\n", 2000, 431, 0 },
		{ "GET / HTTP/1.1\r\n" HOST "X: ", "y", "\r\n\r\n", 32736, 0, 1 },
		{ "GET / HTTP/1.1\r\n" HOST "X: ", "y", "\r\n\r\n", 32737, 431, 0 },
		{ "GET / HTTP/1.1\r\n" HOST "X", "y", ": z\r\n\r\n", 65536, 431, 0 },
		{ CHUNKED "5;", "e", "\r\nhello\r\n0\r\n\r\n", 1024, 0, 1 },
		{ CHUNKED "5;", "e", "\r\nhello\r\n0\r\n\r\n", 1025, 413, 1 },
		{ CHUNKED, "1;eeee\r\nx\r\n", "0\r\n\r\n", 20, 0, 1 },
		{ CHUNKED "0\r\n", "X: y\r\n", "\r\n", 100, 0, 1 },
		{ CHUNKED "0\r\n", "X: y\r\n", "\r\n", 101, 431, 1 },
		{ CHUNKED "0\r\nX: ", "y", "\r\n\r\n", 4089, 0, 1 },
		{ CHUNKED "0\r\nX: ", "y", "\r\n\r\n", 4090, 431, 1 },
		{ "", "\r\n", "GET / HTTP/1.1\r\n" HOST "\r\n", 50000, 400, 0 },
	};
	struct buf raw;

	(void)state;
	buf_init(&raw, ROOM);
	for (size_t i = 0; i < COUNT_OF(grown); i++) {
		buf_reset(&raw);
		buf_cstr(&raw, grown[i].before);
		for (unsigned k = 0; k < grown[i].count; k++)
			buf_cstr(&raw, grown[i].repeated);
		buf_cstr(&raw, grown[i].after);
		assert_false(raw.overflowed);
		check(buf_view(&raw), grown[i].status, grown[i].requests);
	}
	buf_clear(&raw);
}

static void head_is_told(void **state)
{
	struct feed f;

	(void)state;
	run(&f,
	    STR("GET http://EXAMPLE.org:80/a%20b/c?x=%20&y HTTP/1.1\r\nHOST: Example.org:80\r\nX-A:  b c \t\r\n"
	        "Connection: close\r\n\r\n"),
	    1000);
	assert_int_equal(f.req.method, HTTP_GET_);
	assert_true(str_is(f.req.path, "/a b/c"));
	assert_true(str_is(f.req.query, "x=%20&y"));
	assert_true(str_is(f.req.host, "example.org:80"));
	assert_int_equal(f.req.field_count, 3);
	assert_true(str_is(f.req.fields[1].value, "b c"));
	assert_false(f.parse.keep_alive);
	feed_clear(&f);
}

/* A refused HEAD has to be known as one: its answer has no body. */
static void refused_head_is_a_head(void **state)
{
	struct feed f;

	(void)state;
	run(&f, STR("HEAD / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"), 1000);
	assert_int_equal(f.status, 400);
	assert_int_equal(f.req.method, HTTP_HEAD_);
	feed_clear(&f);
	run(&f, STR("HEA\x01"), 1000);
	assert_int_equal(f.status, 400);
	assert_int_equal(f.req.method_text.n, 0);
	feed_clear(&f);
}

/* Every byte in every place of a small request: no crash, and the cut does not matter. */
static void every_byte_everywhere(void **state)
{
	static const char *const bases[] = {
		"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\nHost: b\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\nT: u\r\n\r\n",
	};

	(void)state;
	for (size_t b = 0; b < COUNT_OF(bases); b++) {
		struct str base = str_from(bases[b]);

		for (size_t at = 0; at < base.n; at++) {
			for (int c = 0; c < 256; c += c < 128 ? 1 : 17) {
				char raw[200];
				struct feed whole, cut;

				memcpy(raw, base.p, base.n);
				raw[at] = (char)c;
				run(&whole, (struct str){ raw, base.n }, base.n);
				run(&cut, (struct str){ raw, base.n }, 1);
				if (!str_eq(buf_view(&cut.told), buf_view(&whole.told)))
					fail_msg("byte %d at %zu of\n%s", c, at, bases[b]);
				feed_clear(&cut);
				feed_clear(&whole);
			}
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(nul_bytes),
		cmocka_unit_test(sizes),
		cmocka_unit_test(head_is_told),
		cmocka_unit_test(refused_head_is_a_head),
		cmocka_unit_test(every_byte_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
