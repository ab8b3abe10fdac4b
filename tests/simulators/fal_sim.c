/*
 * fal-sim: options, the path rule, the key, who answers what.
 *
 *   fal-sim [--port N] [--delay-ms N] [--run-ms N] [--latency-ms N] [--concurrency N] [--retention-ms N] [--key ID:SECRET]
 *
 * Prints "port N" and "http://127.0.0.1:N" when it listens. Ends on TERM or INT, or when its
 * standard input closes, if --stdin is given, so that it cannot outlive the test that started it.
 *
 * Paths, with or without "/__{host}" in front, as a client that is sent here keeps fal's hosts apart:
 *
 *   /{app…}                                   POST: submit; with the host fal.run: call and wait
 *   /{app}/requests/{id}/status[/stream]      GET
 *   /{app}/requests/{id}[/response]           GET
 *   /{app}/requests/{id}/cancel               PUT
 *   /files/{id}/{n}.{ext}                     GET, no key
 *   /__sim/{config,stats,requests,reset}      no key
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "fal_sim.h"
#include "loop/signals.h"

enum { INPUT_MAX = 16 << 20, HEARTBEAT_MS = 10000 };

static struct sim *sim_of(struct http_req *req)
{
	return req->server->hooks.user;
}

/* ---- answers ---- */

void sim_send_json(struct http_req *req, int status, struct str body)
{
	resp_start(req, status);
	resp_send(req, "application/json", body);
}

void sim_send_text(struct http_req *req, int status, const char *body)
{
	sim_send_json(req, status, str_from(body));
}

void sim_send_detail(struct http_req *req, int status, const char *detail)
{
	struct buf body;
	struct json_writer w;

	buf_init(&body, 4096);
	w = json_writer(&body);
	jw_object(&w);
	jw_kv_cstr(&w, "detail", detail);
	jw_end_object(&w);
	sim_send_json(req, status, buf_view(&body));
	buf_clear(&body);
}

static void drained(struct http_req *req)
{
	(void)req;
}

static void abort_now(struct sim_call *call)
{
	resp_abort(call->req);
}

/* The half that is sent needs a moment to arrive before the connection is closed. */
void sim_send_cut(struct http_req *req, const char *content_type, struct str body)
{
	resp_start(req, 200);
	resp_stream(req, content_type, (int64_t)body.n, drained);
	(void)!resp_write(req, str_sub(body, 0, body.n / 2));
	sim_later(req->user, 50, abort_now);
}

static void later(struct timer *t)
{
	struct sim_call *call = CONTAINER_OF(t, struct sim_call, timer);

	call->then(call);
}

void sim_later(struct sim_call *call, unsigned ms, void (*then)(struct sim_call *call))
{
	call->then = then;
	timer_start(&call->sim->loop, &call->timer, ms, later);
}

/* ---- the key ---- */

static bool has_key_shape(struct str key)
{
	size_t colon = str_find_byte(key, ':');

	return colon != SIZE_MAX && colon > 0 && colon + 1 < key.n &&
	       str_find_byte(str_skip(key, colon + 1), ':') == SIZE_MAX && str_find_byte(key, ' ') == SIZE_MAX;
}

static bool key_is_good(struct sim_call *call)
{
	struct str value = http_field(call->req, "Authorization");
	const char *why = NULL;

	if (!str_starts(value, STR("Key ")) || !has_key_shape(str_skip(value, 4)))
		why = "Invalid Key Authorization header format. Expected '<key_id>:<key_secret>'.";
	else if (call->sim->config.key[0] && !str_is(str_skip(value, 4), call->sim->config.key))
		why = "No user found for Key ID and Secret";
	if (!why)
		return true;
	call->sim->stats.unauthorized++;
	sim_send_detail(call->req, 401, why);
	return false;
}

/* ---- paths ---- */

/* Takes "/__host" off the path and says which host that was; queue.fal.run without. */
static struct str cut_host(struct str *path)
{
	struct str rest, host;

	if (!str_starts(*path, STR("/__")) || str_starts(*path, STR("/__sim/")))
		return STR("queue.fal.run");
	rest = str_skip(*path, 3);
	host = str_cut(&rest, '/');
	*path = str_skip(*path, 3 + host.n);
	return host;
}

/* owner/alias, after a namespace one more. */
static struct str app_of(struct str model)
{
	unsigned left = str_starts(model, STR("workflows/")) || str_starts(model, STR("comfy/")) ? 3 : 2;

	for (size_t i = 0; i < model.n; i++) {
		if (model.p[i] == '/' && --left == 0)
			return str_sub(model, 0, i);
	}
	return left == 1 ? model : STR("");
}

/* "…/requests/{id}…": app, id, and what follows. */
static bool is_request_path(struct sim_call *call, struct str path)
{
	size_t at = str_find(path, STR("/requests/"));
	struct str rest;

	if (at == SIZE_MAX)
		return false;
	call->app = str_sub(path, 0, at);
	rest = str_skip(path, at + 10);
	call->id = str_cut(&rest, '/');
	call->rest = rest.p ? rest : STR("");
	return true;
}

static void on_request_path(struct sim_call *call)
{
	enum http_method m = call->req->method;

	if (m == HTTP_GET_ && str_is(call->rest, "status"))
		sim_status(call);
	else if (m == HTTP_GET_ && str_is(call->rest, "status/stream"))
		sim_stream(call);
	else if (m == HTTP_GET_ && (str_is(call->rest, "") || str_is(call->rest, "response")))
		sim_result(call);
	else if (m == HTTP_PUT_ && str_is(call->rest, "cancel"))
		sim_cancel(call);
	else
		sim_send_detail(call->req, 405, "Method Not Allowed");
}

static void body_read(struct http_req *req)
{
	struct sim_call *call = req->user;

	sim_log_request(call->sim, req);
	if (call->sim->config.latency_ms > 0)
		sim_later(call, call->sim->config.latency_ms, sim_submit);
	else
		sim_submit(call);
}

static void control_read(struct http_req *req)
{
	sim_control(req->user);
}

/* A model's address: everything is the model id. */
static void on_model_path(struct sim_call *call, struct str path)
{
	call->model = path;
	call->app = app_of(path);
	if (call->app.n == 0)
		sim_send_detail(call->req, 404, "Application not found");
	else if (call->req->method != HTTP_POST_)
		sim_send_detail(call->req, 405, "Method Not Allowed");
	else
		http_read_body(call->req, INPUT_MAX, body_read);
}

static void route(struct sim_call *call)
{
	struct str path = call->req->path, host = cut_host(&path);

	if (str_starts(path, STR("/__sim/"))) {
		call->rest = str_skip(path, 7);
		http_read_body(call->req, INPUT_MAX, control_read);
		return;
	}
	if (str_starts(path, STR("/files/"))) {
		call->rest = str_skip(path, 7);
		sim_log_request(call->sim, call->req);
		sim_file(call);
		return;
	}
	if (!key_is_good(call))
		return;
	call->is_sync = str_is(host, "fal.run");
	path = str_skip(path, 1);
	if (!is_request_path(call, path)) {
		on_model_path(call, path);
		return;
	}
	sim_log_request(call->sim, call->req);
	if (call->sim->config.latency_ms > 0)
		sim_later(call, call->sim->config.latency_ms, on_request_path);
	else
		on_request_path(call);
}

/* ---- requests come and go ---- */

/* Nothing of the call may touch the request any more. */
static void call_end(struct http_req *req)
{
	struct sim_call *call = req->user;

	if (!call)
		return;
	timer_stop(&call->sim->loop, &call->timer);
	list_remove(&call->stream);
	if (call->job && call->job->waiter == req)
		call->job->waiter = NULL;
	mem_release(call);
	req->user = NULL;
}

static void on_request(struct http_req *req)
{
	struct sim_call *call = mem_new(struct sim_call);

	call->req = req;
	call->sim = sim_of(req);
	list_init(&call->stream);
	req->user = call;
	req->on_gone = call_end;
	route(call);
}

static void on_finished(struct http_req *req, int status, uint64_t sent)
{
	(void)status;
	(void)sent;
	call_end(req);
}

/* ---- start and end ---- */

static void heartbeat(struct timer *t)
{
	struct sim *sim = CONTAINER_OF(t, struct sim, heartbeat);

	LIST_EACH_SAFE(&sim->streams, l)
		(void)!resp_write(CONTAINER_OF(l, struct sim_call, stream)->req, STR(": still here\n\n"));
	timer_start(&sim->loop, t, HEARTBEAT_MS, heartbeat);
}

static struct signals signals;

static void on_stop(struct signals *s, bool now)
{
	(void)s;
	(void)now;
	exit(0);
}

static void usage(void)
{
	fprintf(stderr, "usage: fal-sim [--port N] [--delay-ms N] [--run-ms N] [--latency-ms N] [--concurrency N]\n"
	                "               [--retention-ms N] [--key ID:SECRET] [--stdin]\n");
	exit(2);
}

static void read_stdin(uv_poll_t *handle, int status, int events)
{
	char bytes[256];

	(void)events;
	(void)handle;
	if (status < 0 || read(0, bytes, sizeof(bytes)) <= 0)
		exit(0);
}

static void watch_stdin(struct sim *sim)
{
	static uv_poll_t handle;

	if (uv_poll_init(&sim->loop.uv, &handle, 0) == 0)
		(void)uv_poll_start(&handle, UV_READABLE, read_stdin);
}

static void read_options(int argc, char **argv, struct sim *sim, unsigned *port, bool *ends_with_stdin)
{
	struct sim_config *c = &sim->config;
	unsigned retention = 3600000;
	const struct {
		const char *name;
		unsigned *value;
	} numbers[] = {
		{ "--port", port },
		{ "--delay-ms", &c->delay_ms },
		{ "--run-ms", &c->run_ms },
		{ "--latency-ms", &c->latency_ms },
		{ "--concurrency", &c->concurrency },
		{ "--retention-ms", &retention },
	};

	for (int i = 1; i < argc; i++) {
		bool known = false;
		uint64_t n = 0;

		if (str_is(str_from(argv[i]), "--stdin")) {
			*ends_with_stdin = true;
			continue;
		}
		if (i + 1 == argc)
			usage();
		for (size_t k = 0; k < COUNT_OF(numbers) && !known; k++) {
			known = str_is(str_from(argv[i]), numbers[k].name);
			if (known && (!str_to_u64(str_from(argv[i + 1]), &n) || n > INT32_MAX))
				usage();
			if (known)
				*numbers[k].value = (unsigned)n;
		}
		if (str_is(str_from(argv[i]), "--key"))
			known = str_to_cstr(str_from(argv[i + 1]), c->key, sizeof(c->key));
		if (!known)
			usage();
		i++;
	}
	c->retention_ms = retention;
}

int main(int argc, char **argv)
{
	struct sim *sim = mem_new(struct sim);
	const struct http_hooks hooks = { .request = on_request, .finished = on_finished, .user = sim };
	bool ends_with_stdin = false;
	unsigned port = 0;
	struct str why = STR("");
	char address[64];

	sim->config.run_ms = 100;
	read_options(argc, argv, sim, &port, &ends_with_stdin);
	log_configure(LOG_LEVEL_WARN, false);
	loop_init(&sim->loop);
	map_init(&sim->jobs);
	map_init(&sim->prompts);
	list_init(&sim->waiting);
	list_init(&sim->streams);
	sim->log = mem_alloc(SIM_LOG_MAX * sizeof(*sim->log));
	http_server_init(&sim->server, &sim->loop, &http_default_limits, &hooks);
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	if (!http_server_listen(&sim->server, str_from(address), &why)) {
		fprintf(stderr, "fal-sim: %.*s\n", STRF(why));
		return 1;
	}
	signals.stop = on_stop;
	signals_start(&signals, &sim->loop);
	if (ends_with_stdin)
		watch_stdin(sim);
	timer_start(&sim->loop, &sim->heartbeat, HEARTBEAT_MS, heartbeat);
	printf("port %u\nhttp://127.0.0.1:%u\n", http_server_port(&sim->server), http_server_port(&sim->server));
	fflush(stdout);
	loop_run(&sim->loop);
	return 0;
}
