/*
 * edge_server - a small server on src/http alone, for test_edge.py and for measuring.
 *
 *   GET  /hello            "hello"
 *   POST /echo             the body back, 1 MiB at most
 *   POST /sink?pause_ms=N  reads the body in pieces, resting after each; answers its size
 *   GET  /stream?n=&size=  n pieces of `size` bytes, chunked, resting while the client is slow
 *   GET  /file             the file given by --file, by sendfile
 *   GET  /wait?ms=N        answers after N ms
 *   GET  /text?bytes=N     N bytes at once
 *   GET  /param/{id}       the parameter
 *   GET  /stats            counters of this process
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/url.h"
#include "http/http.h"
#include "http/problem.h"
#include "http/router.h"
#include "loop/loop.h"
#include "loop/signals.h"

enum { ECHO_MAX = 1024 * 1024, STREAM_PIECE_MAX = 1024 * 1024, TEXT_MAX = 16 * 1024 * 1024 };

static struct {
	struct loop loop;
	struct signals signals;
	struct http_server server;
	struct router router;
	const char *file;
	unsigned handled, gone, finished;
} app;

/* What a handler needs beyond its call; freed when the answer ends or the client goes. */
struct job {
	struct http_req *req;
	struct timer timer;
	uint64_t bytes, left, size, pause_ms;
	char *piece;
};

static uint64_t query_number(struct http_req *req, const char *name, uint64_t otherwise)
{
	uint64_t v;

	return str_to_u64(url_query_get(req->query, name), &v) ? v : otherwise;
}

static void job_free(struct job *job)
{
	timer_stop(&app.loop, &job->timer);
	mem_release(job->piece);
	mem_release(job);
}

static void on_gone(struct http_req *req)
{
	app.gone++;
	job_free(req->user);
}

static struct job *job_new(struct http_req *req)
{
	struct job *job = mem_new(struct job);

	job->req = req;
	req->user = job;
	req->on_gone = on_gone;
	return job;
}

static void send_text(struct http_req *req, struct str text)
{
	resp_start(req, 200);
	resp_send(req, "text/plain", text);
}

static void get_hello(struct http_req *req)
{
	send_text(req, STR("hello"));
}

static void echo_body(struct http_req *req)
{
	resp_start(req, 200);
	resp_header(req, "X-Path", req->path);
	resp_send(req, "application/octet-stream", req->body);
}

static void post_echo(struct http_req *req)
{
	http_read_body(req, ECHO_MAX, echo_body);
}

static void sink_again(struct timer *t)
{
	struct job *job = CONTAINER_OF(t, struct job, timer);

	http_body_resume(job->req);
}

static void sink_piece(struct http_req *req, const char *p, size_t n)
{
	struct job *job = req->user;

	(void)p;
	job->bytes += n;
	if (n == 0) {
		struct str text = arena_printf(&req->arena, "%llu", (unsigned long long)job->bytes);

		send_text(req, text);
		job_free(job);
	} else if (job->pause_ms) {
		http_body_pause(req);
		timer_start(&app.loop, &job->timer, job->pause_ms, sink_again);
	}
}

static void post_sink(struct http_req *req)
{
	struct job *job = job_new(req);

	job->pause_ms = query_number(req, "pause_ms", 0);
	http_stream_body(req, query_number(req, "limit", 1ull << 40), sink_piece);
}

static void stream_more(struct http_req *req)
{
	struct job *job = req->user;

	while (job->left) {
		job->left--;
		if (!resp_write(req, (struct str){ job->piece, job->size }))
			return;
	}
	resp_end(req);
	job_free(job);
}

static void get_stream(struct http_req *req)
{
	struct job *job = job_new(req);

	job->left = query_number(req, "n", 10);
	job->size = query_number(req, "size", 1000);
	if (job->size > STREAM_PIECE_MAX)
		job->size = STREAM_PIECE_MAX;
	job->piece = mem_alloc(job->size);
	memset(job->piece, 'x', job->size);
	resp_start(req, 200);
	resp_stream(req, "text/plain", query_number(req, "plain", 0) ? (int64_t)(job->left * job->size) : -1,
	            stream_more);
	if (query_number(req, "abort", 0)) {
		if (resp_write(req, (struct str){ job->piece, job->size }))
			resp_abort(req);
		job_free(job);
		return;
	}
	stream_more(req);
}

static void get_file(struct http_req *req)
{
	struct stat st;
	int fd = open(app.file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0) {
		if (fd >= 0)
			close(fd);
		resp_fault_code(req, FAULT_BUSY, STR("the file cannot be opened"));
		return;
	}
	resp_start(req, 200);
	resp_file(req, "image/png", fd, 0, (uint64_t)st.st_size + query_number(req, "more", 0));
}

static void wait_over(struct timer *t)
{
	struct job *job = CONTAINER_OF(t, struct job, timer);

	send_text(job->req, STR("waited"));
	job_free(job);
}

static void get_wait(struct http_req *req)
{
	struct job *job = job_new(req);

	timer_start(&app.loop, &job->timer, query_number(req, "ms", 100), wait_over);
}

static void get_text(struct http_req *req)
{
	size_t n = query_number(req, "bytes", 10);
	char *text;

	if (n > TEXT_MAX)
		n = TEXT_MAX;
	text = mem_alloc(n);
	memset(text, 'y', n);
	send_text(req, (struct str){ text, n });
	mem_release(text);
}

static void get_param(struct http_req *req)
{
	send_text(req, req->params[0]);
}

static void get_stats(struct http_req *req)
{
	send_text(
		req,
		arena_printf(&req->arena,
	                     "{\"handled\":%u,\"gone\":%u,\"finished\":%u,\"connections\":%u,\"no_descriptors\":%lld}",
	                     app.handled, app.gone, app.finished, app.server.conn_count,
	                     (long long)metric_get(METRIC_ID_http_accept_failures_total, "descriptors", NULL)));
}

static const struct route routes[] = {
	{ .method = HTTP_GET_, .pattern = "/hello", .handle = get_hello },
	{ .method = HTTP_POST_, .pattern = "/echo", .handle = post_echo },
	{ .method = HTTP_POST_, .pattern = "/sink", .handle = post_sink },
	{ .method = HTTP_GET_, .pattern = "/stream", .handle = get_stream },
	{ .method = HTTP_GET_, .pattern = "/file", .handle = get_file },
	{ .method = HTTP_GET_, .pattern = "/wait", .handle = get_wait },
	{ .method = HTTP_GET_, .pattern = "/text", .handle = get_text },
	{ .method = HTTP_GET_, .pattern = "/param/{id}", .handle = get_param },
	{ .method = HTTP_GET_, .pattern = "/stats", .handle = get_stats },
};

static void on_request(struct http_req *req)
{
	struct str allow;
	const struct route *route = router_match(&app.router, req, &allow);

	app.handled++;
	if (route) {
		route->handle(req);
	} else if (allow.n) {
		struct fault fault = { .code = FAULT_METHOD };

		problem_send(req, &(struct problem){ .fault = &fault, .allow = allow });
	} else {
		resp_fault_code(req, FAULT_NOT_FOUND, (struct str){ NULL, 0 });
	}
}

static void on_finished(struct http_req *req, int status, uint64_t sent_bytes)
{
	(void)req;
	(void)status;
	(void)sent_bytes;
	app.finished++;
}

static void on_stop(struct signals *s, bool now)
{
	if (now)
		http_server_stop(&app.server);
	else
		http_server_drain(&app.server, NULL);
	(void)s;
}

static struct str option(int argc, char **argv, const char *name, const char *otherwise)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return str_from(argv[i + 1]);
	return str_from(otherwise);
}

static unsigned number_option(int argc, char **argv, const char *name, unsigned otherwise)
{
	uint64_t v;

	return str_to_u64(option(argc, argv, name, ""), &v) ? (unsigned)v : otherwise;
}

int main(int argc, char **argv)
{
	struct http_limits limits = http_default_limits;
	struct http_hooks hooks = { .request = on_request, .finished = on_finished };
	struct str why;

	log_configure(LOG_LEVEL_WARN, false);
	app.file = option(argc, argv, "--file", "/dev/null").p;
	limits.head_ms = number_option(argc, argv, "--head-ms", limits.head_ms);
	limits.stall_ms = number_option(argc, argv, "--stall-ms", limits.stall_ms);
	limits.idle_ms = number_option(argc, argv, "--idle-ms", limits.idle_ms);
	limits.connections = number_option(argc, argv, "--connections", limits.connections);
	loop_init(&app.loop);
	app.signals.stop = on_stop;
	signals_start(&app.signals, &app.loop);
	http_server_init(&app.server, &app.loop, &limits, &hooks);
	if (!router_init(&app.router, routes, COUNT_OF(routes), &why) ||
	    !http_server_listen(&app.server, option(argc, argv, "--listen", "127.0.0.1:0"), &why)) {
		fprintf(stderr, "edge_server: %.*s\n", STRF(why));
		return 1;
	}
	printf("port %u\n", (unsigned)http_server_port(&app.server));
	fflush(stdout);
	loop_run(&app.loop);
	http_server_stop(&app.server);
	signals_stop(&app.signals);
	loop_run(&app.loop);
	http_server_clear(&app.server);
	loop_close(&app.loop);
	return 0;
}
