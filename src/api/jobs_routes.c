/*
 * jobs_routes - list, look at and cancel jobs.
 */
#include "api/images.h"
#include "api/listing.h"
#include "api/render.h"
#include "api/texts.h"
#include "base/mem.h"

enum { CANCEL_WAIT_MS = 2000 };

/* ---- list ---- */

static void list_render(struct api_req *r, const struct pg_call *rows)
{
	unsigned n = pg_rows(rows), asked = r->limit;
	struct job_record *last = NULL;
	struct json_writer w;
	struct buf body, cursor;

	buf_init(&body, 4 * 1024 * 1024);
	buf_init(&cursor, 256);
	w = json_writer(&body);
	jw_object(&w);
	jw_key(&w, "items");
	jw_array(&w);
	for (unsigned i = 0; i < n; i++) {
		struct job_record *job = record_from_row(rows, i, str_from(r->who.user_id), false);

		if (!job)
			continue;
		render_job(r, job, &w);
		record_unref(&last);
		last = job;
	}
	jw_end_array(&w);
	jw_key(&w, "next_cursor");
	if (last && n == asked) {
		api_cursor_write(r, &cursor, last->created_us, last->id);
		jw_str(&w, buf_view(&cursor));
	} else {
		jw_null(&w);
	}
	jw_end_object(&w);
	api_send_json(r, 200, &body);
	record_unref(&last);
	buf_clear(&body);
	buf_clear(&cursor);
}

/* p NULL when absent; an answer was sent and false when it is none of the names. */
static bool type_is_known(struct api_req *r, struct str type)
{
	if (!type.p || str_is(type, "avatar") || str_is(type, "imagen4") || str_is(type, "video"))
		return true;
	api_fail_field(r, "type", TEXT_FILL(r, MUST_BE_ONE_OF, STR("type"), STR("avatar, imagen4, video")));
	return false;
}

void jobs_list(struct http_req *http)
{
	struct api_req *r = api_of(http);
	struct str status = api_query(r, "status"), type = api_query(r, "type"), before_id = { NULL, 0 };
	enum job_status known;
	int64_t before_us = 0;
	unsigned limit;
	bool given;

	if (status.p && !job_status_from(status, &known)) {
		api_fail_field(
			r, "status",
			TEXT_FILL(r, MUST_BE_ONE_OF, STR("status"),
		                  STR("PENDING, INITIALIZING, GENERATING, SAVING, COMPLETED, FAILED, CANCELLED")));
		return;
	}
	if (!type_is_known(r, type) || !api_limit(r, &limit) || !api_cursor(r, &before_us, &before_id, &given))
		return;
	r->limit = limit;
	listing_ask(r, PG_BULK, STMT_JOBS_PAGE,
	            (const struct str[]){
			    str_from(r->who.user_id),
			    status,
			    type,
			    given ? param_int(r, before_us) : (struct str){ NULL, 0 },
			    before_id,
			    param_int(r, limit),
		    },
	            6, list_render);
}

/* ---- one ---- */

static void job_render(struct api_req *r, const struct job_record *job)
{
	struct json_writer w;
	struct buf body;

	buf_init(&body, 512 * 1024);
	w = json_writer(&body);
	render_job(r, job, &w);
	api_send_json(r, 200, &body);
	buf_clear(&body);
}

void jobs_get(struct http_req *http)
{
	lookup_job(api_of(http), true, job_render);
}

/* ---- cancel: waits a little, so that most callers hear at once how it ended ---- */

struct cancelling {
	struct jobs_cancel call;
	struct job_watch watch;
	struct timer patience;
	struct api_req *r;
};

static void cancelling_drop(struct api_req *r)
{
	struct cancelling *c = r->state;

	jobs_cancel_clear(&c->call);
	jobs_unwatch(&c->watch);
	timer_stop(r->api->core->loop, &c->patience);
}

/* 200: it has ended, and how. 202: it will. */
static void cancel_answer(struct cancelling *c, int status, enum job_status job, bool returned)
{
	struct api_req *r = c->r;
	struct json_writer w;
	struct buf body;

	r->drop = NULL;
	cancelling_drop(r);
	buf_init(&body, 1024);
	w = json_writer(&body);
	jw_object(&w);
	jw_kv_str(&w, "job_id", r->http->params[0]);
	jw_kv_cstr(&w, "status", job_status_name(job));
	jw_kv_bool(&w, "cancel_requested", true);
	jw_kv_bool(&w, "credits_returned", returned);
	jw_end_object(&w);
	api_send_json(r, status, &body);
	buf_clear(&body);
}

static void cancel_ended(struct job_watch *w, const struct job_record *record)
{
	struct cancelling *c = CONTAINER_OF(w, struct cancelling, watch);

	if (!record)
		cancel_answer(c, 202, c->call.status, false);
	else
		cancel_answer(c, 200, record->status, record->charged < record->price);
}

static void cancel_patience(struct timer *t)
{
	struct cancelling *c = CONTAINER_OF(t, struct cancelling, patience);

	cancel_answer(c, 202, c->call.status, false);
}

static void cancel_wished(struct op *op)
{
	struct jobs_cancel *call = CONTAINER_OF(op, struct jobs_cancel, op);
	struct cancelling *c = CONTAINER_OF(call, struct cancelling, call);
	struct api_req *r = c->r;

	if (op->fault.code != FAULT_NONE || call->answer == CANCEL_NOT_FOUND ||
	    (call->answer == CANCEL_ENDED && call->status == JOB_COMPLETED)) {
		r->drop = NULL;
		if (op->fault.code != FAULT_NONE)
			api_fail_with(r, &(struct fault){ .code = FAULT_STORE_DOWN, .retry_after_s = 1 }, NULL);
		else if (call->answer == CANCEL_NOT_FOUND)
			api_fail(r, FAULT_NOT_FOUND, str_from(text_get(r->language, TEXT_JOB_NOT_FOUND)));
		else
			api_fail(r, FAULT_CONFLICT, str_from(text_get(r->language, TEXT_JOB_ENDED)));
		cancelling_drop(r);
	} else if (call->answer == CANCEL_ENDED) {
		cancel_answer(c, 200, call->status, true);
	} else if (jobs_watch(r->api->core, r->http->params[0], &c->watch)) {
		timer_start(r->api->core->loop, &c->patience, CANCEL_WAIT_MS, cancel_patience);
	} else {
		cancel_answer(c, 202, call->status, false);
	}
}

void jobs_cancel_job(struct http_req *http)
{
	struct api_req *r = api_of(http);
	struct cancelling *c = arena_new(&http->arena, struct cancelling);

	c->r = r;
	list_init(&c->watch.link);
	c->watch.ended = cancel_ended;
	r->state = c;
	r->drop = cancelling_drop;
	jobs_cancel_init(&c->call, r->api->core, cancel_wished);
	jobs_cancel(r->api->core, &c->call, str_from(r->who.user_id), http->params[0]);
}
