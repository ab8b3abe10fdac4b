/*
 * The answers of the queue: submit, status, stream of statuses, result, cancel, and the direct call.
 *
 * Each first asks the job's rules whether something is to go wrong now; what the rule does
 * not know how to do is left to the regular answer.
 */
#include "base/mem.h"
#include "base/url.h"
#include "fal_sim.h"

enum { JSON_CAP = 4 << 20, SLOW_S = 3 };

#define NGINX_503 \
	"<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n" \
	"<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
#define TINY_PNG \
	"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGMwTpsJAAICATNWh+JUAAAAAElFTkSuQmCC"

static struct sim_call *call_of(struct http_req *req)
{
	return req->user;
}

/* ---- what goes wrong at any stage ---- */

static void send_fault(struct http_req *req, const struct sim_fault *fault, const struct sim_job *job)
{
	struct buf body;

	buf_init(&body, JSON_CAP);
	sim_fault_body(fault, job ? job->prompt : STR(""), &body);
	resp_start(req, fault->status);
	if (fault->is_platform)
		resp_header(req, "X-Fal-Error-Type", str_from(fault->type));
	if (fault->status == 429)
		resp_header(req, "X-Fal-Needs-Retry", STR("1"));
	if (job)
		resp_header(req, "x-fal-request-id", str_from(job->id));
	resp_send(req, "application/json", buf_view(&body));
	buf_clear(&body);
}

static void send_code(struct http_req *req, int status, const struct sim_rule *rule)
{
	char text[12];

	resp_start(req, status);
	if (rule->after_s > 0) {
		struct buf b;

		buf_init(&b, sizeof(text));
		buf_u64(&b, rule->after_s);
		resp_header(req, "Retry-After", buf_view(&b));
		buf_clear(&b);
	}
	resp_send(req, "application/json", STR("{\"detail\":\"as the test asked\"}"));
}

static void send_nginx(struct http_req *req)
{
	resp_start(req, 503);
	resp_send(req, "text/html", STR(NGINX_503));
}

bool sim_misbehave(struct http_req *req, const struct sim_rule *rule, const struct sim_job *job)
{
	const struct sim_fault *fault = rule ? sim_fault_find(str_from(rule->what)) : NULL;
	int code = sim_rule_code(rule);

	if (!rule)
		return false;
	if (fault)
		send_fault(req, fault, job);
	else if (code > 0)
		send_code(req, code, rule);
	else if (sim_rule_is(rule, "close") || sim_rule_is(rule, "close-after-body"))
		resp_abort(req);
	else if (sim_rule_is(rule, "garbage"))
		sim_send_text(req, 200, "<html>sign in to the hotel's network</html>");
	else if (sim_rule_is(rule, "nginx"))
		send_nginx(req);
	else if (sim_rule_is(rule, "key"))
		sim_send_detail(req, 401, "No user found for Key ID and Secret");
	else
		return sim_rule_is(rule, "hang");
	return true;
}

/* ---- submit ---- */

static bool is_refusal(struct http_req *req, const struct sim_rule *rule)
{
	if (!rule)
		return false;
	if (sim_rule_is(rule, "malformed-key"))
		sim_send_detail(req, 401, "Invalid Key Authorization header format. Expected '<key_id>:<key_secret>'.");
	else if (sim_rule_is(rule, "exhausted"))
		sim_send_detail(
			req, 403,
			"User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.");
	else if (sim_rule_is(rule, "locked"))
		sim_send_detail(req, 403, "User is locked.");
	else if (sim_rule_is(rule, "gone"))
		sim_send_detail(req, 404, "Application not found");
	else if (sim_rule_is(rule, "limit"))
		send_fault(req, sim_fault_find(STR("concurrent_requests_limit")), NULL);
	else if (sim_rule_is(rule, "close") || sim_rule_is(rule, "key") || sim_rule_is(rule, "nginx") ||
	         sim_fault_find(str_from(rule->what)))
		return sim_misbehave(req, rule, NULL);
	else if (sim_rule_code(rule) > 0 && str_find(str_from(rule->what), STR("-taken")) == SIZE_MAX)
		return sim_misbehave(req, rule, NULL);
	else
		return false;
	return true;
}

static void kv_url(struct json_writer *w, const char *key, const struct sim_job *job, struct str base,
                   const char *suffix)
{
	struct buf url;

	buf_init(&url, 2048);
	buf_printf(&url, "%.*s/%.*s/requests/%s%s", STRF(base), STRF(job->app), job->id, suffix);
	jw_kv_str(w, key, buf_view(&url));
	buf_clear(&url);
}

static void kv_urls(struct json_writer *w, const struct sim_job *job, struct str base)
{
	jw_kv_cstr(w, "request_id", job->id);
	kv_url(w, "response_url", job, base, "");
	kv_url(w, "status_url", job, base, "/status");
	kv_url(w, "cancel_url", job, base, "/cancel");
}

static struct str base_of(struct http_req *req)
{
	return arena_printf(&req->arena, "http://%.*s", STRF(req->host));
}

static void write_submitted(struct http_req *req, const struct sim_job *job, const struct sim_rule *rule,
                            struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_object(&w);
	jw_kv_cstr(&w, "status", "IN_QUEUE");
	if (sim_rule_is(rule, "bad-id"))
		jw_kv_cstr(&w, "request_id", "../../admin");
	else if (!sim_rule_is(rule, "no-id"))
		kv_urls(&w, job, sim_rule_is(rule, "foreign-urls") ? STR("https://thief.example") : base_of(req));
	jw_key(&w, "logs");
	jw_null(&w);
	jw_key(&w, "metrics");
	jw_object(&w);
	jw_end_object(&w);
	jw_kv_int(&w, "queue_position", (int64_t)sim_job_position(job));
	jw_end_object(&w);
}

static void send_submitted(struct http_req *req, const struct sim_job *job, const struct sim_rule *rule)
{
	struct buf body;

	buf_init(&body, JSON_CAP);
	write_submitted(req, job, rule, &body);
	if (sim_rule_is(rule, "cut"))
		sim_send_cut(req, "application/json", buf_view(&body));
	else
		sim_send_text(req, 200, arena_cstr(&req->arena, buf_view(&body)));
	buf_clear(&body);
}

static void submit_late(struct sim_call *call)
{
	struct sim_job *job = sim_job_find(call->sim, call->id, STR(""));

	if (job)
		send_submitted(call->req, job, NULL);
	else
		resp_abort(call->req);
}

/* fal_max_queue_length: rather refused than queued behind so many. */
static bool queue_is_too_long(const struct sim *sim, const struct http_req *req)
{
	uint64_t max;

	return str_to_u64(url_query_get(req->query, "fal_max_queue_length"), &max) && sim->stats.waiting > max;
}

static void wait_for_result(struct sim_call *call, struct sim_job *job)
{
	call->sim->stats.syncs++;
	call->job = job;
	job->waiter = call->req;
}

static void answer_submit(struct sim_call *call, struct sim_job *job, const struct sim_rule *rule)
{
	call->id = str_from(job->id);
	if (sim_rule_is(rule, "slow"))
		sim_later(call, 1000 * (rule->after_s > 0 ? rule->after_s : SLOW_S), submit_late);
	else if (call->is_sync && !rule)
		wait_for_result(call, job);
	else if (!sim_misbehave(call->req, rule, job))
		send_submitted(call->req, job, rule);
}

static struct sim_rules rules_for(struct sim *sim, struct str prompt)
{
	struct sim_config *c = &sim->config;
	struct sim_rules rules = { .count = 0 };
	struct str bad = { NULL, 0 };

	sim_rules_read(&rules, prompt, &bad);
	if (bad.p)
		LOG_WARN(NULL, "sim.rule", KV_STR("unknown", bad));
	for (unsigned i = 0; rules.count == 0 && i < c->next_count; i++) {
		if (c->next[i].left > 0) {
			c->next[i].left--;
			rules = c->next[i].rules;
		}
	}
	for (unsigned i = 0; i < c->always.count && rules.count < SIM_RULES_MAX; i++)
		rules.at[rules.count++] = c->always.at[i];
	return rules;
}

static void take(struct sim_call *call, const struct json *input)
{
	struct sim *sim = call->sim;
	struct str prompt = json_str(json_get(input, "prompt"));
	struct sim_rules rules = rules_for(sim, prompt);
	const struct sim_rule *rule = sim_rule_take(&rules, SIM_SUBMIT);
	struct sim_job *job;

	sim->stats.submits++;
	if (is_refusal(call->req, rule)) {
		sim->stats.refused++;
		return;
	}
	if (queue_is_too_long(sim, call->req)) {
		sim->stats.refused++;
		sim_send_detail(call->req, 429, "Queue is too long");
		return;
	}
	job = sim_job_new(sim, call->model, call->app, input, &rules);
	if (!job) {
		sim_send_detail(call->req, 500, "the simulator is full");
		return;
	}
	sim->stats.submissions++;
	sim_count_prompt(sim, prompt);
	sim_job_start(job);
	answer_submit(call, job, rule);
}

void sim_submit(struct sim_call *call)
{
	struct json_error error;
	struct json *input = json_parse(call->req->body, &error);

	if (json_type(input) == JSON_OBJECT)
		take(call, input);
	else
		sim_send_detail(call->req, 422, "The body is not a JSON object");
	json_free(&input);
}

/* ---- status ---- */

static void write_logs(struct json_writer *w, const struct sim_job *job)
{
	static const char *const lines[] = { "loading the model", "drawing" };

	jw_array(w);
	for (size_t i = 0; i < (job->state == SIM_COMPLETED ? COUNT_OF(lines) : 1); i++) {
		jw_object(w);
		jw_kv_cstr(w, "message", lines[i]);
		jw_kv_cstr(w, "timestamp", "2026-11-20T10:30:00.000000");
		jw_kv_cstr(w, "level", "INFO");
		jw_kv_cstr(w, "source", "USER");
		jw_end_object(w);
	}
	jw_end_array(w);
}

void sim_status_json(const struct sim_job *job, struct str host, bool logs, struct buf *out)
{
	static const char *const names[] = { "IN_QUEUE", "IN_PROGRESS", "COMPLETED" };
	struct json_writer w = json_writer(out);

	jw_object(&w);
	jw_kv_cstr(&w, "status", names[job->state]);
	kv_urls(&w, job, host);
	if (job->state == SIM_IN_QUEUE) {
		jw_kv_int(&w, "queue_position", (int64_t)sim_job_position(job));
	} else {
		jw_key(&w, "logs");
		if (logs)
			write_logs(&w, job);
		else
			jw_null(&w);
	}
	if (job->state == SIM_COMPLETED) {
		jw_key(&w, "metrics");
		jw_object(&w);
		jw_key(&w, "inference_time");
		jw_fixed(&w, (int64_t)(job->completed_ms - job->started_ms), 3);
		jw_end_object(&w);
	}
	if (job->fault) {
		jw_kv_cstr(&w, "error", job->fault->message);
		jw_kv_cstr(&w, "error_type", job->fault->type);
	}
	jw_end_object(&w);
}

static bool wants_logs(const struct http_req *req)
{
	struct str logs = url_query_get(req->query, "logs");

	return str_is(logs, "1") || str_is(logs, "true");
}

static void status_now(struct sim_call *call)
{
	struct sim_job *job = sim_job_find(call->sim, call->id, call->app);
	struct buf body;

	if (!job) {
		sim_send_text(call->req, 404, "{\"status\":\"NOT_FOUND\"}");
		return;
	}
	buf_init(&body, JSON_CAP);
	sim_status_json(job, base_of(call->req), wants_logs(call->req), &body);
	sim_send_text(call->req, job->state == SIM_COMPLETED ? 200 : 202,
	              arena_cstr(&call->req->arena, buf_view(&body)));
	buf_clear(&body);
}

void sim_status(struct sim_call *call)
{
	struct sim_job *job = sim_job_find(call->sim, call->id, call->app);
	const struct sim_rule *rule = job ? sim_rule_take(&job->rules, SIM_STATUS) : NULL;

	call->sim->stats.status_polls++;
	call->sim->stats.not_found += job == NULL;
	if (sim_rule_is(rule, "weird"))
		sim_send_text(call->req, 200, "{\"status\":\"PONDERING\"}");
	else if (sim_rule_is(rule, "not-found"))
		sim_send_text(call->req, 404, "{\"status\":\"NOT_FOUND\"}");
	else if (sim_rule_is(rule, "cut"))
		sim_send_cut(call->req, "application/json", STR("{\"status\":\"IN_PROGRESS\",\"logs\":null}"));
	else if (sim_rule_is(rule, "slow"))
		sim_later(call, 1000 * (rule->after_s > 0 ? rule->after_s : SLOW_S), status_now);
	else if (!sim_misbehave(call->req, rule, job))
		status_now(call);
}

/* ---- stream of statuses ---- */

static void stream_event(struct sim_call *call)
{
	struct buf event;

	buf_init(&event, JSON_CAP);
	buf_cstr(&event, "data: ");
	sim_status_json(call->job, base_of(call->req), wants_logs(call->req), &event);
	buf_cstr(&event, "\n\n");
	(void)!resp_write(call->req, buf_view(&event));
	buf_clear(&event);
	if (call->job->state == SIM_COMPLETED) {
		list_remove(&call->stream);
		call->job = NULL;
		resp_end(call->req);
	}
}

static void drained(struct http_req *req)
{
	(void)req;
}

void sim_stream(struct sim_call *call)
{
	struct sim_job *job = sim_job_find(call->sim, call->id, call->app);

	call->sim->stats.streams++;
	if (!job) {
		sim_send_text(call->req, 404, "{\"status\":\"NOT_FOUND\"}");
		return;
	}
	call->job = job;
	list_append(&call->sim->streams, &call->stream);
	resp_start(call->req, 200);
	resp_header(call->req, "Cache-Control", STR("no-store"));
	resp_stream(call->req, "text/event-stream", -1, drained);
	stream_event(call);
}

void sim_job_changed(struct sim_job *job)
{
	LIST_EACH_SAFE(&job->sim->streams, l) {
		struct sim_call *call = CONTAINER_OF(l, struct sim_call, stream);

		if (call->job == job)
			stream_event(call);
	}
	if (job->waiter && job->state == SIM_COMPLETED) {
		struct http_req *req = job->waiter;

		job->waiter = NULL;
		call_of(req)->job = NULL;
		sim_send_result(req, job);
	}
}

/* ---- result ---- */

static void kv_file_url(struct json_writer *w, struct http_req *req, struct sim_job *job, unsigned n,
                        const struct sim_rule *rule)
{
	static const char *const extensions[] = { "png", "jpeg", "webp" };
	const char *extension = job->answer == SIM_MOVIE ? "mp4" : extensions[job->format];
	const struct sim_rule *image = sim_rule_peek(&job->rules, SIM_IMAGE);
	struct str base = base_of(req);
	struct buf url;

	if (sim_rule_is(image, "foreign-host"))
		base = STR("http://pictures.example");
	if (sim_rule_is(image, "private-host"))
		base = STR("http://10.11.12.13");
	buf_init(&url, 2048);
	if (sim_rule_is(rule, "data-uri"))
		buf_cstr(&url, TINY_PNG);
	else
		buf_printf(&url, "%.*s/files/%s/%u.%s", STRF(base), job->id, n, extension);
	jw_kv_str(w, "url", buf_view(&url));
	buf_clear(&url);
}

static void write_image(struct json_writer *w, struct http_req *req, struct sim_job *job, unsigned n,
                        const struct sim_rule *rule)
{
	static const char *const types[] = { "image/png", "image/jpeg", "image/webp" };

	jw_object(w);
	kv_file_url(w, req, job, n, rule);
	jw_kv_cstr(w, "content_type", types[job->format]);
	jw_kv_cstr(w, "file_name", "output");
	jw_key(w, "file_size");
	jw_null(w);
	jw_kv_int(w, "width", job->width);
	jw_kv_int(w, "height", job->height);
	jw_end_object(w);
}

/* A film has neither dimensions nor a seed with it. */
static void write_movie(struct json_writer *w, struct http_req *req, struct sim_job *job, const struct sim_rule *rule)
{
	jw_object(w);
	kv_file_url(w, req, job, 1, rule);
	jw_kv_cstr(w, "content_type", "video/mp4");
	jw_kv_cstr(w, "file_name", "output.mp4");
	jw_kv_int(w, "file_size", 0);
	jw_end_object(w);
}

static void write_nsfw(struct json_writer *w, unsigned images, const struct sim_rule *rule)
{
	jw_key(w, "has_nsfw_concepts");
	jw_array(w);
	for (unsigned i = 0; i < images; i++)
		jw_bool(w, sim_rule_is(rule, "nsfw-all") || (i == 0 && sim_rule_is(rule, "nsfw")));
	jw_end_array(w);
}

static void write_images(struct json_writer *w, struct http_req *req, struct sim_job *job, unsigned images,
                         const struct sim_rule *rule)
{
	jw_array(w);
	for (unsigned i = 1; i <= images; i++)
		write_image(w, req, job, i, rule);
	jw_end_array(w);
}

static void write_result(struct http_req *req, struct sim_job *job, const struct sim_rule *rule, struct buf *out)
{
	unsigned images = job->images - (sim_rule_is(rule, "fewer") ? 1 : 0) + (sim_rule_is(rule, "more") ? 1 : 0);
	struct json_writer w = json_writer(out);

	jw_object(&w);
	if (job->answer == SIM_MOVIE) {
		jw_key(&w, "video");
		write_movie(&w, req, job, rule);
		jw_end_object(&w);
		return;
	}
	jw_key(&w, job->answer == SIM_PICTURE ? "image" : "images");
	if (job->answer == SIM_PICTURE)
		write_image(&w, req, job, 1, rule);
	else
		write_images(&w, req, job, images, rule);
	jw_kv_cstr(&w, "description", "");
	if (sim_rule_is(rule, "huge-seed")) {
		jw_key(&w, "seed");
		jw_raw(&w, STR("15860307465884635512"));
	} else if (job->has_seed) {
		jw_kv_int(&w, "seed", job->seed);
	}
	if (sim_rule_is(rule, "nsfw") || sim_rule_is(rule, "nsfw-all"))
		write_nsfw(&w, images, rule);
	jw_end_object(&w);
}

static void send_images(struct http_req *req, struct sim_job *job, const struct sim_rule *rule)
{
	struct buf body;

	buf_init(&body, JSON_CAP);
	write_result(req, job, rule, &body);
	if (sim_rule_is(rule, "cut")) {
		sim_send_cut(req, "application/json", buf_view(&body));
	} else {
		resp_start(req, 200);
		resp_header(req, "x-fal-request-id", str_from(job->id));
		resp_header(req, "X-Fal-Billable-Units", arena_printf(&req->arena, "%u", job->images));
		resp_send(req, "application/json", buf_view(&body));
	}
	buf_clear(&body);
}

/* false: the rule changes the regular result at most. */
static bool send_odd_result(struct http_req *req, const struct sim_rule *rule, struct sim_job *job)
{
	if (sim_rule_is(rule, "empty"))
		sim_send_text(req, 200, "{}");
	else if (sim_rule_is(rule, "null"))
		sim_send_text(req, 200, "null");
	else if (sim_rule_is(rule, "string"))
		sim_send_detail(req, 422, "The prompt is not what it should be");
	else if (sim_rule_is(rule, "in-progress"))
		sim_send_detail(req, 400, "Request is still in progress");
	else if (sim_rule_is(rule, "expired"))
		sim_send_detail(req, 404, "Request not found");
	else
		return sim_misbehave(req, rule, job);
	return true;
}

void sim_send_result(struct http_req *req, struct sim_job *job)
{
	const struct sim_rule *rule = sim_rule_take(&job->rules, SIM_RESULT);

	if (job->fault && !rule)
		send_fault(req, job->fault, job);
	else if (!send_odd_result(req, rule, job))
		send_images(req, job, rule);
}

static void result_now(struct sim_call *call)
{
	struct sim_job *job = sim_job_find(call->sim, call->id, call->app);

	if (!job)
		sim_send_detail(call->req, 404, "Request not found");
	else if (job->state != SIM_COMPLETED)
		sim_send_detail(call->req, 400, "Request is still in progress");
	else
		sim_send_result(call->req, job);
}

void sim_result(struct sim_call *call)
{
	struct sim_job *job = sim_job_find(call->sim, call->id, call->app);
	const struct sim_rule *rule = job ? sim_rule_peek(&job->rules, SIM_RESULT) : NULL;

	call->sim->stats.results++;
	call->sim->stats.not_found += job == NULL;
	if (sim_rule_is(rule, "slow")) {
		sim_later(call, 1000 * (rule->after_s > 0 ? rule->after_s : SLOW_S), result_now);
		(void)sim_rule_take(&job->rules, SIM_RESULT);
	} else {
		result_now(call);
	}
}

/* ---- cancel ---- */

void sim_cancel(struct sim_call *call)
{
	struct sim_job *job = sim_job_find(call->sim, call->id, call->app);
	const struct sim_rule *rule = job ? sim_rule_take(&job->rules, SIM_CANCEL) : NULL;

	call->sim->stats.cancels++;
	if (!job || sim_rule_is(rule, "not-found"))
		sim_send_text(call->req, 404, "{\"status\":\"NOT_FOUND\"}");
	else if (sim_rule_is(rule, "ignored"))
		sim_send_text(call->req, 202, "{\"status\":\"CANCELLATION_REQUESTED\"}");
	else if (sim_misbehave(call->req, rule, job))
		return;
	else if (sim_rule_is(rule, "too-late") || !sim_job_cancel(job))
		sim_send_text(call->req, 400, "{\"status\":\"ALREADY_COMPLETED\"}");
	else if (sim_rule_is(rule, "ok"))
		sim_send_text(call->req, 200, "{\"success\":true}");
	else
		sim_send_text(call->req, 202, "{\"status\":\"CANCELLATION_REQUESTED\"}");
}
