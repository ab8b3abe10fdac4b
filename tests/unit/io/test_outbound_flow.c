/*
 * outbound: calls that end early, back-pressure, many calls at once, a bounded queue.
 */
#include <sys/socket.h>

#include "outbound_world.h"

/* A sanitizer keeps freed memory: nothing can be said about sizes then. */
#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = true };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif
#else
enum { SANITIZED = false };
#endif

static size_t resident_kib(void)
{
	unsigned long pages = 0, ignored = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &ignored, &pages), 2);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* ---- the end, early ---- */

static void expect_connections_to_end(struct world *w)
{
	for (unsigned i = 0; i < 200 && w->peer.open > 0; i++)
		let_pass(w, 5);
	assert_int_equal(w->peer.open, 0);
}

static void wait_for_status(struct test_call *t)
{
	for (unsigned i = 0; i < 2000 && t->call.received == 0; i++)
		let_pass(t->world, 1);
	assert_int_equal(t->call.status, 200);
}

static void cancel_in_the_middle_of_the_body(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct test_call t;

	(void)state;
	call_init(w, &t, "POST", "/half");
	t.call.request.body = STR("{}");
	call_start(&t);
	wait_for_status(&t);
	op_cancel(&t.call.op, FAULT_CANCELLED);
	assert_int_equal(t.done, 0);
	call_wait(&t);
	expect_fault(&t, FAULT_CANCELLED, true);
	assert_true(str_is(buf_view(&t.call.body), "half."));
	expect_connections_to_end(w);
	assert_int_equal(t.done, 1);
	/* another reason is kept as it is */
	call_start(&t);
	wait_for_status(&t);
	op_cancel(&t.call.op, FAULT_DEADLINE);
	call_wait(&t);
	expect_fault(&t, FAULT_DEADLINE, true);
	outbound_call_clear(&t.call);
	world_free(w);
}

/* A DNS server that never answers. */
static int silent_server(char config[32])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	snprintf(config, 32, "127.0.0.1:%u", ntohs(a.sin_port));
	return fd;
}

static void cancel_before_anything_was_sent(void **state)
{
	char dns[32];
	int fd = silent_server(dns);
	struct world *w = world_new((struct world_options){ .dns = dns });
	struct test_call t;
	char url[64];

	(void)state;
	/* at once */
	call_init(w, &t, "POST", "/hello");
	call_start(&t);
	op_cancel(&t.call.op, FAULT_CANCELLED);
	call_wait(&t);
	expect_fault(&t, FAULT_CANCELLED, false);
	outbound_call_clear(&t.call);
	/* while the name is asked for */
	call_init(w, &t, "POST", "http://unknown.test/");
	call_start(&t);
	op_cancel(&t.call.op, FAULT_CANCELLED);
	call_wait(&t);
	expect_fault(&t, FAULT_CANCELLED, false);
	outbound_call_clear(&t.call);
	/* in the TLS handshake */
	w->peer.mute = true;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", w->peer.port);
	call_init(w, &t, "POST", url);
	call_start(&t);
	let_pass(w, 50);
	op_cancel(&t.call.op, FAULT_CANCELLED);
	call_wait(&t);
	expect_fault(&t, FAULT_CANCELLED, false);
	outbound_call_clear(&t.call);
	let_pass(w, 20);
	assert_int_equal(w->peer.heads, 0);
	world_free(w);
	close(fd);
}

static void a_silent_name_server_costs_a_second(void **state)
{
	char dns[32];
	int fd = silent_server(dns);
	struct world *w = world_new((struct world_options){ .dns = dns });
	struct test_call t;
	uint64_t begin = uv_hrtime();

	(void)state;
	call_init(w, &t, "POST", "http://unknown.test/");
	call_run(&t);
	expect_fault(&t, FAULT_NOT_SENT, false);
	assert_true(uv_hrtime() - begin < 1100ull * 1000000);
	outbound_call_clear(&t.call);
	world_free(w);
	close(fd);
}

static void forget(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct test_call *t = test_calloc(1, sizeof(*t));
	char *body = test_calloc(1, 1 << 20);

	(void)state;
	call_init(w, t, "POST", "/half");
	t->call.request.body = (struct str){ body, 1 << 20 };
	call_start(t);
	op_forget(&t->call.op);
	outbound_call_clear(&t->call);
	test_free(body);
	test_free(t);
	let_pass(w, 50);
	/* in the middle of the body */
	t = test_calloc(1, sizeof(*t));
	call_init(w, t, "GET", "/big/100000000");
	t->call.body_limit = UINT64_MAX;
	t->call.data = count_data;
	call_start(t);
	wait_for_status(t);
	outbound_call_clear(&t->call);
	test_free(t);
	expect_connections_to_end(w);
	/* forgotten, then begun again without having been cleared */
	t = test_calloc(1, sizeof(*t));
	call_init(w, t, "GET", "/silent");
	call_start(t);
	let_pass(w, 20);
	op_forget(&t->call.op);
	snprintf(strrchr(t->url, '/'), 8, "/hello");
	t->call.request.url = str_from(t->url);
	call_run(t);
	expect_body(t, 200, "hello");
	/* forgotten and ended by itself: no completion, nothing left of it */
	call_start(t);
	let_pass(w, 5);
	op_forget(&t->call.op);
	t->done = 0;
	let_pass(w, 100);
	assert_int_equal(t->done, 0);
	assert_null(t->call.transfer);
	outbound_call_clear(&t->call);
	test_free(t);
	world_free(w);
}

enum way { GIVE_UP, CANCEL, FORGET_AND_CLEAR, START_ANOTHER, PAUSE, WAYS };

struct chain {
	struct test_call t;
	struct test_call other;
	enum way way;
	bool used;
};

static bool act_on_data(struct outbound_call *call, const char *p, size_t n)
{
	struct test_call *t = CONTAINER_OF(call, struct test_call, call);
	struct chain *c = CONTAINER_OF(t, struct chain, t);

	(void)p;
	c->t.taken += n;
	if (c->used)
		return true;
	c->used = true;
	switch (c->way) {
	case GIVE_UP: return false;
	case CANCEL: op_cancel(&call->op, FAULT_CANCELLED); break;
	case FORGET_AND_CLEAR: outbound_call_clear(call); break;
	case START_ANOTHER: outbound_start(c->t.world->outbound, &c->other.call); break;
	case PAUSE:
		outbound_pause(call);
		outbound_resume(call);
		break;
	case WAYS: break;
	}
	return true;
}

static void from_inside_the_data_call(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });

	(void)state;
	for (enum way way = 0; way < WAYS; way++) {
		struct chain *c = test_calloc(1, sizeof(*c));

		call_init(w, &c->t, "GET", "/big/300000");
		call_init(w, &c->other, "GET", "/hello");
		c->way = way;
		c->t.call.data = act_on_data;
		call_start(&c->t);
		if (way == FORGET_AND_CLEAR) {
			while (!c->used)
				uv_run(&w->loop.uv, UV_RUN_ONCE);
			let_pass(w, 50);
			assert_int_equal(c->t.done, 0);
		} else {
			call_wait(&c->t);
			expect_fault(&c->t, way == GIVE_UP || way == CANCEL ? FAULT_CANCELLED : FAULT_NONE, true);
		}
		if (way == START_ANOTHER) {
			call_wait(&c->other);
			expect_body(&c->other, 200, "hello");
		}
		if (way == PAUSE)
			assert_int_equal(c->t.taken, 300000);
		outbound_call_clear(&c->t.call);
		outbound_call_clear(&c->other.call);
		test_free(c);
	}
	world_free(w);
}

static void again(struct op *op)
{
	struct outbound_call *call = CONTAINER_OF(op, struct outbound_call, op);
	struct test_call *t = CONTAINER_OF(call, struct test_call, call);

	t->done++;
	if (t->taken++ < 9)
		outbound_start(t->world->outbound, &t->call);
}

static void begun_again_in_its_completion(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct test_call t;

	(void)state;
	call_init(w, &t, "GET", "/hello");
	outbound_call_clear(&t.call);
	outbound_call_init(&t.call, &w->loop, again);
	t.call.request = (struct imago_call){ .method = "GET", .url = str_from(t.url) };
	t.call.body_limit = 100;
	t.call.timeout_ms = 1000;
	outbound_start(w->outbound, &t.call);
	while (t.done < 10)
		uv_run(&w->loop.uv, UV_RUN_ONCE);
	expect_body(&t, 200, "hello");
	assert_int_equal(w->peer.requests, 10);
	assert_int_equal(w->peer.accepted, 1);
	outbound_call_clear(&t.call);
	world_free(w);
}

static void freeing_ends_all_calls(void **state)
{
	char dns[32];
	int fd = silent_server(dns);
	struct world *w = world_new((struct world_options){ .dns = dns, .per_host = 2 });
	struct test_call t[5];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(t); i++) {
		call_init(w, &t[i], "GET", i == 4 ? "http://unknown.test/" : "/silent");
		call_start(&t[i]);
	}
	let_pass(w, 20);
	outbound_free(&w->outbound);
	for (size_t i = 0; i < COUNT_OF(t); i++) {
		call_wait(&t[i]);
		expect_fault(&t[i], FAULT_CANCELLED, i < 2);
		outbound_call_clear(&t[i].call);
	}
	world_free(w);
	close(fd);
}

/* ---- back-pressure ---- */

static void resume_later(struct timer *timer)
{
	outbound_resume(&CONTAINER_OF(timer, struct test_call, timer)->call);
}

static bool pause_at_each_mib(struct outbound_call *call, const char *p, size_t n)
{
	struct test_call *t = CONTAINER_OF(call, struct test_call, call);
	uint64_t before = t->taken >> 20;

	(void)p;
	assert_false(timer_is_armed(&t->timer)); /* nothing comes while it is paused */
	t->taken += n;
	if (t->taken >> 20 != before) {
		outbound_pause(call);
		timer_start(&t->world->loop, &t->timer, 2, resume_later);
	}
	return true;
}

static void pause_and_resume(void **state)
{
	static const char *const paths[] = { "/big/67108864", "/stream/67108864" };
	struct world *w = world_new((struct world_options){ 0 });

	(void)state;
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		size_t before = resident_kib();
		struct test_call t;

		call_init(w, &t, "GET", paths[i]);
		t.call.body_limit = 64 << 20;
		t.call.timeout_ms = 20000;
		t.call.data = pause_at_each_mib;
		call_run(&t);
		timer_stop(&w->loop, &t.timer); /* the last MiB paused it too */
		expect_fault(&t, FAULT_NONE, true);
		assert_int_equal(t.taken, 64 << 20);
		assert_int_equal(t.call.received, 64 << 20);
		print_message("%s, paused 64 times: +%zu KiB with the peer's share\n", paths[i],
		              resident_kib() - before);
		assert_true(SANITIZED || resident_kib() - before < 1024);
		outbound_call_clear(&t.call);
	}
	world_free(w);
}

static bool pause_at_once(struct outbound_call *call, const char *p, size_t n)
{
	count_data(call, p, n);
	outbound_pause(call);
	return true;
}

static void a_paused_call_holds_little(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct test_call *t = test_calloc(50, sizeof(*t));
	size_t before, after;

	(void)state;
	before = resident_kib();
	for (unsigned i = 0; i < 50; i++) {
		call_init(w, &t[i], "GET", "/stream/67108864");
		t[i].call.body_limit = 64 << 20;
		t[i].call.data = pause_at_once;
		t[i].call.low_speed_ms = 1000;
		call_start(&t[i]);
	}
	let_pass(w, 1500);
	after = resident_kib();
	print_message("50 calls paused: +%zu KiB each with the peer's 115 KiB\n", (after - before) / 50);
	assert_true(SANITIZED || (after - before) / 50 < 256);
	for (unsigned i = 0; i < 50; i++) {
		/* slow because we wanted it: no fault */
		assert_int_equal(t[i].done, 0);
		assert_true(t[i].taken > 0 && t[i].taken <= 64 * 1024);
		op_cancel(&t[i].call.op, FAULT_CANCELLED);
		call_wait(&t[i]);
		expect_fault(&t[i], FAULT_CANCELLED, true);
		outbound_call_clear(&t[i].call);
	}
	test_free(t);
	world_free(w);
}

static bool pause_then_give_up(struct outbound_call *call, const char *p, size_t n)
{
	struct test_call *t = CONTAINER_OF(call, struct test_call, call);
	bool is_first = t->taken == 0;

	count_data(call, p, n);
	if (is_first) {
		outbound_pause(call);
		timer_start(&t->world->loop, &t->timer, 20, resume_later);
		return true;
	}
	assert_false(t->gave_up); /* not asked again */
	t->gave_up = true;
	return false;
}

/* The data call is made inside curl_easy_pause there, which reports no result by itself. */
static void giving_up_on_held_data(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct test_call t;

	(void)state;
	call_init(w, &t, "GET", "/stream/1000000");
	t.call.data = pause_then_give_up;
	call_run(&t);
	expect_fault(&t, FAULT_CANCELLED, true);
	outbound_call_clear(&t.call);
	/* the time goes on while it is paused */
	call_init(w, &t, "GET", "/stream/1000000");
	t.call.data = pause_at_once;
	t.call.timeout_ms = 200;
	call_run(&t);
	expect_fault(&t, FAULT_TIMEOUT, true);
	outbound_call_clear(&t.call);
	world_free(w);
}

/* ---- many ---- */

static void five_hundred_at_once(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct test_call *t = test_calloc(500, sizeof(*t));
	uint64_t begin;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		begin = uv_hrtime();
		for (unsigned i = 0; i < 500; i++) {
			call_init(w, &t[i], i % 2 ? "POST" : "GET", i % 2 ? "/echo" : "/chunked");
			t[i].call.request.body = i % 2 ? STR("ab") : STR("");
			t[i].call.timeout_ms = 15000;
			call_start(&t[i]);
		}
		for (unsigned i = 0; i < 500; i++) {
			call_wait(&t[i]);
			expect_body(&t[i], 200, i % 2 ? "POST 2 3105 - -" : "abcdef");
			outbound_call_clear(&t[i].call);
		}
		print_message("500 calls: %.1f ms, %u connections\n", (double)(uv_hrtime() - begin) / 1e6,
		              w->peer.accepted);
	}
	assert_int_equal(w->peer.requests, 1000);
	assert_true(w->peer.open_most <= 256);
	assert_true(w->peer.accepted <= 256); /* the second round found them open */
	test_free(t);
	world_free(w);
}

static void the_queue_is_bounded_and_fair(void **state)
{
	struct world *w = world_new((struct world_options){
		.dns = "127.0.0.1:1,other.test=127.0.0.1", .per_host = 2, .total = 3, .queued = 4 });
	struct test_call t[8];
	char url[64];

	(void)state;
	/* two run, three wait */
	for (unsigned i = 0; i < 5; i++) {
		call_init(w, &t[i], "GET", "/silent");
		t[i].call.timeout_ms = 300;
		call_start(&t[i]);
	}
	/* another host finds the third place free */
	snprintf(url, sizeof(url), "http://other.test:%u/hello", w->peer.port);
	call_init(w, &t[5], "GET", url);
	call_run(&t[5]);
	expect_body(&t[5], 200, "hello");
	/* a fourth may wait, a fifth not */
	call_init(w, &t[6], "GET", "/hello");
	call_start(&t[6]);
	call_init(w, &t[7], "GET", "/hello");
	call_run(&t[7]);
	expect_fault(&t[7], FAULT_BUSY, false);
	for (unsigned i = 0; i < 5; i++) {
		call_wait(&t[i]);
		expect_fault(&t[i], i < 2 ? FAULT_TIMEOUT : FAULT_NOT_SENT, i < 2);
	}
	call_wait(&t[6]);
	expect_body(&t[6], 200, "hello");
	for (size_t i = 0; i < COUNT_OF(t); i++)
		outbound_call_clear(&t[i].call);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cancel_in_the_middle_of_the_body),
		cmocka_unit_test(cancel_before_anything_was_sent),
		cmocka_unit_test(a_silent_name_server_costs_a_second),
		cmocka_unit_test(forget),
		cmocka_unit_test(from_inside_the_data_call),
		cmocka_unit_test(begun_again_in_its_completion),
		cmocka_unit_test(freeing_ends_all_calls),
		cmocka_unit_test(pause_and_resume),
		cmocka_unit_test(a_paused_call_holds_little),
		cmocka_unit_test(giving_up_on_held_data),
		cmocka_unit_test(five_hundred_at_once),
		cmocka_unit_test(the_queue_is_bounded_and_fair),
	};

	return cmocka_run_group_tests_name("outbound_flow", tests, NULL, NULL);
}
