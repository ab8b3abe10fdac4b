/*
 * listing - one call in the request's arena; dropped when the client goes away.
 */
#include "api/listing.h"

struct listing {
	struct pg_call call;
	struct api_req *r;
	void (*render)(struct api_req *r, const struct pg_call *rows);
	void (*otherwise)(struct api_req *r);
};

static void listing_drop(struct api_req *r)
{
	struct listing *l = r->state;

	op_forget(&l->call.op);
	pg_call_clear(&l->call);
}

static void listing_done(struct op *op)
{
	struct pg_call *call = CONTAINER_OF(op, struct pg_call, op);
	struct listing *l = CONTAINER_OF(call, struct listing, call);
	struct api_req *r = l->r;

	r->drop = NULL;
	if (op->fault.code == FAULT_NONE)
		l->render(r, call);
	else if (l->otherwise)
		l->otherwise(r);
	else if (op->fault.code == FAULT_INTERNAL)
		api_fail_with(r, &(struct fault){ .code = FAULT_INTERNAL, .cause = op->fault.cause }, NULL);
	else
		api_fail_with(r, &(struct fault){ .code = FAULT_STORE_DOWN, .retry_after_s = 1 }, NULL);
	pg_call_clear(call);
}

void listing_ask(struct api_req *r, enum pg_class class, enum stmt_id statement, const struct str *params,
                 unsigned count, void (*render)(struct api_req *r, const struct pg_call *rows))
{
	listing_ask_or(r, class, statement, params, count, render, NULL);
}

void listing_ask_or(struct api_req *r, enum pg_class class, enum stmt_id statement, const struct str *params,
                    unsigned count, void (*render)(struct api_req *r, const struct pg_call *rows),
                    void (*otherwise)(struct api_req *r))
{
	struct listing *l = arena_new(&r->http->arena, struct listing);

	l->r = r;
	l->render = render;
	l->otherwise = otherwise;
	r->state = l;
	r->drop = listing_drop;
	pg_call_init(&l->call, r->api->core->loop, listing_done);
	pg_call(r->api->core->pg, class, &l->call, statement, params, count);
}

struct str param_int(struct api_req *r, int64_t v)
{
	return arena_printf(&r->http->arena, "%lld", (long long)v);
}
