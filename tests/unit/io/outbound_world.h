#pragma once
/*
 * outbound_world - loop, names, outbound and a peer; calls that count what happens to them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <dirent.h>
#include <unistd.h>

#include "io/names.h"
#include "io/outbound.h"
#include "peer.h"

struct world {
	struct loop loop;
	struct log log;
	struct names *names;
	struct outbound *outbound;
	struct peer peer;
};

struct test_call {
	struct outbound_call call;
	struct world *world;
	char url[512];
	unsigned done;
	uint64_t taken; /* by the data call-back */
	bool gave_up;
	struct timer timer;
};

struct world_options {
	const char *dns, *allow;
	unsigned per_host, total, queued;
};

static inline struct world *world_new(struct world_options o)
{
	struct world *w = test_calloc(1, sizeof(*w));
	struct str why = { 0 };
	struct outbound_config config = {
		.allow_hosts = str_from(o.allow ? o.allow : ""),
		.connections_per_host = o.per_host,
		.connections_max = o.total,
		.queued_max = o.queued,
	};

	loop_init(&w->loop);
	w->names = names_new(&w->loop, str_from(o.dns ? o.dns : "127.0.0.1:1"), &why);
	assert_non_null(w->names);
	config.names = w->names;
	w->outbound = outbound_new(&w->loop, &w->log, &config);
	assert_non_null(w->outbound);
	peer_start(&w->peer, &w->loop, "127.0.0.1", 0);
	return w;
}

static inline unsigned threads(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static inline void world_free(struct world *w)
{
	assert_int_equal(threads(), 1);
	outbound_free(&w->outbound);
	names_free(&w->names);
	if (w->peer.loop)
		peer_stop(&w->peer);
	uv_run(&w->loop.uv, UV_RUN_NOWAIT);
	loop_close(&w->loop);
	test_free(w);
}

static inline void on_call_done(struct op *op)
{
	struct outbound_call *call = CONTAINER_OF(op, struct outbound_call, op);

	CONTAINER_OF(call, struct test_call, call)->done++;
}

static inline bool count_data(struct outbound_call *call, const char *p, size_t n)
{
	(void)p;
	CONTAINER_OF(call, struct test_call, call)->taken += n;
	return true;
}

/* `path`: a path at the peer, or a whole URL */
static inline void call_init(struct world *w, struct test_call *t, const char *method, const char *path)
{
	*t = (struct test_call){ .world = w };
	outbound_call_init(&t->call, &w->loop, on_call_done);
	if (path[0] == '/')
		snprintf(t->url, sizeof(t->url), "http://127.0.0.1:%u%s", w->peer.port, path);
	else
		snprintf(t->url, sizeof(t->url), "%s", path);
	t->call.request.method = method;
	t->call.request.url = str_from(t->url);
	t->call.body_limit = 1 << 20;
	t->call.timeout_ms = 5000;
}

static inline void call_start(struct test_call *t)
{
	t->done = 0;
	outbound_start(t->world->outbound, &t->call);
	assert_int_equal(t->done, 0); /* never inside the call */
}

static inline void call_wait(struct test_call *t)
{
	uint64_t end = uv_hrtime() + 20ull * 1000000000;

	while (!t->done && uv_hrtime() < end)
		uv_run(&t->world->loop.uv, UV_RUN_ONCE);
	assert_int_equal(t->done, 1);
	assert_int_equal(threads(), 1);
}

static inline enum fault_code call_run(struct test_call *t)
{
	call_start(t);
	call_wait(t);
	return t->call.op.fault.code;
}

static inline void let_pass(struct world *w, unsigned ms)
{
	uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;

	while (uv_hrtime() < end) {
		uv_run(&w->loop.uv, UV_RUN_NOWAIT);
		usleep(500);
	}
}

static inline void expect_fault(struct test_call *t, enum fault_code code, bool sent)
{
	struct str cause = t->call.op.fault.cause;

	if (t->call.op.fault.code != code)
		fail_msg("%s: %s (%.*s) instead of %s", t->url, fault_slug(t->call.op.fault.code), STRF(cause),
		         fault_slug(code));
	if (t->call.sent != sent)
		fail_msg("%s: sent is %d", t->url, t->call.sent);
}

static inline void expect_body(struct test_call *t, int status, const char *body)
{
	expect_fault(t, FAULT_NONE, true);
	assert_int_equal(t->call.status, status);
	if (!str_is(buf_view(&t->call.body), body))
		fail_msg("%s: body \"%.*s\"", t->url, STRF(buf_view(&t->call.body)));
}
