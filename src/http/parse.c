/*
 * Invariants
 *  1. llhttp is fed only bytes that the guard has passed, and none after the guard's end
 *     of the message; so it can neither see a second message nor run ahead.
 *  2. Fields are views into one contiguous copy of the head in the request's arena.
 *  3. Trailer fields are dropped (G9): a trailer must not change what was judged in the head.
 */
#include "http/parse.h"

enum { HEAD_FIRST = 1024 };

bool parse_refuse(struct parse *p, enum fault_code code, const char *why)
{
	p->state = PARSE_REFUSED;
	p->refused = code;
	p->why = why;
	return false;
}

static struct parse *parse_of(llhttp_t *l)
{
	return CONTAINER_OF(l, struct parse, llhttp);
}

static void extend(struct str *s, const char *at, size_t n)
{
	if (!s->p)
		s->p = at;
	s->n += n;
}

static int on_begin(llhttp_t *l)
{
	parse_of(l)->messages++;
	return 0;
}

static int on_field(llhttp_t *l, const char *at, size_t n)
{
	struct parse *p = parse_of(l);

	if (!p->head_read)
		extend(&p->name, at, n);
	return 0;
}

static int on_value(llhttp_t *l, const char *at, size_t n)
{
	struct parse *p = parse_of(l);

	if (!p->head_read)
		extend(&p->value, at, n);
	return 0;
}

static int on_value_end(llhttp_t *l)
{
	struct parse *p = parse_of(l);
	struct http_req *req = p->req;

	if (p->head_read)
		return 0;
	if (req->field_count == p->field_room)
		p->stray = true;
	else
		req->fields[req->field_count++] = (struct http_field){ p->name, str_trim(p->value) };
	p->name = p->value = (struct str){ NULL, 0 };
	return 0;
}

static int on_head(llhttp_t *l)
{
	struct parse *p = parse_of(l);

	p->head_read = true;
	p->keep_alive = llhttp_should_keep_alive(l); /* llhttp forgets it with the end of the message */
	l->upgrade = 0;                              /* G8: an Upgrade is ignored, the body stays a body */
	return 0;
}

static int on_data(llhttp_t *l, const char *at, size_t n)
{
	struct parse *p = parse_of(l);

	if (p->data)
		p->data(p, at, n);
	else
		p->stray = true;
	return 0;
}

static int on_end(llhttp_t *l)
{
	parse_of(l)->message_read = true;
	return 0;
}

static const llhttp_settings_t settings = {
	.on_message_begin = on_begin,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_header_value_complete = on_value_end,
	.on_headers_complete = on_head,
	.on_body = on_data,
	.on_message_complete = on_end,
};

void parse_begin(struct parse *p, struct http_req *req, const struct http_limits *limits)
{
	*p = (struct parse){ .req = req, .state = PARSE_HEAD };
	guard_init(&p->guard, limits);
}

bool parse_has_begun(const struct parse *p)
{
	return p->guard.head_bytes > 0;
}

/* Most heads arrive whole and are copied once; one in pieces grows by doubling. */
static void head_append(struct parse *p, const char *bytes, size_t n)
{
	size_t need = p->head_bytes + n;

	if (need > p->head_size) {
		size_t size = p->guard.state == GUARD_DONE ? need : HEAD_FIRST;
		char *grown;

		while (size < need)
			size *= 2;
		grown = arena_alloc(&p->req->arena, size, 1);
		if (p->head_bytes)
			memcpy(grown, p->head, p->head_bytes);
		p->head = grown;
		p->head_size = size;
	}
	if (n)
		memcpy(p->head + p->head_bytes, bytes, n);
	p->head_bytes = need;
}

/* Also for a refused head, as far as it goes: HEAD has to be known, its answer has no body. */
static void take_line(struct parse *p)
{
	struct http_req *req = p->req;
	struct guard *g = &p->guard;

	if (g->method_bytes == 0 || p->head_bytes <= g->method_bytes || p->head[g->method_bytes] != ' ')
		return;
	req->method_text = (struct str){ p->head, g->method_bytes };
	req->method = fields_method(req->method_text);
	req->target = (struct str){ p->head + g->method_bytes + 1, g->target_bytes };
	req->minor = g->version[7] == '1' ? 1 : 0;
}

static bool read_head(struct parse *p)
{
	struct http_req *req = p->req;

	if (req->arena.overflowed)
		return parse_refuse(p, FAULT_HEAD_TOO_LARGE, "The header is too large");
	p->field_room = p->guard.lines;
	req->fields = arena_array(&req->arena, struct http_field, p->field_room);
	llhttp_init(&p->llhttp, HTTP_REQUEST, &settings);
	if (llhttp_execute(&p->llhttp, p->head, p->head_bytes) != HPE_OK)
		return parse_refuse(p, FAULT_BAD_REQUEST, "The request cannot be read");
	if (!p->head_read || p->messages != 1 || p->stray)
		return parse_refuse(p, FAULT_BAD_REQUEST, "The header ends in an unclear place");
	if (!fields_check(p))
		return false;
	if (p->message_read != (req->content_length == 0))
		return parse_refuse(p, FAULT_BAD_REQUEST, "The length of the body is unclear");
	p->state = req->content_length ? PARSE_BODY : PARSE_DONE;
	return true;
}

size_t parse_head(struct parse *p, const char *bytes, size_t n)
{
	size_t skip;
	size_t taken = guard_head(&p->guard, bytes, n, &skip);

	head_append(p, bytes + skip, taken - skip);
	if (p->guard.state == GUARD_REFUSED) {
		take_line(p);
		parse_refuse(p, p->guard.refused, p->guard.why);
	} else if (p->guard.state == GUARD_DONE) {
		take_line(p);
		if (fields_check_line(p))
			(void)read_head(p);
	}
	return taken;
}

void parse_expect_body(struct parse *p, uint64_t limit)
{
	guard_expect_body(&p->guard, p->req->content_length, limit);
	if (p->guard.state == GUARD_REFUSED)
		parse_refuse(p, p->guard.refused, p->guard.why);
}

size_t parse_body(struct parse *p, const char *bytes, size_t n)
{
	bool is_data;
	size_t taken = guard_body(&p->guard, bytes, n, &is_data);
	bool ends = p->guard.state == GUARD_DONE;

	/* Up to the byte that the guard refused, llhttp still reads along: whoever takes the body in pieces
	 * gets the same bytes however they were cut. */
	if (llhttp_execute(&p->llhttp, bytes, taken) != HPE_OK)
		parse_refuse(p, FAULT_BAD_REQUEST, "The body cannot be read");
	else if (p->guard.state == GUARD_REFUSED)
		parse_refuse(p, p->guard.refused, p->guard.why);
	else if (p->messages != 1 || p->stray || p->message_read != ends)
		parse_refuse(p, FAULT_BAD_REQUEST, "The body ends in an unclear place");
	else if (ends)
		p->state = PARSE_DONE;
	return taken;
}

uint64_t parse_body_left(const struct parse *p)
{
	if (p->state == PARSE_DONE)
		return 0;
	if (p->req->content_length < 0)
		return UINT64_MAX;
	return (uint64_t)p->req->content_length - p->guard.body_bytes;
}
