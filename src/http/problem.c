/*
 * The only writer of application/problem+json. Type, title and status come from the fault's
 * row; `cause` is for the log and never leaves.
 */
#include "base/json.h"
#include "http/problem.h"

enum { BODY_CAP = 64 * 1024, RETRY_DEFAULT_S = 1 };

static void retry_after(struct http_req *req, const struct fault *fault, int status)
{
	unsigned after_s = fault->retry_after_s;

	if (!after_s && (status == 503 || status == 429))
		after_s = RETRY_DEFAULT_S;
	if (after_s)
		resp_header(req, "Retry-After", arena_printf(&req->arena, "%u", after_s));
}

static void write_fields(struct json_writer *w, const struct problem *p)
{
	if (!p->field_count)
		return;
	jw_key(w, "errors");
	jw_array(w);
	for (unsigned i = 0; i < p->field_count; i++) {
		jw_object(w);
		jw_kv_str(w, "field", p->fields[i].field);
		jw_kv_str(w, "message", p->fields[i].message);
		jw_end_object(w);
	}
	jw_end_array(w);
}

static void write_body(struct http_req *req, const struct problem *p, int status, struct buf *out)
{
	const char *slug = fault_slug(p->fault->code);
	struct json_writer w = json_writer(out);

	jw_object(&w);
	jw_kv_str(&w, "type", arena_printf(&req->arena, "/problems/%s", slug));
	jw_kv_str(&w, "title", p->title.n ? p->title : str_from(fault_title(p->fault->code)));
	jw_kv_int(&w, "status", status);
	if (p->fault->detail.n)
		jw_kv_str(&w, "detail", p->fault->detail);
	jw_kv_cstr(&w, "code", slug);
	jw_kv_bool(&w, "retryable", fault_retry(p->fault->code) == RETRY_LATER);
	jw_kv_cstr(&w, "request_id", req->id);
	if (p->job_id.n)
		jw_kv_str(&w, "job_id", p->job_id);
	write_fields(&w, p);
	if (p->extra.n) {
		buf_byte(out, ',');
		buf_str(out, p->extra);
	}
	jw_end_object(&w);
}

void problem_send(struct http_req *req, const struct problem *p)
{
	int status = fault_status(p->fault->code);
	struct buf body;

	buf_init(&body, BODY_CAP);
	write_body(req, p, status, &body);
	if (!resp_has_started(req))
		resp_start(req, status);
	retry_after(req, p->fault, status);
	if (p->allow.n)
		resp_header(req, "Allow", p->allow);
	if (body.overflowed)
		resp_send(req, "application/problem+json", STR("{\"status\":500,\"code\":\"internal_error\"}"));
	else
		resp_send(req, "application/problem+json", buf_view(&body));
	buf_clear(&body);
}
