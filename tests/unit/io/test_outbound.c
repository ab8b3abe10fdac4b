/*
 * outbound: answers as they come, and what happened when none came. The important
 * question each time: was something sent, and how often.
 */
#include "outbound_world.h"

static void get_hello(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct test_call t;
	struct imago_reply reply;

	(void)state;
	call_init(w, &t, "GET", "/hello");
	assert_int_equal(call_run(&t), FAULT_NONE);
	expect_body(&t, 200, "hello");
	assert_int_equal(t.call.received, 5);
	reply = outbound_reply(&t.call);
	assert_true(str_is(imago_reply_header(&reply, "x-peer"), "yes"));
	assert_true(str_is(imago_reply_header(&reply, "content-length"), "5"));
	assert_int_equal(reply.header_count, 3);
	assert_true(str_is(reply.headers[2].name, "x-empty"));
	assert_int_equal(reply.headers[2].value.n, 0);
	outbound_call_clear(&t.call);
	outbound_call_clear(&t.call);
	world_free(w);
}

static const struct {
	const char *method, *body, *type, *seen;
} methods[] = {
	{ "GET", "", NULL, "GET - 0 - -" },
	{ "POST", "ab", "application/json", "POST 2 3105 - application/json" },
	{ "POST", "ab", NULL, "POST 2 3105 - -" },
	{ "POST", "", NULL, "POST 0 0 - -" },
	{ "PUT", "ab", "image/png", "PUT 2 3105 - image/png" },
	{ "PUT", "", NULL, "PUT 0 0 - -" },
	{ "PATCH", "ab", NULL, "PATCH 2 3105 - -" },
	{ "DELETE", "", NULL, "DELETE - 0 - -" },
	{ "DELETE", "ab", NULL, "DELETE 2 3105 - -" },
	{ "HEAD", "", NULL, "" },
};

static void every_method(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });

	(void)state;
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		struct test_call t;

		call_init(w, &t, methods[i].method, "/echo");
		t.call.request.body = str_from(methods[i].body);
		if (methods[i].type)
			imago_call_header(&t.call.request, "Content-Type", str_from(methods[i].type));
		call_run(&t);
		expect_body(&t, 200, methods[i].seen);
		outbound_call_clear(&t.call);
	}
	assert_int_equal(w->peer.accepted, 1);
	assert_int_equal(w->peer.requests, COUNT_OF(methods));
	world_free(w);
}

static void a_large_request_body(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct test_call t;
	size_t n = 8 << 20;
	char *bytes = test_malloc(n);
	char seen[64];
	uint32_t sum = 0;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		bytes[i] = (char)(i * 7 + i / 251);
		sum = sum * 31 + (unsigned char)bytes[i];
	}
	call_init(w, &t, "POST", "/echo");
	t.call.request.body = (struct str){ bytes, n };
	call_run(&t);
	snprintf(seen, sizeof(seen), "POST %zu %u - -", n, sum);
	expect_body(&t, 200, seen);
	outbound_call_clear(&t.call);
	test_free(bytes);
	world_free(w);
}

static const struct {
	const char *path;
	int status;
	const char *body;
	unsigned headers;
} answers[] = {
	{ "/chunked", 200, "abcdef", 2 },
	{ "/to-the-end", 200, "until the end", 0 },
	{ "/interim", 201, "ok", 2 },
	{ "/headers", 200, "ok", 64 },
	{ "/head", 200, "ok", 2 },
	{ "/status/204", 204, "", 0 },
	{ "/status/302", 302, "that status", 2 },
	{ "/status/404", 404, "that status", 2 },
	{ "/status/500", 500, "that status", 2 },
	{ "/big/0", 200, "", 1 },
};

static void every_answer(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });

	(void)state;
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		struct test_call t;

		call_init(w, &t, "GET", answers[i].path);
		call_run(&t);
		expect_body(&t, answers[i].status, answers[i].body);
		if (t.call.header_count != answers[i].headers)
			fail_msg("%s: %u headers", answers[i].path, t.call.header_count);
		outbound_call_clear(&t.call);
	}
	assert_int_equal(w->peer.requests, COUNT_OF(answers)); /* the 302 was not followed */
	world_free(w);
}

static void a_call_may_be_used_again(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct test_call t;

	(void)state;
	call_init(w, &t, "GET", "/hello");
	for (unsigned i = 0; i < 5; i++) {
		call_run(&t);
		expect_body(&t, 200, "hello");
	}
	assert_int_equal(w->peer.accepted, 1);
	outbound_call_clear(&t.call);
	world_free(w);
}

/* ---- paid requests leave once ---- */

static void paid_again(const char *path, const char *method, const char *body, size_t body_bytes)
{
	struct world *w = world_new((struct world_options){ 0 });
	char *bytes = test_calloc(1, body_bytes + 1);
	struct test_call t;

	snprintf(bytes, body_bytes + 1, "%s", body);
	call_init(w, &t, method, path);
	t.call.request.body = (struct str){ bytes, body_bytes };
	call_run(&t);
	expect_body(&t, 200, "alive");
	call_run(&t);
	expect_fault(&t, FAULT_CLOSED, true);
	assert_int_equal(w->peer.accepted, 1);
	assert_int_equal(w->peer.heads, 2);
	let_pass(w, 50);
	assert_int_equal(w->peer.accepted, 1);
	assert_int_equal(w->peer.heads, 2);
	/* and the next call goes on as if nothing had been */
	call_run(&t);
	expect_body(&t, 200, "alive");
	assert_int_equal(w->peer.accepted, 2);
	outbound_call_clear(&t.call);
	test_free(bytes);
	world_free(w);
}

static void a_reused_connection_that_dies_is_not_tried_again(void **state)
{
	(void)state;
	paid_again("/die", "POST", "{\"prompt\":1}", 12);
	paid_again("/die", "POST", "x", 1 << 20);
	paid_again("/die", "PUT", "{}", 2);
	paid_again("/die", "DELETE", "", 0);
	paid_again("/die", "POST", "", 0);
	paid_again("/die-at-head", "POST", "{}", 2);
	paid_again("/die-at-head", "POST", "x", 1 << 20);
	paid_again("/die-at-head", "POST", "", 0);
}

static void a_poll_may_be_tried_again(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct test_call t;

	(void)state;
	call_init(w, &t, "GET", "/die");
	call_run(&t);
	expect_body(&t, 200, "alive");
	call_run(&t);
	expect_body(&t, 200, "alive");
	assert_int_equal(w->peer.accepted, 2);
	assert_int_equal(w->peer.heads, 3);
	outbound_call_clear(&t.call);
	world_free(w);
}

/* The other end closed an idle connection: seen before anything is written. */
static void an_idle_connection_that_was_closed_is_not_used(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct link *first;
	struct test_call t;

	(void)state;
	call_init(w, &t, "POST", "/echo");
	t.call.request.body = STR("ab");
	call_run(&t);
	first = list_first(&w->peer.connections);
	CHECK(first);
	peer_close(CONTAINER_OF(first, struct peer_connection, link));
	let_pass(w, 20);
	call_run(&t);
	expect_body(&t, 200, "POST 2 3105 - -");
	assert_int_equal(w->peer.heads, 2);
	outbound_call_clear(&t.call);
	world_free(w);
}

static void an_early_refusal_is_an_answer(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	size_t n = 4 << 20;
	char *bytes = test_calloc(1, n);
	struct test_call t;

	(void)state;
	call_init(w, &t, "POST", "/early");
	t.call.request.body = (struct str){ bytes, n };
	call_run(&t);
	/* the reset that follows may overtake the answer; never a second try */
	if (t.call.op.fault.code == FAULT_NONE)
		assert_int_equal(t.call.status, 413);
	else
		expect_fault(&t, FAULT_CLOSED, true);
	assert_int_equal(w->peer.heads, 1);
	outbound_call_clear(&t.call);
	test_free(bytes);
	world_free(w);
}

/* ---- nothing was sent ---- */

static void not_sent(struct world *w, const char *method, const char *url, unsigned timeout_ms)
{
	struct test_call t;
	unsigned heads = w->peer.heads;

	call_init(w, &t, method, url);
	t.call.timeout_ms = timeout_ms;
	t.call.request.body = str_is(str_from(method), "POST") ? STR("{}") : STR("");
	call_run(&t);
	expect_fault(&t, FAULT_NOT_SENT, false);
	assert_true(t.call.op.fault.cause.n > 0);
	assert_int_equal(w->peer.heads, heads);
	outbound_call_clear(&t.call);
}

static void nothing_was_sent(void **state)
{
	struct world *w = world_new((struct world_options){ .dns = "127.0.0.1:1,gone.test=127.0.0.1" });
	char refused[64], https[64], name[64];

	(void)state;
	snprintf(https, sizeof(https), "https://127.0.0.1:%u/", w->peer.port);
	/* a port where nobody is: one that was just given back */
	peer_stop(&w->peer);
	snprintf(refused, sizeof(refused), "http://127.0.0.1:%u/", w->peer.port);
	snprintf(name, sizeof(name), "http://gone.test:%u/", w->peer.port);
	not_sent(w, "POST", refused, 2000);
	not_sent(w, "GET", refused, 2000);
	not_sent(w, "POST", name, 2000);
	not_sent(w, "POST", "http://nowhere.test/", 3000); /* no DNS server either */
	peer_start(&w->peer, &w->loop, "127.0.0.1", 0);
	snprintf(https, sizeof(https), "https://127.0.0.1:%u/", w->peer.port);
	w->peer.greeting = "this is not TLS\r\n";
	not_sent(w, "POST", https, 2000);
	w->peer.greeting = ""; /* the end as soon as something arrives */
	not_sent(w, "POST", https, 2000);
	w->peer.greeting = "\x16\x03\x03\x00\x02\x02\x28";
	not_sent(w, "POST", https, 2000);
	w->peer.greeting = NULL;
	w->peer.mute = true;
	not_sent(w, "POST", https, 300);
	world_free(w);
}

static void requests_that_cannot_be_made(void **state)
{
	static const char *const urls[] = {
		"",
		"x",
		"/hello",
		"ftp://127.0.0.1/",
		"file:///etc/passwd",
		"http://",
		"http:///x",
		"http:/127.0.0.1/",
		"http://a b/",
		"http://u:p@127.0.0.1/",
		"http://127.0.0.1:0/",
		"http://127.0.0.1:99999/",
		"gopher://127.0.0.1/",
		"http://127.0.0.1/\r\nX: 1",
		"//127.0.0.1/",
		"http://127.1/",
		"http://2130706433/",
		"http://[::1%25lo]/",
	};
	static const struct {
		const char *name, *value;
	} headers[] = {
		{ "X-A", "1\r\nX-B: 2" }, { "X-A", "1\n" }, { "X-A", "\x01" },
		{ "X A", "1" },           { "", "1" },      { "X:", "1" },
		{ "X\r\n", "1" },
	};
	struct world *w = world_new((struct world_options){ 0 });
	struct test_call t;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		call_init(w, &t, "GET", "http://x/");
		t.call.request.url = str_from(urls[i]);
		call_run(&t);
		expect_fault(&t, FAULT_NOT_SENT, false);
		outbound_call_clear(&t.call);
	}
	for (size_t i = 0; i < COUNT_OF(headers); i++) {
		call_init(w, &t, "GET", "/hello");
		imago_call_header(&t.call.request, headers[i].name, str_from(headers[i].value));
		call_run(&t);
		expect_fault(&t, FAULT_NOT_SENT, false);
		outbound_call_clear(&t.call);
	}
	call_init(w, &t, "GET /x HTTP/1.1\r\nX:", "/hello");
	call_run(&t);
	expect_fault(&t, FAULT_NOT_SENT, false);
	outbound_call_clear(&t.call);
	assert_int_equal(w->peer.accepted, 0);
	world_free(w);
}

/* ---- something was sent, no whole answer came ---- */

static const struct {
	const char *path;
	unsigned timeout_ms, low_speed_ms;
	enum fault_code fault;
	int status;
	uint64_t received_least;
} broken[] = {
	{ "/silent", 200, 0, FAULT_TIMEOUT, 0, 0 },      { "/half", 200, 0, FAULT_TIMEOUT, 200, 5 },
	{ "/cut", 2000, 0, FAULT_CLOSED, 200, 3 },       { "/close", 2000, 0, FAULT_CLOSED, 0, 0 },
	{ "/drip", 20000, 1000, FAULT_TIMEOUT, 200, 1 }, { "/drip", 500, 0, FAULT_TIMEOUT, 200, 1 },
};

static void no_whole_answer(void **state)
{
	static const char *const verbs[] = { "GET", "POST" };
	struct world *w = world_new((struct world_options){ 0 });

	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(broken); i++) {
		struct test_call t;
		size_t row = i / 2;
		uint64_t begin = uv_hrtime();

		call_init(w, &t, verbs[i % 2], broken[row].path);
		t.call.request.body = i % 2 ? STR("{}") : STR("");
		t.call.timeout_ms = broken[row].timeout_ms;
		t.call.low_speed_ms = broken[row].low_speed_ms;
		call_run(&t);
		expect_fault(&t, broken[row].fault, true);
		assert_int_equal(t.call.status, broken[row].status);
		assert_true(t.call.received >= broken[row].received_least);
		assert_true(uv_hrtime() - begin < 4000ull * 1000000);
		outbound_call_clear(&t.call);
	}
	assert_int_equal(w->peer.requests, 2 * COUNT_OF(broken));
	world_free(w);
}

static const struct {
	const char *path;
	uint64_t limit;
	bool stream;
	enum fault_code fault;
	uint64_t received_most;
} sizes[] = {
	{ "/big/1000", 1000, false, FAULT_NONE, 1000 },
	{ "/big/1001", 1000, false, FAULT_TOO_LARGE, 0 },
	{ "/big/1001", 1000, true, FAULT_TOO_LARGE, 0 },
	{ "/stream/1000", 1000, false, FAULT_NONE, 1000 },
	{ "/stream/1001", 1000, false, FAULT_TOO_LARGE, 1001 },
	{ "/stream/10000000", 1000, false, FAULT_TOO_LARGE, 1000 + 64 * 1024 },
	{ "/stream/10000000", 100000, true, FAULT_TOO_LARGE, 100000 + 64 * 1024 },
	{ "/stream/10000000", 10000000, true, FAULT_NONE, 10000000 },
	{ "/hello", 0, false, FAULT_TOO_LARGE, 0 },
	{ "/status/204", 0, false, FAULT_NONE, 0 },
};

static void body_limit(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct test_call t;

		call_init(w, &t, "GET", sizes[i].path);
		t.call.body_limit = sizes[i].limit;
		t.call.data = sizes[i].stream ? count_data : NULL;
		call_run(&t);
		expect_fault(&t, sizes[i].fault, true);
		if (t.call.received > sizes[i].received_most || buf_len(&t.call.body) > sizes[i].limit)
			fail_msg("%s: %llu bytes", sizes[i].path, (unsigned long long)t.call.received);
		if (sizes[i].stream)
			assert_int_equal(buf_len(&t.call.body), 0);
		outbound_call_clear(&t.call);
	}
	world_free(w);
}

static void other_answers_do_not_reach_the_data_call(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct test_call t;

	(void)state;
	call_init(w, &t, "GET", "/status/404");
	t.call.data = count_data;
	call_run(&t);
	expect_body(&t, 404, "that status");
	assert_int_equal(t.taken, 0);
	outbound_call_clear(&t.call);
	/* its beginning is kept, for people */
	call_init(w, &t, "GET", "/stream-404/500000");
	t.call.data = count_data;
	call_run(&t);
	expect_fault(&t, FAULT_NONE, true);
	assert_int_equal(t.call.status, 404);
	assert_int_equal(buf_len(&t.call.body), 64 * 1024);
	assert_int_equal(t.call.received, 500000);
	assert_int_equal(t.taken, 0);
	outbound_call_clear(&t.call);
	world_free(w);
}

/* ---- addresses ---- */

static void the_next_address_is_tried(void **state)
{
	struct world *w = world_new(
		(struct world_options){ .dns = "127.0.0.1:1,two.test=127.0.0.9,two.test=127.0.0.1" });
	struct test_call t;
	char url[64];

	(void)state;
	snprintf(url, sizeof(url), "http://two.test:%u/echo", w->peer.port);
	call_init(w, &t, "POST", url);
	t.call.request.body = STR("ab");
	for (unsigned i = 0; i < 3; i++) {
		call_run(&t);
		expect_body(&t, 200, "POST 2 3105 - -");
	}
	assert_int_equal(w->peer.accepted, 1);
	assert_int_equal(w->peer.requests, 3);
	outbound_call_clear(&t.call);
	world_free(w);
}

static void write_hosts(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void a_name_that_moves_is_followed(void **state)
{
	char path[] = "/tmp/imago-hosts-XXXXXX";
	int fd = mkstemp(path);
	struct world *w = world_new((struct world_options){ 0 });
	struct peer other;
	struct test_call t;
	char url[64];

	(void)state;
	close(fd);
	peer_start(&other, &w->loop, "127.0.0.2", w->peer.port);
	write_hosts(path, "127.0.0.1 moving.test\n");
	names_hosts_file(w->names, path);
	snprintf(url, sizeof(url), "http://moving.test:%u/hello", w->peer.port);
	call_init(w, &t, "GET", url);
	call_run(&t);
	expect_body(&t, 200, "hello");
	write_hosts(path, "127.0.0.2 moving.test # moved\n");
	let_pass(w, 1100);
	call_run(&t);
	expect_body(&t, 200, "hello");
	assert_int_equal(w->peer.requests, 1);
	assert_int_equal(other.requests, 1);
	assert_int_equal(w->peer.open, 1); /* the old connection was there and was not used */
	outbound_call_clear(&t.call);
	peer_stop(&other);
	unlink(path);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_hello),
		cmocka_unit_test(every_method),
		cmocka_unit_test(a_large_request_body),
		cmocka_unit_test(every_answer),
		cmocka_unit_test(a_call_may_be_used_again),
		cmocka_unit_test(a_reused_connection_that_dies_is_not_tried_again),
		cmocka_unit_test(a_poll_may_be_tried_again),
		cmocka_unit_test(an_idle_connection_that_was_closed_is_not_used),
		cmocka_unit_test(an_early_refusal_is_an_answer),
		cmocka_unit_test(nothing_was_sent),
		cmocka_unit_test(requests_that_cannot_be_made),
		cmocka_unit_test(no_whole_answer),
		cmocka_unit_test(body_limit),
		cmocka_unit_test(other_answers_do_not_reach_the_data_call),
		cmocka_unit_test(the_next_address_is_tried),
		cmocka_unit_test(a_name_that_moves_is_followed),
	};

	return cmocka_run_group_tests_name("outbound", tests, NULL, NULL);
}
