/*
 * The body of a request, taken only when a handler asks for it.
 *
 *   UNASKED --http_read_body--> WHOLE --all of it--> done()
 *       \----http_stream_body--> PIECES --each--> sink(n) ... sink(0)
 *        \--- answered first --> DISCARD (small rests only; else the connection ends)
 *
 * The clock: a body must move within stall_ms, and each stall_ms must bring the floor of
 * body_bytes_per_s; a drip of one byte every few seconds passes the first test only. While the handler
 * has paused the body no clock runs.
 */
#include "http/edge.h"

static void clock_start(struct request *r)
{
	r->body_window_ms = r->body_moved_ms = loop_now_ms(r->pub.server->loop);
	r->body_window_bytes = r->parse.guard.body_bytes;
}

uint64_t body_due_ms(const struct request *r)
{
	uint64_t from = r->body_moved_ms < r->body_window_ms ? r->body_moved_ms : r->body_window_ms;

	return from + r->pub.server->limits.stall_ms;
}

bool body_is_stalled(struct request *r, uint64_t now_ms)
{
	const struct http_limits *limits = &r->pub.server->limits;
	uint64_t floor = (uint64_t)limits->body_bytes_per_s * limits->stall_ms / 1000;

	if (now_ms >= r->body_moved_ms + limits->stall_ms)
		return true;
	if (now_ms < r->body_window_ms + limits->stall_ms)
		return false;
	if (r->parse.guard.body_bytes - r->body_window_bytes < floor)
		return true;
	r->body_window_ms = now_ms;
	r->body_window_bytes = r->parse.guard.body_bytes;
	return false;
}

bool body_is_wanted(const struct request *r)
{
	return r->want != BODY_UNASKED && !r->body_paused && !r->refused && r->parse.state == PARSE_BODY;
}

static void on_piece(struct parse *p, const char *bytes, size_t n)
{
	struct request *r = CONTAINER_OF(p, struct request, parse);

	if (r->want == BODY_PIECES && r->answer.state != ANSWER_ENDED) {
		r->body_sink(&r->pub, bytes, n);
	} else if (r->want == BODY_WHOLE && r->body_at) {
		memcpy(r->body_at + r->body_n, bytes, n);
		r->body_n += n;
	} else if (r->want == BODY_WHOLE) {
		buf_put(&r->body, bytes, n);
	}
}

/* "100 Continue" only here: whoever is refused before never sends the body. */
static void body_ask(struct request *r, enum body_want want, uint64_t limit)
{
	static char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	uv_buf_t out = uv_buf_init(go_on, sizeof(go_on) - 1);

	CHECK(r->want == BODY_UNASKED && r->answer.state != ANSWER_ENDED);
	r->want = want;
	r->parse.data = on_piece;
	clock_start(r);
	conn_kick(r->pub.conn);
	if (r->parse.state != PARSE_BODY)
		return;
	parse_expect_body(&r->parse, limit);
	if (r->parse.state == PARSE_BODY && r->parse.expects_continue && r->answer.state == ANSWER_NONE)
		conn_write(r->pub.conn, &out, 1);
}

/* A body that is already here goes to the arena in one copy; another one grows as it comes, so that a
 * length that was only announced costs nothing. */
void http_read_body(struct http_req *req, size_t limit, void (*done)(struct http_req *req))
{
	struct request *r = request_of(req);

	r->body_done = done;
	body_ask(r, BODY_WHOLE, limit);
	if (r->parse.state != PARSE_BODY)
		return;
	if (req->content_length > 0 && (uint64_t)req->content_length <= req->conn->in.n)
		r->body_at = arena_alloc(&req->arena, (size_t)req->content_length, 1);
	else
		buf_init(&r->body, limit);
}

void http_stream_body(struct http_req *req, uint64_t limit, void (*sink)(struct http_req *req, const char *p, size_t n))
{
	struct request *r = request_of(req);

	r->body_sink = sink;
	body_ask(r, BODY_PIECES, limit);
}

void http_body_pause(struct http_req *req)
{
	request_of(req)->body_paused = true;
}

void http_body_resume(struct http_req *req)
{
	struct request *r = request_of(req);

	if (!r->body_paused)
		return;
	r->body_paused = false;
	clock_start(r);
	conn_kick(req->conn);
}

/* The answer is out and the connection shall live: read over what is left. */
void body_discard(struct request *r)
{
	bool asked = r->want != BODY_UNASKED;

	r->want = BODY_DISCARD;
	r->body_paused = false;
	r->parse.data = on_piece;
	clock_start(r);
	if (!asked)
		parse_expect_body(&r->parse, DISCARD_MAX);
}

static void body_tell(struct request *r)
{
	r->body_told = true;
	if (r->answer.state == ANSWER_ENDED)
		return;
	if (r->want == BODY_PIECES) {
		r->body_sink(&r->pub, "", 0);
	} else if (r->want == BODY_WHOLE) {
		r->pub.body = r->body_at ? (struct str){ r->body_at, r->body_n } : buf_view(&r->body);
		r->body_done(&r->pub);
	}
}

static void refused_by(struct request *r, enum fault_code code, const char *why)
{
	r->refused = code;
	r->why = why;
}

/* One piece, or the news that there are no more. */
bool body_step(struct http_conn *c)
{
	struct request *r = c->request;
	struct parse *p = &r->parse;
	size_t taken;

	if (r->want == BODY_UNASKED || r->body_paused || r->refused)
		return false;
	if (p->state == PARSE_REFUSED) {
		refused_by(r, p->refused, p->why);
		return true;
	}
	if (p->state == PARSE_DONE) {
		bool news = !r->body_told;

		if (news)
			body_tell(r);
		return news;
	}
	if (c->in.n == 0 && c->eof) {
		refused_by(r, FAULT_BAD_REQUEST, "The body ended early");
		return true;
	}
	if (c->in.n == 0)
		return false;
	taken = parse_body(p, c->in.p, c->in.n);
	c->in = str_skip(c->in, taken);
	r->body_moved_ms = loop_now_ms(r->pub.server->loop);
	return true;
}
