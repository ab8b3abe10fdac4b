/*
 * Request objects. One exists from the first byte of a head to the end of its answer, so an idle
 * connection has none. The arena's first chunk and the answer's head buffer stay with
 * the object for its next use.
 */
#include "http/edge.h"

enum { KEEP_HEAD_BUFFER = 4096, ID_GIVEN_MAX = 36, ID_OWN = 20 };

struct request *request_new(struct http_conn *c)
{
	struct http_server *s = c->server;
	struct http_edge *e = s->edge;
	struct request *r = e->spare;

	if (r) {
		e->spare = r->next_spare;
		e->spares--;
		r->next_spare = NULL;
	} else {
		r = slab_get(&e->requests);
		if (!r)
			return NULL;
		arena_init(&r->pub.arena, s->limits.request_arena_bytes);
	}
	r->pub.conn = c;
	r->pub.server = s;
	r->pub.log.parent = &s->log;
	r->pub.peer = str_from(c->peer);
	r->pub.started_us = uv_hrtime() / 1000;
	parse_begin(&r->parse, &r->pub, &s->limits);
	return r;
}

void request_free(struct http_conn *c)
{
	struct request *r = c->request;
	struct http_edge *e = c->server->edge;
	struct arena arena;
	struct buf head;

	c->request = NULL;
	file_drop(&r->answer);
	buf_clear(&r->body);
	if (r->answer.head.size > KEEP_HEAD_BUFFER)
		buf_clear(&r->answer.head);
	if (e->spares >= SPARE_REQUESTS) {
		buf_clear(&r->answer.head);
		arena_clear(&r->pub.arena);
		slab_put(&e->requests, r);
		return;
	}
	arena_reset(&r->pub.arena);
	arena = r->pub.arena;
	head = r->answer.head;
	*r = (struct request){ .pub.arena = arena, .answer.head = head, .next_spare = e->spare };
	e->spare = r;
	e->spares++;
}

static bool is_clean_id(struct str id)
{
	if (id.n == 0 || id.n > ID_GIVEN_MAX)
		return false;
	for (size_t i = 0; i < id.n; i++) {
		char c = id.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		      c == '_' || c == '-'))
			return false;
	}
	return true;
}

void request_take_id(struct request *r)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	struct str given = http_field(&r->pub, "x-request-id");
	char *id = r->pub.id;

	if (is_clean_id(given)) {
		CHECK(str_to_cstr(given, id, sizeof(r->pub.id)));
	} else {
		uint64_t bits = 0;

		for (int i = 0; i < ID_OWN; i++) {
			if (i % 10 == 0)
				bits = edge_random(r->pub.server->edge);
			id[i] = digits[bits & 31];
			bits >>= 5;
		}
		id[ID_OWN] = '\0';
	}
	r->pub.log.fields[0] = KV_CSTR("request_id", id);
	r->pub.log.count = 1;
}

struct str http_field(const struct http_req *req, const char *name)
{
	struct str want = str_from(name);

	for (unsigned i = 0; i < req->field_count; i++)
		if (req->fields[i].name.n == want.n && str_eq_nocase(req->fields[i].name, want))
			return req->fields[i].value;
	return (struct str){ NULL, 0 };
}
