/*
 * A connection's socket: reading, writing, the timer; what it means is in exchange.c.
 *
 * Invariants
 *  1. Handlers run inside conn_run only, and conn_run never inside itself: what a handler
 *     does to its connection is seen by the run that called it, or by a kick.
 *  2. Only conn_run closes (and whom it calls). Everyone else says conn_break.
 *  3. Bytes that are not wanted yet are at most one read for a head plus READ_AHEAD; they
 *     lie in `held`. All reads share the server's one buffer, so an idle connection has none.
 *  4. The timer is moved only to ring earlier: a busy keep-alive connection does not touch
 *     it, and a ring that comes early does nothing but set it again.
 */
#include <unistd.h>

#include "base/mem.h"
#include "base/metric.h"
#include "http/edge.h"

struct piece {
	uv_write_t write;
	struct http_conn *conn;
	char bytes[];
};

size_t conn_queued(const struct http_conn *c)
{
	return uv_stream_get_write_queue_size(&c->io.stream);
}

void conn_moved(struct http_conn *c)
{
	c->out_seen = c->out_bytes - conn_queued(c);
	c->out_moved_ms = loop_now_ms(c->server->loop);
}

void conn_kick(struct http_conn *c)
{
	if (c->running || c->state == CONN_CLOSED || list_is_linked(&c->kick))
		return;
	list_append(&c->server->edge->kicked, &c->kick);
	loop_at_turn_end(&c->server->edge->hook);
}

void conn_break(struct http_conn *c)
{
	c->broken = true;
	conn_kick(c);
}

static void on_written(uv_write_t *write, int status)
{
	struct piece *piece = CONTAINER_OF(write, struct piece, write);
	struct http_conn *c = piece->conn;

	mem_release(piece);
	if (c->state == CONN_CLOSED)
		return;
	if (status < 0)
		c->broken = true;
	else
		conn_moved(c);
	conn_run(c);
}

/* What the socket does not take now is copied and queued; `skip` bytes of bufs have left. */
static void queue_rest(struct http_conn *c, const uv_buf_t *bufs, unsigned n, size_t skip, size_t total)
{
	struct piece *piece = mem_alloc(sizeof(*piece) + total - skip);
	uv_buf_t rest = uv_buf_init(piece->bytes, (unsigned)(total - skip));
	char *to = piece->bytes;

	for (unsigned i = 0; i < n; i++) {
		size_t cut = skip < bufs[i].len ? skip : bufs[i].len;

		if (bufs[i].len > cut)
			memcpy(to, bufs[i].base + cut, bufs[i].len - cut);
		to += bufs[i].len - cut;
		skip -= cut;
	}
	piece->conn = c;
	if (uv_write(&piece->write, &c->io.stream, &rest, 1, on_written) == 0)
		return;
	mem_release(piece);
	conn_break(c);
}

void conn_write(struct http_conn *c, uv_buf_t *bufs, unsigned n)
{
	size_t total = 0;
	int taken = 0;

	if (c->broken || c->state == CONN_CLOSED)
		return;
	for (unsigned i = 0; i < n; i++)
		total += bufs[i].len;
	c->out_bytes += total;
	if (conn_queued(c) == 0) {
		taken = uv_try_write(&c->io.stream, bufs, n);
		if (taken == UV_EAGAIN)
			taken = 0;
		if (taken < 0) {
			conn_break(c);
			return;
		}
		c->out_moved_ms = loop_now_ms(c->server->loop);
	}
	if ((size_t)taken < total)
		queue_rest(c, bufs, n, (size_t)taken, total);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct http_conn *c = handle->data;
	size_t size = READ_AHEAD;

	(void)suggested;
	if (loop_turn_is_long(c->server->loop)) {
		*buf = uv_buf_init(NULL, 0); /* UV_ENOBUFS: its bytes wait in the socket for the next turn */
		return;
	}
	if (c->state == CONN_IDLE || c->state == CONN_HEAD)
		size = READ_HEAD;
	else if (c->state == CONN_LINGER || body_is_wanted(c->request))
		size = READ_BODY;
	*buf = uv_buf_init(c->server->edge->read_buffer, (unsigned)size);
}

/* Put what was held in front of what was just read. */
static void join_held(struct http_conn *c, const char *p, size_t n)
{
	size_t total = c->in.n + n;
	char *joined;

	if (c->in.n == 0) {
		c->in = (struct str){ p, n };
		return;
	}
	joined = mem_alloc(total);
	memcpy(joined, c->in.p, c->in.n);
	memcpy(joined + c->in.n, p, n);
	mem_release(c->held);
	c->held = joined;
	c->in = (struct str){ joined, total };
}

/* What is left moves out of the shared buffer. */
static void hold_rest(struct http_conn *c)
{
	const char *shared = c->server->edge->read_buffer;
	char *copy = NULL;

	if (c->in.n && !(c->in.p >= shared && c->in.p < shared + READ_BODY))
		return; /* held already */
	if (c->in.n) {
		copy = mem_alloc(c->in.n);
		memcpy(copy, c->in.p, c->in.n);
	}
	mem_release(c->held);
	c->held = copy;
	c->in.p = copy;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct http_conn *c = stream->data;

	if (n == 0 || n == UV_ENOBUFS || c->state == CONN_CLOSED)
		return;
	if (n == UV_EOF) {
		c->eof = true;
		c->reading = false;
	} else if (n < 0) {
		c->broken = true;
		c->reading = false;
	} else {
		join_held(c, buf->base, (size_t)n);
	}
	conn_run(c);
}

static bool wants_input(const struct http_conn *c)
{
	if (c->eof)
		return false;
	if (c->state != CONN_BUSY)
		return true;
	return c->in.n == 0 || (!body_is_wanted(c->request) && c->in.n < READ_AHEAD);
}

static void on_timer(struct timer *t)
{
	struct http_conn *c = CONTAINER_OF(t, struct http_conn, timer);

	c->expired = true;
	conn_run(c);
}

static void settle_timer(struct http_conn *c)
{
	uint64_t now = loop_now_ms(c->server->loop);
	uint64_t due = exchange_due_ms(c);

	if (due == UINT64_MAX || (timer_is_armed(&c->timer) && c->timer.due_ms <= due))
		return;
	timer_start(c->server->loop, &c->timer, due > now ? due - now : 0, on_timer);
}

static void settle(struct http_conn *c)
{
	bool wants = wants_input(c);

	hold_rest(c);
	if (wants && !c->reading)
		c->broken = uv_read_start(&c->io.stream, on_alloc, on_read) != 0;
	else if (!wants && c->reading)
		uv_read_stop(&c->io.stream);
	c->reading = wants;
	if (c->broken)
		conn_kick(c);
	settle_timer(c);
}

void conn_run(struct http_conn *c)
{
	if (c->running || c->state == CONN_CLOSED)
		return;
	c->running = true;
	c->requests_run = 0;
	c->again = false;
	list_remove(&c->kick);
	if (c->expired) {
		c->expired = false;
		exchange_expired(c);
	}
	while (c->state != CONN_CLOSED && !c->broken && exchange_step(c))
		;
	if (c->state != CONN_CLOSED && c->broken)
		conn_close(c);
	c->running = false;
	if (c->state == CONN_CLOSED)
		return;
	settle(c);
	if (c->again)
		conn_kick(c);
}

static void on_closed(uv_handle_t *handle)
{
	struct http_conn *c = handle->data;
	struct http_server *s = c->server;

	slab_put(&s->edge->conns, c);
	edge_conn_gone(s);
}

/* A connection that breaks in the middle of an answer is reset: closing it in order would
 * make an answer without a length look complete. */
void conn_close(struct http_conn *c)
{
	exchange_lost(c);
	c->state = CONN_CLOSED;
	list_remove(&c->link);
	list_remove(&c->kick);
	timer_stop(c->server->loop, &c->timer);
	mem_release(c->held);
	c->held = NULL;
	c->in = (struct str){ NULL, 0 };
	if (c->broken && c->io.handle.type == UV_TCP && uv_tcp_close_reset(&c->io.tcp, on_closed) == 0)
		return;
	uv_close(&c->io.handle, on_closed);
}

static void peer_text(struct http_conn *c, const struct sockaddr_storage *peer)
{
	const struct sockaddr *address = (const struct sockaddr *)peer;

	if (peer->ss_family == AF_UNIX || uv_ip_name(address, c->peer, sizeof(c->peer)) != 0)
		memcpy(c->peer, "unix", sizeof("unix"));
}

static int open_stream(struct http_conn *c, int fd, bool is_unix)
{
	uv_loop_t *uv = &c->server->loop->uv;
	int rc = is_unix ? uv_pipe_init(uv, &c->io.pipe, 0) : uv_tcp_init(uv, &c->io.tcp);

	CHECK(rc == 0);
	c->io.handle.data = c;
	return is_unix ? uv_pipe_open(&c->io.pipe, fd) : uv_tcp_open(&c->io.tcp, fd);
}

bool conn_open(struct http_server *s, int fd, const struct sockaddr_storage *peer)
{
	struct http_conn *c = slab_get(&s->edge->conns);

	if (!c)
		return false;
	c->server = s;
	list_init(&c->kick);
	list_append(&s->conns, &c->link);
	s->conn_count++;
	metric_set(METRIC_ID_http_connections, NULL, NULL, s->conn_count);
	peer_text(c, peer);
	c->since_ms = loop_now_ms(s->loop);
	if (open_stream(c, fd, peer->ss_family == AF_UNIX) != 0) {
		close(fd);
		c->broken = true;
	}
	settle(c);
	return true;
}
