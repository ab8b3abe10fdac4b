#pragma once
/*
 * peer - a small HTTP server on the test's own loop that misbehaves as its path says.
 *
 *     /hello            200, five bytes
 *     /echo             200, "METHOD length sum expect type" of the request
 *     /status/N         that status, a short body and a Location
 *     /chunked          three chunks and a trailer
 *     /to-the-end       no length: the body ends with the connection
 *     /interim          100 and 103 first
 *     /headers          100 header fields
 *     /head             a field of 40 KiB
 *     /big/N            N bytes with a length
 *     /stream/N         N bytes in chunks; /stream-404/N with status 404
 *     /silent           no answer; /half: a head and half a body
 *     /cut              a head, some bytes, then the end
 *     /drip             a byte every 100 ms
 *     /close            the end, as soon as the request is complete
 *     /die              the first request of a connection is answered, the second ends it after its body
 *     /die-at-head      the same, but at the head already
 *     /early            413 and the end without reading the body
 *
 * `greeting`: sent to whoever connects says anything at all; HTTP is not spoken then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/loop.h"

struct peer {
	struct loop *loop;
	uv_tcp_t listener;
	struct link connections;
	unsigned port;
	unsigned accepted, open, open_most;
	unsigned heads, requests; /* heads seen; requests whose body came whole */
	const char *greeting;
	bool mute; /* says nothing, whatever comes */
};

struct peer_connection {
	uv_tcp_t tcp;
	struct timer timer;
	struct link link;
	struct peer *peer;
	struct buf in;
	char piece[64 * 1024];
	uint64_t left; /* of a big body */
	bool chunked, closing, head_seen;
	unsigned served;
};

struct peer_write {
	uv_write_t write;
	struct peer_connection *c;
	void (*then)(struct peer_connection *c);
	char bytes[];
};

static inline void peer_closed(uv_handle_t *h)
{
	struct peer_connection *c = CONTAINER_OF((uv_tcp_t *)h, struct peer_connection, tcp);

	buf_clear(&c->in);
	mem_release(c);
}

static inline void peer_close(struct peer_connection *c)
{
	if (c->closing)
		return;
	c->closing = true;
	timer_stop(c->peer->loop, &c->timer);
	list_remove(&c->link);
	c->peer->open--;
	uv_close((uv_handle_t *)&c->tcp, peer_closed);
}

static inline void peer_written(uv_write_t *w, int status)
{
	struct peer_write *pw = CONTAINER_OF(w, struct peer_write, write);

	if (status == 0 && pw->then && !pw->c->closing)
		pw->then(pw->c);
	mem_release(pw);
}

static inline void peer_send(struct peer_connection *c, struct str s, void (*then)(struct peer_connection *c))
{
	struct peer_write *pw = mem_alloc(sizeof(*pw) + s.n);
	uv_buf_t b = uv_buf_init(pw->bytes, (unsigned)s.n);

	pw->c = c;
	pw->then = then;
	memcpy(pw->bytes, s.p, s.n);
	if (uv_write(&pw->write, (uv_stream_t *)&c->tcp, &b, 1, peer_written) != 0) {
		mem_release(pw);
		peer_close(c);
	}
}

static inline void peer_say(struct peer_connection *c, const char *text)
{
	peer_send(c, str_from(text), NULL);
}

static inline void peer_say_and_close(struct peer_connection *c, const char *text)
{
	peer_send(c, str_from(text), peer_close);
}

static inline void peer_answer(struct peer_connection *c, int status, struct str more, struct str body)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_printf(&b, "HTTP/1.1 %d Fine\r\nContent-Length: %zu\r\n%.*s\r\n", status, body.n, STRF(more));
	buf_str(&b, body);
	peer_send(c, buf_view(&b), NULL);
	buf_clear(&b);
}

static inline void peer_next_piece(struct peer_connection *c)
{
	static char bytes[48 * 1024 + 32];
	size_t n = c->left < 48 * 1024 ? (size_t)c->left : 48 * 1024;
	size_t at = 0;

	if (n == 0)
		return;
	if (c->chunked)
		at = (size_t)snprintf(bytes, sizeof(bytes), "%zx\r\n", n);
	memset(bytes + at, 'x', n);
	at += n;
	c->left -= n;
	if (c->chunked) {
		memcpy(bytes + at, c->left ? "\r\n" : "\r\n0\r\n\r\n", c->left ? 2 : 7);
		at += c->left ? 2 : 7;
	}
	peer_send(c, (struct str){ bytes, at }, peer_next_piece);
}

static inline void peer_big(struct peer_connection *c, struct str count, bool chunked, int status)
{
	struct buf b;

	CHECK(str_to_u64(count, &c->left));
	c->chunked = chunked;
	buf_init(&b, 256);
	if (chunked)
		buf_printf(&b, "HTTP/1.1 %d Fine\r\nTransfer-Encoding: chunked\r\n\r\n", status);
	else
		buf_printf(&b, "HTTP/1.1 %d Fine\r\nContent-Length: %llu\r\n\r\n", status, (unsigned long long)c->left);
	peer_send(c, buf_view(&b), peer_next_piece);
	buf_clear(&b);
}

static inline void peer_drip(struct timer *t)
{
	struct peer_connection *c = CONTAINER_OF(t, struct peer_connection, timer);

	peer_say(c, "x");
	timer_start(c->peer->loop, t, 100, peer_drip);
}

static inline struct str peer_field(struct str head, const char *name)
{
	while (head.p) {
		struct str value = str_trim(str_cut(&head, '\n'));
		struct str key = str_cut(&value, ':');

		if (value.p && str_eq_nocase(key, str_from(name)))
			return str_trim(value);
	}
	return (struct str){ 0 };
}

static inline void peer_echo(struct peer_connection *c, struct str method, struct str head, struct str body)
{
	char text[256];
	uint32_t sum = 0;
	struct str expect = peer_field(head, "expect"), type = peer_field(head, "content-type");
	struct str length = peer_field(head, "content-length");

	for (size_t i = 0; i < body.n; i++)
		sum = sum * 31 + (unsigned char)body.p[i];
	snprintf(text, sizeof(text), "%.*s %.*s %u %.*s %.*s", STRF(method), length.p ? (int)length.n : 1,
	         length.p ? length.p : "-", sum, STRF(expect.p ? expect : STR("-")), STRF(type.p ? type : STR("-")));
	peer_answer(c, 200, STR(""), str_is(method, "HEAD") ? STR("") : str_from(text));
}

static inline void peer_headers(struct peer_connection *c)
{
	struct buf b;

	buf_init(&b, 65536);
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&b, "X-%u: value %u\r\n", i, i);
	peer_answer(c, 200, buf_view(&b), STR("ok"));
	buf_clear(&b);
}

static inline void peer_long_head(struct peer_connection *c)
{
	struct buf b;

	buf_init(&b, 65536);
	buf_cstr(&b, "X-First: 1\r\nX-Long: ");
	for (unsigned i = 0; i < 40 * 1024; i++)
		buf_byte(&b, 'a');
	buf_cstr(&b, "\r\nX-Last: 2\r\n");
	peer_answer(c, 200, buf_view(&b), STR("ok"));
	buf_clear(&b);
}

static inline void peer_route(struct peer_connection *c, struct str method, struct str path, struct str head,
                              struct str body)
{
	if (str_is(path, "/hello"))
		peer_answer(c, 200, STR("X-Peer:  yes \r\nx-empty:\r\n"), STR("hello"));
	else if (str_is(path, "/echo"))
		peer_echo(c, method, head, body);
	else if (str_starts(path, STR("/status/204")))
		peer_say(c, "HTTP/1.1 204 None\r\n\r\n");
	else if (str_starts(path, STR("/status/")))
		peer_answer(c, (int)strtol(path.p + 8, NULL, 10), STR("Location: /hello\r\n"), STR("that status"));
	else if (str_is(path, "/chunked"))
		peer_say(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-After\r\n\r\n"
		            "3\r\nabc\r\n1\r\nd\r\n2;ext=1\r\nef\r\n0\r\nX-After: 1\r\n\r\n");
	else if (str_is(path, "/to-the-end"))
		peer_say_and_close(c, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
	else if (str_is(path, "/interim"))
		peer_say(c, "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
		            "HTTP/1.1 201 Made\r\nX-Real: 1\r\nContent-Length: 2\r\n\r\nok");
	else if (str_is(path, "/headers"))
		peer_headers(c);
	else if (str_is(path, "/head"))
		peer_long_head(c);
	else if (str_starts(path, STR("/big/")))
		peer_big(c, str_skip(path, 5), false, 200);
	else if (str_starts(path, STR("/stream/")))
		peer_big(c, str_skip(path, 8), true, 200);
	else if (str_starts(path, STR("/stream-404/")))
		peer_big(c, str_skip(path, 12), true, 404);
	else if (str_is(path, "/half"))
		peer_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.");
	else if (str_is(path, "/cut"))
		peer_say_and_close(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut");
	else if (str_is(path, "/close") || (str_is(path, "/die") && c->served > 1))
		peer_close(c);
	else if (str_starts(path, STR("/die")))
		peer_answer(c, 200, STR(""), STR("alive"));
	else if (str_is(path, "/drip")) {
		peer_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n");
		peer_drip(&c->timer);
	}
}

/* One request out of c->in; false: not complete yet. */
static inline bool peer_take(struct peer_connection *c)
{
	struct str in = buf_view(&c->in), head, line, method, path;
	size_t end = str_find(in, STR("\r\n\r\n"));
	uint64_t length = 0;

	if (end == SIZE_MAX)
		return false;
	head = str_sub(in, 0, end + 2);
	line = head;
	method = str_cut(&line, ' ');
	path = str_cut(&line, ' ');
	if (!c->head_seen) {
		c->head_seen = true;
		c->served++;
		c->peer->heads++;
		if (str_is(path, "/die-at-head") && c->served > 1) {
			peer_close(c);
			return false;
		}
		if (str_is(path, "/early"))
			peer_say_and_close(c, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
	}
	if (peer_field(head, "content-length").p)
		CHECK(str_to_u64(peer_field(head, "content-length"), &length));
	if (in.n < end + 4 + length)
		return false;
	c->peer->requests++;
	c->head_seen = false;
	peer_route(c, method, path, head, str_sub(in, end + 4, (size_t)length));
	if (!c->closing)
		buf_consume(&c->in, end + 4 + (size_t)length);
	return !c->closing;
}

static inline void peer_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct peer_connection *c = CONTAINER_OF((uv_tcp_t *)s, struct peer_connection, tcp);

	if (n < 0) {
		peer_close(c);
		return;
	}
	if (c->peer->mute)
		return;
	if (c->peer->greeting) {
		peer_say_and_close(c, c->peer->greeting);
		return;
	}
	buf_put(&c->in, b->base, (size_t)n);
	CHECK(!c->in.overflowed);
	while (!c->closing && peer_take(c))
		;
}

static inline void peer_alloc(uv_handle_t *h, size_t size, uv_buf_t *b)
{
	struct peer_connection *c = CONTAINER_OF((uv_tcp_t *)h, struct peer_connection, tcp);

	(void)size;
	*b = uv_buf_init(c->piece, sizeof(c->piece));
}

static inline void peer_accept(uv_stream_t *s, int status)
{
	struct peer *p = CONTAINER_OF((uv_tcp_t *)s, struct peer, listener);
	struct peer_connection *c;

	if (status != 0)
		return;
	c = mem_new(struct peer_connection);
	c->peer = p;
	buf_init(&c->in, 64 << 20);
	CHECK(uv_tcp_init(&p->loop->uv, &c->tcp) == 0 && uv_accept(s, (uv_stream_t *)&c->tcp) == 0);
	list_append(&p->connections, &c->link);
	p->accepted++;
	p->open++;
	p->open_most = p->open > p->open_most ? p->open : p->open_most;
	uv_read_start((uv_stream_t *)&c->tcp, peer_alloc, peer_read);
}

/* port 0: any */
static inline void peer_start(struct peer *p, struct loop *loop, const char *address, unsigned port)
{
	struct sockaddr_storage a;
	int n = sizeof(a);

	*p = (struct peer){ .loop = loop };
	list_init(&p->connections);
	if (strchr(address, ':'))
		uv_ip6_addr(address, (int)port, (struct sockaddr_in6 *)&a);
	else
		uv_ip4_addr(address, (int)port, (struct sockaddr_in *)&a);
	CHECK(uv_tcp_init(&loop->uv, &p->listener) == 0);
	CHECK(uv_tcp_bind(&p->listener, (struct sockaddr *)&a, 0) == 0);
	CHECK(uv_listen((uv_stream_t *)&p->listener, 1024, peer_accept) == 0);
	CHECK(uv_tcp_getsockname(&p->listener, (struct sockaddr *)&a, &n) == 0);
	p->port = ntohs(((struct sockaddr_in *)&a)->sin_port);
}

static inline void peer_stop(struct peer *p)
{
	if (!p->loop)
		return;
	LIST_EACH_SAFE(&p->connections, l)
		peer_close(CONTAINER_OF(l, struct peer_connection, link));
	uv_close((uv_handle_t *)&p->listener, NULL);
	p->loop = NULL;
}
