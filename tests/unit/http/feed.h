#pragma once
/*
 * feed - give raw bytes to the parser in pieces and write down what came out, so that two ways
 * of cutting can be compared.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "http/parse.h"

struct feed {
	struct http_req req;
	struct parse parse;
	struct buf told; /* one line for each event */
	struct buf body;
	uint64_t limit;
	int status;        /* of the refusal; 0: none */
	unsigned requests; /* heads that were accepted */
	unsigned refusals;
	void (*accepted)(const struct feed *f);
	bool ended; /* the connection would be closed: nothing more is fed */
};

static inline void feed_data(struct parse *p, const char *bytes, size_t n)
{
	struct feed *f = CONTAINER_OF(p, struct feed, parse);

	buf_put(&f->body, bytes, n);
}

static inline void feed_begin(struct feed *f)
{
	struct arena arena = f->req.arena;

	arena_reset(&arena);
	f->req = (struct http_req){ .arena = arena };
	parse_begin(&f->parse, &f->req, &http_default_limits);
	f->parse.data = feed_data;
	buf_reset(&f->body);
}

static inline void feed_init(struct feed *f, uint64_t limit)
{
	*f = (struct feed){ .limit = limit };
	arena_init(&f->req.arena, http_default_limits.request_arena_bytes);
	buf_init(&f->told, 1 << 22);
	buf_init(&f->body, 1 << 22);
	feed_begin(f);
}

static inline void feed_clear(struct feed *f)
{
	arena_clear(&f->req.arena);
	buf_clear(&f->told);
	buf_clear(&f->body);
}

static inline void feed_tell_head(struct feed *f)
{
	const struct http_req *req = &f->req;

	f->requests++;
	if (f->accepted)
		f->accepted(f);
	buf_printf(&f->told, "%.*s %.*s q=%.*s h=%.*s 1.%u len=%lld keep=%d expect=%d\n", STRF(req->method_text),
	           STRF(req->path), STRF(req->query), STRF(req->host), req->minor, (long long)req->content_length,
	           f->parse.keep_alive, f->parse.expects_continue);
	for (unsigned i = 0; i < req->field_count; i++)
		buf_printf(&f->told, " %.*s=%.*s\n", STRF(req->fields[i].name), STRF(req->fields[i].value));
}

static inline void feed_refused(struct feed *f)
{
	f->status = fault_status(f->parse.refused);
	f->ended = true;
	f->refusals++;
	/* What a sink would have got before the refusal is part of the answer. */
	buf_printf(&f->told, "refused %d %s after %zu\n", f->status, f->parse.why, buf_len(&f->body));
	buf_str(&f->told, buf_view(&f->body));
}

static inline void feed_message_end(struct feed *f)
{
	buf_printf(&f->told, "body %zu\n", buf_len(&f->body));
	buf_str(&f->told, buf_view(&f->body));
	if (!f->parse.keep_alive)
		f->ended = true;
	else
		feed_begin(f);
}

static inline void feed_bytes(struct feed *f, const char *p, size_t n)
{
	size_t at = 0;

	while (at < n && !f->ended) {
		struct parse *parse = &f->parse;

		if (parse->state == PARSE_HEAD) {
			at += parse_head(parse, p + at, n - at);
			if (parse->state == PARSE_BODY || parse->state == PARSE_DONE)
				feed_tell_head(f);
			if (parse->state == PARSE_BODY)
				parse_expect_body(parse, f->limit);
		} else {
			at += parse_body(parse, p + at, n - at);
		}
		if (parse->state == PARSE_REFUSED)
			feed_refused(f);
		else if (parse->state == PARSE_DONE)
			feed_message_end(f);
	}
}
