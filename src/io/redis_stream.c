/*
 * redis_stream - one connection to Redis: our own libuv stream, hiredis for the protocol only.
 *
 *           again           address known        connected          greeting answered
 *   DOWN ---------> RESOLVING ----------> CONNECTING ------> GREETING ----------> UP
 *     ^                 |                      |                 |                 |
 *     +-----------------+----------------------+-----------------+-----------------+   redis_stream_lost
 *
 * Invariants
 *  1. In DOWN `again` is armed; in the other states but UP `limit` is (1 s).
 *  2. Commands are written once a turn. While a uv_write is under way new ones gather in `out`.
 *  3. libuv's handle and what it writes from live in a redis_socket, which is freed in its close
 *     callback; `owner` tells callbacks that come late that nobody is there any more.
 *
 * The greeting is AUTH and SELECT where asked for, then PING or SUBSCRIBE: UP means that
 * Redis has answered, not only that its socket took us. No HELLO: RESP2.
 */
#include <arpa/inet.h>

#include "base/hash.h"
#include "base/mem.h"
#include "io/redis_priv.h"

enum { LIMIT_MS = 1000, BACKOFF_MS = 100, BACKOFF_MAX_MS = 2000, STEADY_MS = 5000 };

/* ---- the socket ---- */

static void on_closed(uv_handle_t *handle)
{
	struct redis_socket *k = handle->data;

	buf_clear(&k->writing);
	mem_release(k);
}

static void socket_close(struct redis_stream *s)
{
	struct redis_socket *k = s->socket;

	if (!k)
		return;
	s->socket = NULL;
	k->owner = NULL;
	uv_close(&k->handle, on_closed);
}

static void flush(struct redis_stream *s);

static void on_written(uv_write_t *write, int status)
{
	struct redis_socket *k = CONTAINER_OF(write, struct redis_socket, write);

	k->is_writing = false;
	buf_reset(&k->writing);
	if (!k->owner)
		return;
	if (status < 0)
		redis_stream_lost(k->owner, uv_strerror(status));
	else
		flush(k->owner);
}

static uv_buf_t to_write(const struct buf *b)
{
	return uv_buf_init(b->p + b->from, (unsigned)buf_len(b));
}

static void flush(struct redis_stream *s)
{
	struct redis_socket *k = s->socket;
	struct buf swap;
	uv_buf_t bytes;
	int n;

	if (!k || k->is_writing || s->state < REDIS_GREETING || buf_len(&s->out) == 0)
		return;
	swap = k->writing;
	k->writing = s->out;
	s->out = swap;
	bytes = to_write(&k->writing);
	n = uv_try_write(&k->stream, &bytes, 1);
	if (n < 0 && n != UV_EAGAIN) {
		redis_stream_lost(s, uv_strerror(n));
		return;
	}
	buf_consume(&k->writing, n > 0 ? (size_t)n : 0);
	if (buf_len(&k->writing) == 0) {
		buf_reset(&k->writing);
		return;
	}
	bytes = to_write(&k->writing);
	k->is_writing = uv_write(&k->write, &k->stream, &bytes, 1, on_written) == 0;
	if (!k->is_writing)
		redis_stream_lost(s, "the socket cannot be written to");
}

static void on_flush(struct turn_hook *h)
{
	flush(CONTAINER_OF(h, struct redis_stream, flush));
}

bool redis_stream_write(struct redis_stream *s, const struct str *argv, unsigned argc)
{
	const char *args[REDIS_ARGS_MAX];
	size_t lengths[REDIS_ARGS_MAX];
	char *text = NULL;
	int n;

	CHECK(argc > 0 && argc <= REDIS_ARGS_MAX);
	for (unsigned i = 0; i < argc; i++) {
		args[i] = argv[i].p ? argv[i].p : "";
		lengths[i] = argv[i].n;
	}
	n = redisFormatCommandArgv(&text, (int)argc, args, lengths);
	if (n <= 0)
		return false;
	if (buf_len(&s->out) + (size_t)n > REDIS_OUT_MAX) {
		redisFreeCommand(text);
		return false;
	}
	buf_put(&s->out, text, (size_t)n);
	redisFreeCommand(text);
	loop_at_turn_end(&s->flush);
	return true;
}

/* ---- reading ---- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct redis_socket *k = handle->data;

	(void)suggested;
	*out = uv_buf_init(k->room, sizeof k->room);
}

static void greeted(struct redis_stream *s, redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ERROR) {
		redis_stream_lost(s, reply->str);
	} else if (--s->greeting == 0) {
		s->state = REDIS_UP;
		s->up_since_ms = loop_now_ms(s->redis->loop);
		s->logged[0] = '\0';
		timer_stop(s->redis->loop, &s->limit);
		LOG_INFO(&s->redis->log, "redis.up", KV_CSTR("stream", s->name));
		s->up(s);
	}
	freeReplyObject(reply);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	struct redis_socket *k = stream->data;
	struct redis_stream *s = k->owner;
	void *reply;

	if (!s || n == 0)
		return;
	if (n < 0) {
		redis_stream_lost(s, n == UV_EOF ? "Redis closed the connection" : uv_strerror((int)n));
		return;
	}
	redisReaderFeed(s->reader, bytes->base, (size_t)n);
	while (s->socket == k) {
		reply = NULL;
		if (redisReaderGetReply(s->reader, &reply) != REDIS_OK || s->reader->len > REDIS_REPLY_MAX) {
			redis_stream_lost(s, "what came is not Redis' protocol, or too long");
			return;
		}
		if (!reply)
			return;
		if (s->state == REDIS_UP)
			s->reply(s, reply);
		else
			greeted(s, reply);
	}
}

/* ---- connecting ---- */

static void greet(struct redis_stream *s)
{
	const struct redis_url *u = &s->redis->url;
	struct str auth[3] = { STR("AUTH") };
	unsigned n = 1;
	char db[16];
	bool ok = true;

	s->state = REDIS_GREETING;
	s->greeting = 1;
	if (u->user)
		auth[n++] = str_from(u->user);
	if (u->password) {
		auth[n++] = str_from(u->password);
		ok = redis_stream_write(s, auth, n);
		s->greeting++;
	}
	if (u->db && !s->channel) {
		snprintf(db, sizeof db, "%u", u->db);
		ok = ok && redis_stream_write(s, (struct str[]){ STR("SELECT"), str_from(db) }, 2);
		s->greeting++;
	}
	if (s->channel)
		ok = ok && redis_stream_write(s, (struct str[]){ STR("SUBSCRIBE"), str_from(s->channel) }, 2);
	else
		ok = ok && redis_stream_write(s, (struct str[]){ STR("PING") }, 1);
	CHECK(ok); /* an empty buffer has room */
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct redis_socket *k = CONTAINER_OF(connect, struct redis_socket, connect);
	struct redis_stream *s = k->owner;

	if (!s)
		return;
	if (status == 0)
		status = uv_read_start(&k->stream, on_room, on_read);
	if (status < 0)
		redis_stream_lost(s, uv_strerror(status));
	else
		greet(s);
}

static struct redis_socket *socket_new(struct redis_stream *s)
{
	struct redis_socket *k = mem_new(struct redis_socket);

	k->owner = s;
	s->socket = k;
	s->state = REDIS_CONNECTING;
	s->reader = redisReaderCreate();
	CHECK(s->reader);
	buf_init(&k->writing, REDIS_OUT_MAX);
	return k;
}

static void connect_path(struct redis_stream *s, const char *path)
{
	struct redis_socket *k = socket_new(s);

	CHECK(uv_pipe_init(&s->redis->loop->uv, &k->pipe, 0) == 0);
	k->handle.data = k;
	uv_pipe_connect(&k->connect, &k->pipe, path, on_connected);
}

static void connect_address(struct redis_stream *s, const char *address)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to = { 0 };
	struct redis_socket *k;
	int port = s->redis->url.port, rc;

	if (uv_ip4_addr(address, port, &to.v4) != 0 && uv_ip6_addr(address, port, &to.v6) != 0) {
		redis_stream_lost(s, "the host name has no address");
		return;
	}
	k = socket_new(s);
	CHECK(uv_tcp_init(&s->redis->loop->uv, &k->tcp) == 0);
	k->handle.data = k;
	uv_tcp_nodelay(&k->tcp, 1);
	rc = uv_tcp_connect(&k->connect, &k->tcp, &to.any, on_connected);
	if (rc < 0)
		redis_stream_lost(s, uv_strerror(rc));
}

static void on_names(struct op *op)
{
	struct names_call *call = CONTAINER_OF(op, struct names_call, op);
	struct redis_stream *s = CONTAINER_OF(call, struct redis_stream, names);

	if (op->fault.code != FAULT_NONE || call->count == 0)
		redis_stream_lost(s, "the host name has no address");
	else
		connect_address(s, call->addresses[s->attempts % call->count]);
}

static void on_limit(struct timer *t)
{
	redis_stream_lost(CONTAINER_OF(t, struct redis_stream, limit), "no answer while connecting");
}

static void on_again(struct timer *t)
{
	struct redis_stream *s = CONTAINER_OF(t, struct redis_stream, again);
	const struct redis_url *u = &s->redis->url;
	unsigned char room[sizeof(struct in6_addr)];

	s->attempts++;
	s->state = REDIS_RESOLVING;
	timer_start(s->redis->loop, &s->limit, LIMIT_MS, on_limit);
	if (u->path)
		connect_path(s, u->path);
	else if (inet_pton(AF_INET, u->host, room) == 1 || inet_pton(AF_INET6, u->host, room) == 1)
		connect_address(s, u->host);
	else if (s->redis->config.names)
		names_resolve(s->redis->config.names, &s->names, str_from(u->host));
	else /* "localhost": redis_new let nothing else through */
		connect_address(s, s->attempts % 2 ? "127.0.0.1" : "::1");
}

/* ---- down ---- */

static void stream_close(struct redis_stream *s)
{
	socket_close(s);
	op_forget(&s->names.op);
	timer_stop(s->redis->loop, &s->limit);
	if (s->reader)
		redisReaderFree(s->reader);
	s->reader = NULL;
	buf_reset(&s->out);
}

static unsigned backoff_ms(const struct redis_stream *s)
{
	unsigned ms = BACKOFF_MS;
	uint16_t random;

	for (unsigned i = 0; i < s->failures && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	random_bytes(&random, sizeof random);
	return ms - ms / 4 * random / 65536u;
}

void redis_stream_lost(struct redis_stream *s, const char *why)
{
	struct redis *r = s->redis;
	bool was_up = s->state == REDIS_UP;

	/* `why` may lie in a reply or in the reader. */
	if (!str_to_cstr(str_sub(str_from(why), 0, REDIS_WHY - 1), s->why, REDIS_WHY))
		s->why[0] = '\0';
	if (was_up && loop_now_ms(r->loop) - s->up_since_ms >= STEADY_MS)
		s->failures = 0;
	s->state = REDIS_DOWN;
	stream_close(s);
	timer_start(r->loop, &s->again, backoff_ms(s), on_again);
	s->failures++;
	if (was_up || !str_is(str_from(s->why), s->logged)) {
		memcpy(s->logged, s->why, sizeof s->logged);
		LOG_WARN(&r->log, was_up ? "redis.down" : "redis.unreachable", KV_CSTR("stream", s->name),
		         KV_CSTR("cause", s->why));
	}
	if (was_up)
		s->down(s);
}

void redis_stream_init(struct redis_stream *s, struct redis *r, const char *name)
{
	s->redis = r;
	s->name = name;
	buf_init(&s->out, REDIS_OUT_MAX);
	op_init(&s->names.op, r->loop, on_names);
	turn_hook_init(r->loop, &s->flush, on_flush);
}

void redis_stream_start(struct redis_stream *s)
{
	timer_start(s->redis->loop, &s->again, 0, on_again);
}

void redis_stream_clear(struct redis_stream *s)
{
	stream_close(s);
	timer_stop(s->redis->loop, &s->again);
	turn_hook_remove(&s->flush);
	buf_clear(&s->out);
}
