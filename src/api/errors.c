/*
 * errors - one fault, two shapes: seed 003's under /api/images, RFC 9457 everywhere else.
 */
#include "api/api.h"
#include "api/texts.h"
#include "base/metric.h"
#include "http/problem.h"

static void retry_after(struct http_req *http, const struct fault *fault, int status)
{
	unsigned s = fault->retry_after_s;

	if (s == 0 && (status == 503 || status == 429))
		s = 1;
	if (s)
		resp_header(http, "Retry-After", arena_printf(&http->arena, "%u", s));
}

static void send_legacy(struct http_req *http, const struct fault *fault, struct str title, const char *extra)
{
	struct str message = fault->detail.n ? fault->detail : title;
	int status = fault_status(fault->code);
	struct json_writer w;
	struct buf body;

	buf_init(&body, 64 * 1024);
	w = json_writer(&body);
	jw_object(&w);
	jw_kv_str(&w, "error", message);
	jw_kv_str(&w, "message", message);
	jw_kv_cstr(&w, "code", fault_slug(fault->code));
	jw_kv_str(&w, "request_id", str_from(http->id));
	if (extra) {
		buf_byte(&body, ',');
		buf_cstr(&body, extra);
	}
	jw_end_object(&w);
	retry_after(http, fault, status);
	resp_send(http, "application/json; charset=utf-8", buf_view(&body));
	buf_clear(&body);
}

static void log_refusal(struct http_req *http, const struct fault *fault)
{
	if (fault_status(fault->code) >= 500)
		LOG_WARN(&http->log, "http.fault", KV_CSTR("code", fault_slug(fault->code)),
		         KV_STR("detail", fault->detail), KV_STR("cause", fault->cause));
}

static void send_fault(struct http_req *http, const struct fault *fault, enum language language,
                       const struct problem_field *field, const char *extra)
{
	struct str title = text_fault(language, fault->code);

	log_refusal(http, fault);
	resp_start(http, fault_status(fault->code));
	if (http->user)
		api_common_headers(api_of(http));
	resp_header(http, "Cache-Control", STR("no-store"));
	resp_header(http, "Content-Language", str_from(language_code(language)));
	if (fault->code == FAULT_UNAUTHORIZED)
		resp_header(http, "WWW-Authenticate", STR("Bearer"));
	if (fault->code == FAULT_METHOD && http->user && api_of(http)->allow.n)
		resp_header(http, "Allow", api_of(http)->allow);
	if (fault->code == FAULT_RANGE && http->user && api_of(http)->content_range.n)
		resp_header(http, "Content-Range", api_of(http)->content_range);
	if (api_is_legacy(http)) {
		send_legacy(http, fault, title, extra);
		return;
	}
	problem_send(http, &(struct problem){
				   .fault = fault,
				   .title = title,
				   .fields = field,
				   .field_count = field ? 1 : 0,
				   .extra = str_from(extra),
			   });
}

void api_problem(struct http_req *http, const struct fault *fault)
{
	struct api_req *r = api_of(http);

	if (!r)
		metric_inc(http_rejected_total, fault_slug(fault->code), NULL);
	send_fault(http, fault, r ? r->language : api_is_legacy(http) ? LANG_FR : LANG_EN, NULL, NULL);
}

void api_fail_with(struct api_req *r, const struct fault *fault, const char *extra_json)
{
	send_fault(r->http, fault, r->language, NULL, extra_json);
}

void api_fail(struct api_req *r, enum fault_code code, struct str detail)
{
	api_fail_with(r, &(struct fault){ .code = code, .detail = detail }, NULL);
}

void api_fail_field(struct api_req *r, const char *field, struct str message)
{
	struct problem_field named = { str_from(field), message };

	send_fault(r->http, &(struct fault){ .code = FAULT_BAD_FIELD, .detail = message }, r->language, &named, NULL);
}

struct json *api_body_json(struct api_req *r)
{
	struct json_error error;
	struct json *root = json_parse(r->http->body, &error);

	if (!root) {
		api_fail(r, FAULT_BAD_JSON,
		         TEXT_FILL(r, JSON_AT, text_number(r, (int64_t)error.position), str_from(error.text)));
		return NULL;
	}
	if (json_type(root) == JSON_OBJECT)
		return root;
	json_free(&root);
	api_fail(r, FAULT_BAD_JSON, str_from(text_get(r->language, TEXT_JSON_OBJECT)));
	return NULL;
}
