/*
 * The answer: its head is built in one buffer and leaves together with the first bytes of
 * the body; a small answer is one writev.
 *
 * Invariants
 *  1. After ANSWER_ENDED nothing more is written for this request.
 *  2. Whether the connection stays open is decided once, when the head is finished, because
 *     the head says so.
 *  3. An answer without a body of its own (HEAD, 204, 304) has the same head as with one.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/metric.h"
#include "http/edge.h"
#include "http/problem.h"

enum { HEAD_CAP = 64 * 1024, HEAD_KEEP = 4 * 1024, QUEUE_MORE = 8 * 1024 * 1024, NUMBER_TEXT = 24 };

static const char *reason(int status)
{
	switch (status) {
	case 200: return "OK";
	case 201: return "Created";
	case 202: return "Accepted";
	case 204: return "No Content";
	case 206: return "Partial Content";
	case 301: return "Moved Permanently";
	case 302: return "Found";
	case 303: return "See Other";
	case 304: return "Not Modified";
	case 307: return "Temporary Redirect";
	case 308: return "Permanent Redirect";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 402: return "Payment Required";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 409: return "Conflict";
	case 410: return "Gone";
	case 411: return "Length Required";
	case 412: return "Precondition Failed";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 415: return "Unsupported Media Type";
	case 416: return "Range Not Satisfiable";
	case 417: return "Expectation Failed";
	case 421: return "Misdirected Request";
	case 422: return "Unprocessable Content";
	case 429: return "Too Many Requests";
	case 431: return "Request Header Fields Too Large";
	case 500: return "Internal Server Error";
	case 501: return "Not Implemented";
	case 502: return "Bad Gateway";
	case 503: return "Service Unavailable";
	case 504: return "Gateway Timeout";
	case 505: return "HTTP Version Not Supported";
	default: return "Status";
	}
}

static void head_put(struct answer *a, const char *name, struct str value)
{
	buf_cstr(&a->head, name);
	buf_str(&a->head, STR(": "));
	buf_str(&a->head, value);
	buf_str(&a->head, STR("\r\n"));
}

void resp_start(struct http_req *req, int status)
{
	struct request *r = request_of(req);
	struct answer *a = &r->answer;

	CHECK(a->state == ANSWER_NONE || a->state == ANSWER_HEAD);
	CHECK(status >= 200 && status <= 599);
	a->state = ANSWER_HEAD;
	a->status = status;
	if (!a->head.cap)
		buf_init(&a->head, HEAD_CAP);
	buf_reset(&a->head);
	buf_str(&a->head, STR("HTTP/1.1 "));
	buf_u64(&a->head, (uint64_t)status);
	buf_byte(&a->head, ' ');
	buf_cstr(&a->head, reason(status));
	buf_str(&a->head, STR("\r\nDate: "));
	buf_str(&a->head, edge_date(req->server));
	buf_str(&a->head, STR("\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: "));
	buf_cstr(&a->head, req->id);
	buf_str(&a->head, STR("\r\n"));
	if (r->refused == FAULT_METHOD)
		head_put(a, "Allow", STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
}

void resp_header(struct http_req *req, const char *name, struct str value)
{
	struct answer *a = &request_of(req)->answer;

	CHECK(a->state == ANSWER_HEAD);
	for (size_t i = 0; i < value.n; i++)
		CHECK(value.p[i] != '\r' && value.p[i] != '\n' && value.p[i] != '\0');
	head_put(a, name, value);
}

/* May the next request be read from this connection? */
static bool keeps_open(const struct request *r)
{
	const struct parse *p = &r->parse;

	if (r->answer.close || !p->keep_alive || r->pub.server->draining)
		return false;
	if (r->answer.length < 0 && r->pub.minor == 0 && !r->answer.bodyless)
		return false; /* only the end of the connection ends the body */
	if (p->state == PARSE_DONE)
		return true;
	/* With "Expect" unanswered the client may send the body or not: nobody can tell. */
	return !(p->expects_continue && r->want == BODY_UNASKED) && parse_body_left(p) <= DISCARD_MAX;
}

static void head_finish(struct request *r, const char *content_type, int64_t length)
{
	struct answer *a = &r->answer;
	bool no_length = a->status == 204 || a->status == 304;

	CHECK(a->state == ANSWER_HEAD);
	a->length = length;
	a->bodyless = r->pub.method == HTTP_HEAD_ || no_length;
	if (content_type)
		head_put(a, "Content-Type", str_from(content_type));
	if (length >= 0 && !no_length) {
		buf_str(&a->head, STR("Content-Length: "));
		buf_u64(&a->head, (uint64_t)length);
		buf_str(&a->head, STR("\r\n"));
	} else if (length < 0 && !no_length && r->pub.minor > 0) {
		a->chunked = true;
		head_put(a, "Transfer-Encoding", STR("chunked"));
	}
	a->close = !keeps_open(r);
	if (a->close)
		head_put(a, "Connection", STR("close"));
	else if (r->pub.minor == 0)
		head_put(a, "Connection", STR("keep-alive"));
	buf_str(&a->head, STR("\r\n"));
	CHECK(!a->head.overflowed);
}

/* The head goes out in front of the first bytes that are written. bufs[0] is left free for it. */
static void answer_write(struct request *r, uv_buf_t *bufs, unsigned n)
{
	struct answer *a = &r->answer;
	struct str head = buf_view(&a->head);

	bufs[0] = uv_buf_init(NULL, 0);
	if (!a->head_sent)
		bufs[0] = (uv_buf_t){ .base = a->head.p + a->head.from, .len = head.n };
	for (unsigned i = 0; i < n; i++)
		a->sent_bytes += bufs[i].len;
	if (a->head_sent) {
		bufs++;
		n--;
	}
	a->head_sent = true;
	if (n)
		conn_write(r->pub.conn, bufs, n);
}

static uv_buf_t out_buf(struct str s)
{
	union {
		const char *in;
		char *out;
	} p = { .in = s.p }; /* libuv does not write through it */

	return (uv_buf_t){ .base = p.out, .len = s.n };
}

static void answer_end(struct request *r)
{
	r->answer.state = ANSWER_ENDED;
	r->pub.on_gone = NULL;
	conn_kick(r->pub.conn);
}

static void send_whole(struct request *r, const char *content_type, struct str body)
{
	uv_buf_t bufs[2];

	head_finish(r, content_type, (int64_t)body.n);
	bufs[1] = out_buf(body);
	answer_write(r, bufs, r->answer.bodyless || body.n == 0 ? 1 : 2);
	answer_end(r);
}

void resp_send(struct http_req *req, const char *content_type, struct str body)
{
	send_whole(request_of(req), content_type, body);
}

void resp_empty(struct http_req *req)
{
	send_whole(request_of(req), NULL, (struct str){ NULL, 0 });
}

void resp_stream(struct http_req *req, const char *content_type, int64_t length, void (*drained)(struct http_req *req))
{
	struct request *r = request_of(req);

	head_finish(r, content_type, length < 0 ? -1 : length);
	r->answer.drained = drained;
	r->answer.state = ANSWER_STREAM;
	conn_kick(req->conn); /* the head leaves at the end of the turn, if nothing else takes it along */
}

void answer_flush_head(struct request *r)
{
	uv_buf_t bufs[1];

	if (!r->answer.head_sent)
		answer_write(r, bufs, 1);
}

/* Chunks are short texts around the piece; nothing is copied when the socket takes it all. */
static void write_piece(struct request *r, struct str piece)
{
	struct answer *a = &r->answer;
	char size[NUMBER_TEXT];
	uv_buf_t bufs[4];

	a->body_bytes += piece.n;
	if (!a->chunked) {
		CHECK(a->length < 0 || a->body_bytes <= (uint64_t)a->length);
		bufs[1] = out_buf(piece);
		answer_write(r, bufs, 2);
		return;
	}
	bufs[1] = uv_buf_init(size, (unsigned)snprintf(size, sizeof(size), "%zx\r\n", piece.n));
	bufs[2] = out_buf(piece);
	bufs[3] = out_buf(STR("\r\n"));
	answer_write(r, bufs, 4);
}

bool resp_write(struct http_req *req, struct str piece)
{
	struct request *r = request_of(req);
	size_t high = req->server->limits.write_high_bytes;
	size_t queued;

	if (r->answer.state == ANSWER_ENDED || req->conn->broken)
		return true; /* aborted: what follows goes nowhere */
	CHECK(r->answer.state == ANSWER_STREAM);
	if (piece.n == 0)
		return !r->answer.full;
	if (!r->answer.bodyless)
		write_piece(r, piece);
	queued = conn_queued(req->conn);
	if (queued > high + QUEUE_MORE) {
		LOG_WARN(&req->log, "http.unbounded", KV_INT("queued", queued));
		resp_abort(req);
		return true;
	}
	r->answer.full = queued > high;
	return !r->answer.full;
}

void resp_end(struct http_req *req)
{
	struct request *r = request_of(req);
	struct answer *a = &r->answer;
	uv_buf_t bufs[2];

	if (a->state == ANSWER_ENDED)
		return;
	CHECK(a->state == ANSWER_STREAM);
	if (!a->bodyless && a->length >= 0 && a->body_bytes != (uint64_t)a->length) {
		resp_abort(req); /* the source was shorter than promised */
		return;
	}
	bufs[1] = out_buf(STR("0\r\n\r\n"));
	answer_write(r, bufs, a->chunked && !a->bodyless ? 2 : 1);
	answer_end(r);
}

void resp_file(struct http_req *req, const char *content_type, int fd, uint64_t offset, uint64_t length)
{
	struct request *r = request_of(req);
	uv_buf_t bufs[1];

	CHECK(length <= INT64_MAX);
	head_finish(r, content_type, (int64_t)length);
	answer_write(r, bufs, 1);
	if (!r->answer.bodyless && length) {
		file_start(r, fd, offset, length);
		return;
	}
	close(fd);
	answer_end(r);
}

void resp_abort(struct http_req *req)
{
	struct request *r = request_of(req);

	if (r->answer.state == ANSWER_ENDED)
		return;
	file_drop(&r->answer);
	answer_end(r);
	conn_break(req->conn);
}

void resp_fault(struct http_req *req, const struct fault *fault)
{
	struct answer *a = &request_of(req)->answer;

	if (a->state == ANSWER_STREAM || a->state == ANSWER_FILE) {
		resp_abort(req); /* half an answer is out: the client must see it break */
	} else if (a->state == ANSWER_ENDED) {
		return;
	} else if (req->server->hooks.problem) {
		req->server->hooks.problem(req, fault);
	} else {
		resp_start(req, fault_status(fault->code));
		problem_send(req, &(struct problem){ .fault = fault });
	}
}

void resp_fault_code(struct http_req *req, enum fault_code code, struct str detail)
{
	resp_fault(req, &(struct fault){ .code = code, .detail = detail });
}

/* What the server itself refuses: the handler hears that the request is gone, then the client is told
 * why, once, and the connection ends. */
void answer_refuse(struct request *r, enum fault_code code, const char *why)
{
	struct http_req *req = &r->pub;
	void (*on_gone)(struct http_req *) = req->on_gone;

	r->refused = code;
	r->answer.close = true;
	metric_inc(http_rejected_total, fault_slug(code), NULL);
	req->on_gone = NULL;
	if (r->answer.state != ANSWER_ENDED && on_gone)
		on_gone(req);
	resp_fault(req, &(struct fault){ .code = code, .detail = str_from(why) });
	CHECK(r->answer.state == ANSWER_ENDED);
}

void resp_close_after(struct http_req *req)
{
	request_of(req)->answer.close = true;
}

bool resp_has_started(const struct http_req *req)
{
	return ((const struct request *)(const void *)req)->answer.state != ANSWER_NONE; /* pub is its first member */
}
