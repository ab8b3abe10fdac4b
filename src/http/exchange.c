/*
 * The life of a connection, one step at a time; conn_run calls exchange_step until nothing
 * moves. Handlers are called from here and from body.c only.
 *
 *   IDLE    no request object. The first byte makes one.
 *   HEAD    collecting a head; head_ms for all of it.
 *   BUSY    one request: its body is taken as the handler asks, its answer goes out. The
 *           next request's bytes wait, unread or held, until the answer is out.
 *   LINGER  the answer is out and the client may still be sending: its bytes are read and
 *           dropped for a while, else a reset could take the answer from it.
 *   CLOSED  the handle is closing.
 *
 * Invariants
 *  1. A request gets one answer. What the edge refuses gets one, then the connection ends.
 *  2. A handler hears of the end of its request: by its own ending call, or by on_gone.
 */
#include <unistd.h>

#include "http/edge.h"

enum { STATUS_CLIENT_GONE = 499, REQUESTS_A_RUN = 16, WRITE_LOOKS = 4 };

static void enter(struct http_conn *c, enum conn_state state)
{
	c->state = state;
	c->since_ms = loop_now_ms(c->server->loop);
}

static bool step_idle(struct http_conn *c)
{
	if (c->in.n == 0) {
		if (c->eof || c->server->draining)
			conn_close(c);
		return false;
	}
	if (c->requests_run >= REQUESTS_A_RUN) {
		c->again = true; /* the others have a turn too */
		return false;
	}
	c->request = request_new(c);
	if (!c->request) {
		conn_close(c);
		return false;
	}
	c->requests_run++;
	enter(c, CONN_HEAD);
	return true;
}

static void answer_star(struct http_req *req)
{
	resp_start(req, 204);
	resp_header(req, "Allow", STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
	resp_empty(req);
}

static void head_is_done(struct http_conn *c)
{
	struct request *r = c->request;

	request_take_id(r);
	enter(c, CONN_BUSY);
	c->out_moved_ms = c->since_ms;
	if (r->parse.state == PARSE_REFUSED) {
		answer_refuse(r, r->parse.refused, r->parse.why);
	} else if (str_is(r->pub.target, "*")) {
		answer_star(&r->pub);
	} else {
		r->handed = true;
		c->server->hooks.request(&r->pub);
	}
}

static bool step_head(struct http_conn *c)
{
	struct request *r = c->request;

	if (c->in.n == 0 && !c->eof)
		return false;
	if (c->in.n == 0 && !parse_has_begun(&r->parse)) {
		conn_close(c);
		return false;
	}
	if (c->in.n == 0)
		parse_refuse(&r->parse, FAULT_BAD_REQUEST, "The request ended early");
	else
		c->in = str_skip(c->in, parse_head(&r->parse, c->in.p, c->in.n));
	if (r->parse.state != PARSE_HEAD)
		head_is_done(c);
	return true;
}

static void finish(struct http_conn *c)
{
	struct http_server *s = c->server;
	struct request *r = c->request;
	bool closes = r->answer.close || r->refused;
	bool lingers = (r->refused || r->parse.state != PARSE_DONE || c->in.n) && !c->eof;
	uv_os_fd_t fd;

	if (s->hooks.finished)
		s->hooks.finished(&r->pub, r->answer.status, r->answer.sent_bytes);
	request_free(c);
	if (!closes) {
		enter(c, CONN_IDLE);
	} else if (lingers && uv_fileno(&c->io.handle, &fd) == 0) {
		shutdown(fd, SHUT_WR);
		enter(c, CONN_LINGER);
	} else {
		conn_close(c);
	}
}

/* The handler has ended its answer: get it out, then get rid of what is left of the body. */
static bool step_ended(struct http_conn *c)
{
	struct request *r = c->request;

	if (conn_queued(c) > 0)
		return false;
	if (r->answer.close || r->refused || r->parse.state == PARSE_DONE) {
		finish(c);
		return true;
	}
	if (r->want != BODY_DISCARD) {
		body_discard(r);
		return true;
	}
	return body_step(c);
}

static bool step_busy(struct http_conn *c)
{
	struct request *r = c->request;
	struct answer *a = &r->answer;

	if (a->state == ANSWER_ENDED)
		return step_ended(c);
	if (r->refused) {
		answer_refuse(r, r->refused, r->why);
		return true;
	}
	if (a->state == ANSWER_STREAM)
		answer_flush_head(r);
	if (a->state == ANSWER_FILE && conn_queued(c) == 0)
		file_pump(c);
	if (a->full && conn_queued(c) <= c->server->limits.write_high_bytes / 2) {
		a->full = false;
		if (a->drained)
			a->drained(&r->pub);
		return true;
	}
	return body_step(c) || a->state == ANSWER_ENDED;
}

static bool step_linger(struct http_conn *c)
{
	c->in = (struct str){ NULL, 0 };
	if (c->eof)
		conn_close(c);
	return false;
}

bool exchange_step(struct http_conn *c)
{
	switch (c->state) {
	case CONN_IDLE: return step_idle(c);
	case CONN_HEAD: return step_head(c);
	case CONN_BUSY: return step_busy(c);
	case CONN_LINGER: return step_linger(c);
	case CONN_CLOSED: break;
	}
	return false;
}

static bool is_writing(const struct http_conn *c)
{
	return conn_queued(c) > 0 || c->request->answer.state == ANSWER_FILE;
}

/* libuv does not say when part of a write has left, so the queue is looked at now and then. */
static uint64_t busy_due_ms(const struct http_conn *c)
{
	const struct http_limits *limits = &c->server->limits;
	uint64_t now = loop_now_ms(c->server->loop);
	uint64_t due = UINT64_MAX;

	if (is_writing(c))
		due = now + limits->stall_ms / WRITE_LOOKS + 1;
	if (body_is_wanted(c->request) && body_due_ms(c->request) < due)
		due = body_due_ms(c->request);
	return due;
}

uint64_t exchange_due_ms(const struct http_conn *c)
{
	const struct http_limits *limits = &c->server->limits;

	switch (c->state) {
	case CONN_IDLE: return c->since_ms + limits->idle_ms;
	case CONN_HEAD: return c->since_ms + limits->head_ms;
	case CONN_BUSY: return busy_due_ms(c);
	case CONN_LINGER: return c->since_ms + LINGER_MS;
	case CONN_CLOSED: break;
	}
	return UINT64_MAX;
}

static bool writing_is_stalled(struct http_conn *c, uint64_t now)
{
	uint64_t left = c->out_bytes - conn_queued(c);

	if (!is_writing(c))
		return false;
	if (left != c->out_seen)
		conn_moved(c);
	return now >= c->out_moved_ms + c->server->limits.stall_ms;
}

static void busy_expired(struct http_conn *c, uint64_t now)
{
	struct request *r = c->request;

	if (writing_is_stalled(c, now)) {
		conn_break(c);
	} else if (body_is_wanted(r) && body_is_stalled(r, now)) {
		r->refused = FAULT_SLOW;
		r->why = "The body came too slowly";
	}
}

/* The timer rang: it may be early, for it is set once and moved rarely. */
void exchange_expired(struct http_conn *c)
{
	uint64_t now = loop_now_ms(c->server->loop);

	if (c->state == CONN_BUSY) {
		busy_expired(c, now);
		return;
	}
	if (now < exchange_due_ms(c))
		return;
	if (c->state == CONN_HEAD && parse_has_begun(&c->request->parse)) {
		parse_refuse(&c->request->parse, FAULT_SLOW, "The header came too slowly");
		head_is_done(c);
	} else {
		conn_close(c);
	}
}

void exchange_lost(struct http_conn *c)
{
	struct http_server *s = c->server;
	struct request *r = c->request;

	if (!r)
		return;
	if (r->pub.on_gone && r->answer.state != ANSWER_ENDED)
		r->pub.on_gone(&r->pub);
	if (s->hooks.finished && c->state == CONN_BUSY)
		s->hooks.finished(&r->pub, r->answer.status ? r->answer.status : STATUS_CLIENT_GONE,
		                  r->answer.sent_bytes);
	request_free(c);
}
