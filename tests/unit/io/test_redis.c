/*
 * Redis against a real server: order, budget of 100 ms, the skip after a miss, loss and return,
 * subscription, errors, bounds. Every test ends with a look at the number of our threads.
 */
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/metric.h"
#include "io/names.h"
#include "io/redis.h"
#include "rig.h"

struct fixture {
	struct rig rig;
	struct redis *redis;
	struct names *names;
	unsigned ups, downs, done, ok, messages;
	char payload[64];
};

struct call {
	struct redis_call redis;
	struct fixture *f;
	unsigned order;
};

static void on_changed(void *user, bool up)
{
	struct fixture *f = user;

	f->ups += up;
	f->downs += !up;
}

static void on_message(void *user, struct str payload)
{
	struct fixture *f = user;

	assert_true(str_to_cstr(payload, f->payload, sizeof f->payload));
	f->messages++;
}

static void on_done(struct op *op)
{
	struct redis_call *redis = CONTAINER_OF(op, struct redis_call, op);
	struct call *c = CONTAINER_OF(redis, struct call, redis);

	c->order = ++c->f->done;
	c->f->ok += op->fault.code == FAULT_NONE;
}

static struct fixture *fixture_at(const char *url, const char *channel)
{
	static const struct log quiet;
	struct fixture *f = mem_new(struct fixture);
	struct redis_config config = {
		.url = url, .channel = channel, .message = on_message, .changed = on_changed, .user = f
	};
	struct str why = { 0 };

	loop_init(&f->rig.loop);
	f->names = config.names = names_new(&f->rig.loop, STR("redis.test=127.0.0.1"), &why);
	assert_non_null(f->names);
	f->redis = redis_new(&f->rig.loop, &quiet, &config, &why);
	assert_non_null(f->redis);
	return f;
}

static struct fixture *fixture_up(const char *channel)
{
	struct fixture *f = fixture_at(getenv("REDIS_URL"), channel);

	assert_true(rig_until(&f->rig, &f->ups, 1, 2000));
	assert_true(redis_is_up(f->redis));
	return f;
}

static void fixture_end(struct fixture *f)
{
	redis_free(&f->redis);
	names_free(&f->names);
	rig_close(&f->rig);
	assert_int_equal(threads_of_this_process(), 1);
	mem_release(f);
}

static struct call *calls_new(struct fixture *f, unsigned n)
{
	struct call *calls = mem_alloc(n * sizeof(struct call));

	for (unsigned i = 0; i < n; i++) {
		redis_call_init(&calls[i].redis, &f->rig.loop, on_done);
		calls[i].f = f;
	}
	f->done = f->ok = 0;
	return calls;
}

static void calls_free(struct call *calls, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		redis_call_clear(&calls[i].redis);
	mem_release(calls);
}

/* Blank-separated words. */
static unsigned words(const char *text, struct str argv[8])
{
	struct str rest = str_from(text);
	unsigned n = 0;

	while (rest.p && n < 8)
		argv[n++] = str_cut(&rest, ' ');
	return n;
}

static void ask(struct call *c, const char *text)
{
	struct str argv[8];
	unsigned argc = words(text, argv);

	redis_command(c->f->redis, &c->redis, argv, argc);
}

static void ask_all(struct call *calls, unsigned n, const char *text)
{
	for (unsigned i = 0; i < n; i++)
		ask(&calls[i], text);
}

static void tell(struct fixture *f, const char *text)
{
	struct str argv[8];
	unsigned argc = words(text, argv);

	redis_tell(f->redis, argv, argc);
}

static uint64_t now(struct fixture *f)
{
	uv_update_time(&f->rig.loop.uv);
	return loop_now_ms(&f->rig.loop);
}

/* ---- commands ---- */

static void replies_come_in_order(void **state)
{
	enum { N = 900 };
	struct fixture *f = fixture_up(NULL);
	struct call *calls = calls_new(f, N);
	char text[32];

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		snprintf(text, sizeof text, "ECHO %u", i);
		ask(&calls[i], text);
		assert_int_equal(calls[i].order, 0);
	}
	assert_true(rig_until(&f->rig, &f->done, N, 2000));
	for (unsigned i = 0; i < N; i++) {
		snprintf(text, sizeof text, "%u", i);
		assert_int_equal(calls[i].order, i + 1);
		assert_true(str_is(redis_text(&calls[i].redis), text));
	}
	calls_free(calls, N);
	fixture_end(f);
}

static void every_kind_of_reply(void **state)
{
	struct fixture *f = fixture_up(NULL);
	struct call *calls = calls_new(f, 6);
	struct str binary[] = { STR("SET"), STR("bin"), { "a\0\r\nb", 5 } };

	(void)state;
	redis_command(f->redis, &calls[0].redis, binary, 3);
	ask(&calls[1], "GET bin");
	ask(&calls[2], "INCRBY counter 9000000000");
	ask(&calls[3], "GET absent");
	ask(&calls[4], "MGET bin absent counter");
	ask(&calls[5], "EVAL return{1,'x'} 0");
	assert_true(rig_until(&f->rig, &f->ok, 6, 1000));
	assert_true(str_is(redis_text(&calls[0].redis), "OK"));
	assert_int_equal(redis_text(&calls[1].redis).n, 5);
	assert_int_equal(redis_int(&calls[2].redis), 9000000000);
	assert_true(redis_is_nil(&calls[3].redis));
	assert_false(redis_is_nil(&calls[1].redis));
	assert_int_equal(redis_count(&calls[4].redis), 3);
	assert_null(redis_text_at(&calls[4].redis, 1).p);
	assert_true(str_is(redis_text_at(&calls[4].redis, 2), "9000000000"));
	assert_null(redis_text_at(&calls[4].redis, 3).p);
	assert_int_equal(redis_int_at(&calls[5].redis, 0), 1);
	assert_true(str_is(redis_text_at(&calls[5].redis, 1), "x"));
	calls_free(calls, 6);
	fixture_end(f);
}

static void errors_stay_in_their_call(void **state)
{
	struct fixture *f = fixture_up(NULL);
	struct call *calls = calls_new(f, 3);

	(void)state;
	tell(f, "SET text x");
	tell(f, "LPUSH text wrong-type"); /* nobody waits for this error */
	ask(&calls[0], "LPUSH text y");
	ask(&calls[1], "GET text");
	ask(&calls[2], "EVALSHA 0123456789012345678901234567890123456789 0");
	assert_true(rig_until(&f->rig, &f->done, 3, 1000));
	assert_int_equal(calls[0].redis.op.fault.code, FAULT_INTERNAL);
	assert_true(str_starts(calls[0].redis.op.fault.cause, STR("WRONGTYPE")));
	assert_true(str_is(redis_text(&calls[1].redis), "x"));
	assert_int_equal(calls[2].redis.op.fault.code, FAULT_INTERNAL);
	assert_true(str_starts(calls[2].redis.op.fault.cause, STR("NOSCRIPT")));
	assert_true(redis_is_up(f->redis));
	calls_free(calls, 3);
	fixture_end(f);
}

static void out_of_memory_and_no_permission(void **state)
{
	struct fixture *f = fixture_up(NULL);
	struct call *calls = calls_new(f, 5);

	(void)state;
	ask(&calls[0], "CONFIG SET maxmemory 1");
	ask(&calls[1], "SET big value");
	ask(&calls[2], "CONFIG SET maxmemory 0");
	ask(&calls[3], "ACL SETUSER limited on >pw&word ~a:* +get +ping +subscribe &*");
	assert_true(rig_until(&f->rig, &f->done, 4, 1000));
	assert_int_equal(calls[1].redis.op.fault.code, FAULT_INTERNAL);
	assert_true(str_starts(calls[1].redis.op.fault.cause, STR("OOM")));
	assert_int_equal(f->ok, 3);
	calls_free(calls, 5);
	fixture_end(f);
}

static void cancelled_in_flight(void **state)
{
	struct fixture *f = fixture_up(NULL);
	struct call *calls = calls_new(f, 3);

	(void)state;
	ask(&calls[0], "ECHO a");
	ask(&calls[1], "ECHO b");
	ask(&calls[2], "ECHO c");
	op_cancel(&calls[0].redis.op, FAULT_CANCELLED);
	redis_call_clear(&calls[1].redis); /* forgotten */
	assert_true(rig_until(&f->rig, &f->done, 2, 1000));
	assert_int_equal(calls[0].redis.op.fault.code, FAULT_CANCELLED);
	assert_true(str_is(redis_text(&calls[2].redis), "c"));
	calls_free(calls, 3);
	fixture_end(f);
}

static void one_more_than_may_be_outstanding(void **state)
{
	enum { N = REDIS_OUTSTANDING_MAX };
	struct fixture *f = fixture_up(NULL);
	struct call *calls = calls_new(f, N + 1);

	(void)state;
	ask_all(calls, N + 1, "PING");
	assert_true(rig_until(&f->rig, &f->done, N + 1, 2000));
	assert_int_equal(f->ok, N);
	assert_int_equal(calls[N].redis.op.fault.code, FAULT_STORE_DOWN);
	assert_int_equal(calls[N].order, 1);
	calls_free(calls, N + 1);
	fixture_end(f);
}

/* More than the socket takes at once. */
static void large_values(void **state)
{
	enum { N = 6, SIZE = 1 << 20 };
	struct fixture *f = fixture_up(NULL);
	struct call *calls = calls_new(f, N + 4);
	char *value = mem_alloc(SIZE);

	(void)state;
	memset(value, 'v', SIZE);
	for (unsigned i = 0; i < N; i++)
		redis_command(f->redis, &calls[i].redis, (struct str[]){ STR("ECHO"), { value, SIZE } }, 2);
	for (unsigned i = N; i < N + 4; i++)
		redis_command(f->redis, &calls[i].redis, (struct str[]){ STR("ECHO"), { value, SIZE } }, 2);
	assert_true(rig_until(&f->rig, &f->done, N + 4, 3000));
	assert_true(f->ok >= N); /* the last ones pass the bound of what waits to be written */
	assert_int_equal(calls[N + 3].redis.op.fault.code, FAULT_STORE_DOWN);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(redis_text(&calls[i].redis).n, SIZE);
	mem_release(value);
	calls_free(calls, N + 4);
	fixture_end(f);
}

/* ---- slow, lost, back ---- */

static void frozen_costs_100_ms_once(void **state)
{
	enum { N = 50 };
	struct fixture *f = fixture_up(NULL);
	struct call *calls = calls_new(f, N + 1);
	uint64_t began;

	(void)state;
	stores("redis freeze");
	began = now(f);
	ask_all(calls, N, "INCR counted");
	assert_true(rig_until(&f->rig, &f->done, N, 1000));
	assert_in_range(now(f) - began, 95, 160);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(calls[i].redis.op.fault.code, FAULT_TIMEOUT);
	assert_int_equal(f->downs, 1);
	assert_false(redis_is_up(f->redis));
	/* for a second and longer, while nothing comes, calls cost nothing */
	for (unsigned wait = 0; wait < 3; wait++) {
		began = now(f);
		ask(&calls[N], "PING");
		assert_true(rig_until(&f->rig, &f->done, N + 1 + wait, 50));
		assert_int_equal(calls[N].redis.op.fault.code, FAULT_STORE_DOWN);
		assert_true(now(f) - began < 20);
		rig_pass(&f->rig, 500);
	}
	/* the late replies are dropped, and what is asked then gets its own */
	stores("redis thaw");
	assert_true(rig_until(&f->rig, &f->ups, 2, 1000));
	ask(&calls[N], "ECHO mine");
	assert_true(rig_until(&f->rig, &f->ok, 1, 1000));
	assert_true(str_is(redis_text(&calls[N].redis), "mine"));
	calls_free(calls, N + 1);
	fixture_end(f);
}

static void frozen_for_long_is_given_up(void **state)
{
	struct fixture *f = fixture_up("wake");
	struct call *calls = calls_new(f, 1);

	(void)state;
	stores("redis freeze");
	ask(&calls[0], "PING");
	rig_pass(&f->rig, 5400); /* past five seconds the connection is made anew */
	stores("redis thaw");
	assert_true(rig_until(&f->rig, &f->ups, 2, 4000));
	ask(&calls[0], "ECHO again");
	assert_true(rig_until(&f->rig, &f->ok, 1, 1000));
	calls_free(calls, 1);
	fixture_end(f);
}

static void a_short_stall_of_ours_is_no_miss(void **state)
{
	struct fixture *f = fixture_up(NULL);
	struct call *calls = calls_new(f, 1);

	(void)state;
	ask(&calls[0], "ECHO here");
	uv_run(&f->rig.loop.uv, UV_RUN_NOWAIT);
	usleep(150000); /* the answer waits in the socket */
	assert_true(rig_until(&f->rig, &f->done, 1, 1000));
	assert_int_equal(calls[0].redis.op.fault.code, FAULT_NONE);
	calls_free(calls, 1);
	fixture_end(f);
}

static void killed_and_back(void **state)
{
	struct fixture *f = fixture_up("wake");
	struct call *calls = calls_new(f, 2);

	(void)state;
	ask(&calls[0], "BLPOP never 10");
	rig_pass(&f->rig, 20);
	stores("redis kill");
	assert_true(rig_until(&f->rig, &f->done, 1, 1000));
	assert_int_equal(f->downs, 1);
	ask(&calls[1], "PING");
	assert_true(rig_until(&f->rig, &f->done, 2, 50));
	assert_int_equal(calls[1].redis.op.fault.code, FAULT_STORE_DOWN);
	tell(f, "PING");
	stores("redis start");
	assert_true(rig_until(&f->rig, &f->ups, 2, 3000));
	ask(&calls[1], "PING");
	assert_true(rig_until(&f->rig, &f->ok, 1, 1000));
	calls_free(calls, 2);
	fixture_end(f);
}

static void freed_with_calls_in_flight(void **state)
{
	struct fixture *f = fixture_up("wake");
	struct call *calls = calls_new(f, 2);

	(void)state;
	ask(&calls[0], "BLPOP never 10");
	rig_pass(&f->rig, 20);
	ask(&calls[1], "PING");
	redis_free(&f->redis);
	assert_true(rig_until(&f->rig, &f->done, 2, 100));
	assert_int_equal(calls[0].redis.op.fault.code, FAULT_CLOSED);
	calls_free(calls, 2);
	fixture_end(f);
}

/* ---- subscription ---- */

static void messages_arrive_also_after_a_restart(void **state)
{
	struct fixture *f = fixture_up("wake");

	(void)state;
	for (unsigned i = 0; i < 50 && f->messages == 0; i++) { /* until it is subscribed */
		tell(f, "PUBLISH wake first");
		rig_until(&f->rig, &f->messages, 1, 20);
	}
	assert_string_equal(f->payload, "first");
	stores("redis kill");
	stores("redis start");
	assert_true(rig_until(&f->rig, &f->ups, 2, 3000));
	f->messages = 0;
	for (unsigned i = 0; i < 150 && f->messages == 0; i++) {
		tell(f, "PUBLISH wake second");
		rig_until(&f->rig, &f->messages, 1, 20);
	}
	assert_string_equal(f->payload, "second");
	fixture_end(f);
}

/* ---- URLs ---- */

static void passwords_and_databases(void **state)
{
	struct fixture *f = fixture_up(NULL);
	struct call *calls = calls_new(f, 3);
	unsigned port = 0;
	char url[160], command[64];

	(void)state;
	/* a port that is free now: the server itself is asked to listen on it */
	for (unsigned tries = 0; tries < 20 && f->ok == 0; tries++) {
		port = 20000 + (unsigned)getpid() % 20000 + tries * 7;
		snprintf(command, sizeof command, "CONFIG SET port %u", port);
		ask(&calls[0], command);
		assert_true(rig_until(&f->rig, &f->done, tries + 1, 1000));
	}
	assert_int_equal(f->ok, 1);
	ask(&calls[1], "ACL SETUSER limited on >p@ss:word allkeys allcommands allchannels");
	ask(&calls[2], "SET where zero");
	assert_true(rig_until(&f->rig, &f->ok, 3, 1000));
	calls_free(calls, 3);
	fixture_end(f);

	snprintf(url, sizeof url, "redis://limited:p%%40ss:word@redis.test:%u/3", port);
	f = fixture_at(url, "wake");
	memset(url, 0, sizeof url);
	assert_true(rig_until(&f->rig, &f->ups, 1, 2000));
	calls = calls_new(f, 2);
	ask(&calls[0], "GET where");
	ask(&calls[1], "ACL WHOAMI");
	assert_true(rig_until(&f->rig, &f->ok, 2, 1000));
	assert_true(redis_is_nil(&calls[0].redis)); /* another database */
	assert_true(str_is(redis_text(&calls[1].redis), "limited"));
	calls_free(calls, 2);
	fixture_end(f);

	snprintf(url, sizeof url, "redis://limited:wrong@127.0.0.1:%u", port);
	f = fixture_at(url, NULL);
	rig_pass(&f->rig, 200);
	assert_false(redis_is_up(f->redis));
	fixture_end(f);
}

static void urls(void **state)
{
	static const struct log quiet;
	static const struct {
		const char *url;
		bool ok;
	} rows[] = {
		{ "redis://localhost", true },
		{ "redis://127.0.0.1:1/0", true },
		{ "redis://[::1]:6380/15", true },
		{ "redis://user:pa%20ss@localhost", true },
		{ "redis://:pw@localhost:1", true },
		{ "unix:/tmp/x.sock", true },
		{ "unix:///tmp/x.sock?db=2", true },
		{ "redis://u:p@w@localhost", true },
		{ "", false },
		{ "localhost", false },
		{ "redis://", false },
		{ "redis://name.invalid", false },
		{ "rediss://:hunter2@localhost", false },
		{ "redis://localhost:0", false },
		{ "redis://localhost:99999", false },
		{ "redis://localhost/x", false },
		{ "redis://hunter2@localhost", false },
		{ "unix:tmp", false },
		{ "unix:/tmp/x?db=-1", false },
		{ "redis://u:%zzhunter2@localhost", false },
		{ "redis://[::1", false },
	};
	struct rig rig = { 0 };

	(void)state;
	loop_init(&rig.loop);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct redis_config config = { .url = rows[i].url };
		struct str why = { 0 };
		struct redis *r = redis_new(&rig.loop, &quiet, &config, &why);

		if ((r != NULL) != rows[i].ok)
			print_error("%s\n", rows[i].url);
		assert_int_equal(r != NULL, rows[i].ok);
		assert_true(r || (why.n && str_find(why, STR("hunter2")) == SIZE_MAX));
		redis_free(&r);
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_come_in_order),
		cmocka_unit_test(every_kind_of_reply),
		cmocka_unit_test(errors_stay_in_their_call),
		cmocka_unit_test(out_of_memory_and_no_permission),
		cmocka_unit_test(cancelled_in_flight),
		cmocka_unit_test(one_more_than_may_be_outstanding),
		cmocka_unit_test(large_values),
		cmocka_unit_test(frozen_costs_100_ms_once),
		cmocka_unit_test(frozen_for_long_is_given_up),
		cmocka_unit_test(a_short_stall_of_ours_is_no_miss),
		cmocka_unit_test(killed_and_back),
		cmocka_unit_test(freed_with_calls_in_flight),
		cmocka_unit_test(messages_arrive_also_after_a_restart),
		cmocka_unit_test(passwords_and_databases),
		cmocka_unit_test(urls),
	};

	env_or_skip("STORES_DIR");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
