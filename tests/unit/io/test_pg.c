/*
 * Postgres by the pipeline, against a real server: order, isolation, values, schema, URLs.
 */
#include <signal.h>

#include "io/names.h"
#include "pg_rig.h"

/* ---- the pipeline ---- */

static void answers_come_in_order(void **state)
{
	enum { N = 600 }; /* more than one window */
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, N);
	char text[16];

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		snprintf(text, sizeof text, "%u", i);
		ask(&calls[i], PG_READ, Q_ECHO, text, NULL);
		assert_int_equal(calls[i].order, 0); /* never inside the call */
	}
	assert_true(rig_until(&f->rig, &f->done, N, 5000));
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(calls[i].order, i + 1);
		assert_int_equal(pg_rows(&calls[i].pg), 1);
		assert_int_equal(pg_int(&calls[i].pg, 0, 0), i);
	}
	calls_free(calls, N);
	fixture_end(f);
}

static void an_error_stays_in_its_call(void **state)
{
	enum { N = 64, BAD = 20 };
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, N);
	char text[16];

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		snprintf(text, sizeof text, "%u", i == BAD ? BAD - 1 : i);
		ask(&calls[i], PG_ACCEPT, Q_INSERT, text, "x");
	}
	assert_true(rig_until(&f->rig, &f->done, N, 5000));
	assert_int_equal(f->ok, N - 1);
	assert_int_equal(calls[BAD].pg.op.fault.code, FAULT_INTERNAL);
	assert_string_equal(calls[BAD].pg.sqlstate, "23505");
	assert_true(calls[BAD].pg.op.fault.cause.n > 0);
	assert_string_equal(calls[0].pg.sqlstate, "");
	assert_int_equal(pg_affected(&calls[0].pg), 1);
	ask(&calls[0], PG_READ, Q_COUNT, NULL, NULL);
	assert_true(rig_until(&f->rig, &f->done, N + 1, 5000));
	assert_int_equal(pg_int(&calls[0].pg, 0, 0), N - 1);
	calls_free(calls, N);
	fixture_end(f);
}

/* COMMAND_OK comes, then the commit fails: only the sync tells. */
static void a_commit_may_still_fail(void **state)
{
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, 3);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		ask(&calls[i], PG_SETTLE, Q_DEFERRED, i == 2 ? "8" : "7", NULL);
	assert_true(rig_until(&f->rig, &f->done, 3, 5000));
	assert_int_equal(calls[0].pg.op.fault.code, FAULT_NONE);
	assert_int_equal(calls[1].pg.op.fault.code, FAULT_INTERNAL);
	assert_string_equal(calls[1].pg.sqlstate, "23505");
	assert_int_equal(calls[2].pg.op.fault.code, FAULT_NONE);
	calls_free(calls, 3);
	fixture_end(f);
}

static void classes_do_not_wait_for_each_other(void **state)
{
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, 2);

	(void)state;
	ask(&calls[0], PG_BULK, Q_SLEEP, "0.4", NULL);
	ask(&calls[1], PG_READ, Q_ECHO, "quick", NULL);
	assert_true(rig_until(&f->rig, &f->done, 2, 5000));
	assert_int_equal(calls[1].order, 1);
	calls_free(calls, 2);
	fixture_end(f);
}

static void ten_thousand_calls(void **state)
{
	enum { N = 10000 };
	struct fixture *f = fixture_new();
	struct pg_config config = config_of(f);
	struct call *calls = calls_new(f, N + 1);
	char text[16];

	(void)state;
	config.pending_max = N;
	connect_all(f, &config);
	assert_true(rig_until(&f->rig, &f->ups, PG_CLASSES, 5000));
	for (unsigned i = 0; i <= N; i++) {
		snprintf(text, sizeof text, "%u", i);
		ask(&calls[i], PG_READ, Q_ECHO, text, NULL);
	}
	assert_true(rig_until(&f->rig, &f->done, N + 1, 10000));
	assert_int_equal(f->ok, N);
	assert_int_equal(calls[N].pg.op.fault.code, FAULT_BUSY);
	assert_int_equal(calls[N].order, 1); /* at once */
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(pg_int(&calls[i].pg, 0, 0), i);
	calls_free(calls, N + 1);
	fixture_end(f);
}

/* More than the socket takes, both ways at once; and more than may wait. */
static void large_values(void **state)
{
	enum { N = 200, SIZE = 256 * 1024, MANY = 300 };
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, MANY);
	char *value = mem_alloc(SIZE);

	(void)state;
	memset(value, 'v', SIZE);
	for (unsigned i = 0; i < MANY; i++)
		pg_call_within(f->pg, PG_READ, &calls[i].pg, (enum stmt_id)Q_ECHO, (struct str[]){ { value, SIZE } }, 1,
		               30000);
	assert_true(rig_until(&f->rig, &f->done, MANY, 30000));
	assert_true(f->ok >= N && f->ok < MANY);
	for (unsigned i = 0; i < MANY; i++) {
		if (i < f->ok)
			assert_int_equal(pg_text(&calls[i].pg, 0, 0).n, SIZE);
		else
			assert_int_equal(calls[i].pg.op.fault.code, FAULT_BUSY);
	}
	mem_release(value);
	calls_free(calls, MANY);
	fixture_end(f);
}

static void cancelled_before_sending_is_never_sent(void **state)
{
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, 3);

	(void)state;
	ask(&calls[0], PG_ACCEPT, Q_INSERT, "1", "cancelled");
	op_cancel(&calls[0].pg.op, FAULT_CANCELLED);
	ask(&calls[1], PG_ACCEPT, Q_INSERT, "2", "forgotten");
	op_forget(&calls[1].pg.op);
	ask(&calls[2], PG_ACCEPT, Q_COUNT, NULL, NULL);
	assert_true(rig_until(&f->rig, &f->done, 2, 5000));
	assert_int_equal(calls[0].pg.op.fault.code, FAULT_CANCELLED);
	assert_int_equal(pg_int(&calls[2].pg, 0, 0), 0);
	calls_free(calls, 3);
	fixture_end(f);
}

static void cancelled_in_flight_leaves_the_pipeline_whole(void **state)
{
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, 2), *gone = calls_new(f, 1);

	(void)state;
	ask(&calls[0], PG_ACCEPT, Q_SLEEP, "0.2", NULL);
	ask(gone, PG_ACCEPT, Q_SLEEP, "0.1", NULL);
	ask(&calls[1], PG_ACCEPT, Q_ECHO, "after", NULL);
	rig_pass(&f->rig, 50);
	op_cancel(&calls[0].pg.op, FAULT_CANCELLED);
	pg_call_clear(&gone->pg);
	mem_release(gone);
	assert_true(rig_until(&f->rig, &f->done, 2, 5000));
	assert_int_equal(calls[0].pg.op.fault.code, FAULT_CANCELLED);
	assert_true(str_is(pg_text(&calls[1].pg, 0, 0), "after"));
	assert_int_equal(f->downs, 0);
	calls_free(calls, 2);
	fixture_end(f);
}

static void freed_with_calls_in_flight(void **state)
{
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, 2);

	(void)state;
	ask(&calls[0], PG_READ, Q_SLEEP, "1", NULL);
	rig_pass(&f->rig, 30);
	ask(&calls[1], PG_READ, Q_ECHO, "x", NULL);
	pg_free(&f->pg);
	assert_true(rig_until(&f->rig, &f->done, 2, 1000));
	assert_int_equal(calls[0].pg.op.fault.code, FAULT_CLOSED);
	assert_int_equal(calls[1].pg.op.fault.code, FAULT_STORE_DOWN);
	calls_free(calls, 2);
	fixture_end(f);
}

/* ---- values ---- */

static void arrays_and_values_come_back_as_they_went(void **state)
{
	static const char *const texts[] = {
		"",       "plain", "a,b",      "{\"x\"}",          "back\\slash \"quoted\"",
		"NULL",   "null",  " blanks ", "line\nbreak\ttab", "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xa8",
		"'; drop"
	};
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, 4);
	struct buf b, ints;

	(void)state;
	buf_init(&b, 4096);
	buf_init(&ints, 4096);
	pg_array_start(&b);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		pg_array_str(&b, str_from(texts[i]));
	pg_array_str(&b, (struct str){ 0 });
	pg_array_end(&b);
	pg_call(f->pg, PG_READ, &calls[0].pg, (enum stmt_id)Q_ARRAY, (struct str[]){ buf_view(&b) }, 1);
	pg_array_start(&ints);
	pg_array_int(&ints, INT64_MAX);
	pg_array_int(&ints, -3);
	pg_array_end(&ints);
	pg_call(f->pg, PG_READ, &calls[1].pg, (enum stmt_id)Q_INTS, (struct str[]){ buf_view(&ints) }, 1);
	pg_call(f->pg, PG_READ, &calls[2].pg, (enum stmt_id)Q_ECHO, (struct str[]){ { "a\0b", 3 } }, 1);
	ask(&calls[3], PG_READ, Q_ECHO, NULL, NULL);
	assert_true(rig_until(&f->rig, &f->done, 4, 5000));
	assert_int_equal(pg_rows(&calls[0].pg), COUNT_OF(texts) + 1);
	for (unsigned i = 0; i < COUNT_OF(texts); i++) {
		assert_false(pg_is_null(&calls[0].pg, i, 0));
		assert_true(str_is(pg_text(&calls[0].pg, i, 0), texts[i]));
	}
	assert_true(pg_is_null(&calls[0].pg, COUNT_OF(texts), 0));
	assert_int_equal(pg_int(&calls[1].pg, 0, 0), INT64_MAX - 3);
	assert_int_equal(calls[2].pg.op.fault.code, FAULT_INTERNAL);
	assert_string_equal(calls[2].pg.sqlstate, "22021");
	assert_true(pg_is_null(&calls[3].pg, 0, 0));
	assert_null(pg_text(&calls[3].pg, 0, 0).p);
	assert_true(pg_is_null(&calls[3].pg, 5, 5)); /* out of range is no crash */
	buf_clear(&b);
	buf_clear(&ints);
	calls_free(calls, 4);
	fixture_end(f);
}

static void notifications_arrive(void **state)
{
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, 2);

	(void)state;
	ask(&calls[0], PG_LISTEN, Q_LISTEN, NULL, NULL);
	assert_true(rig_until(&f->rig, &f->ok, 1, 5000));
	ask(&calls[1], PG_SETTLE, Q_NOTIFY, "news", "hello");
	assert_true(rig_until(&f->rig, &f->news, 1, 1000));
	assert_string_equal(f->channel, "news");
	assert_string_equal(f->payload, "hello");
	sql(f, "notify news, 'again'");
	assert_true(rig_until(&f->rig, &f->news, 2, 1000));
	assert_string_equal(f->payload, "again");
	calls_free(calls, 2);
	fixture_end(f);
}

static void the_session_is_set_up(void **state)
{
	static const struct {
		const char *name, *value;
	} want[] = {
		{ "application_name", "imago" }, { "statement_timeout", "4s" },
		{ "lock_timeout", "1500ms" },    { "synchronous_commit", "on" },
		{ "client_encoding", "UTF8" },   { "plan_cache_mode", "force_generic_plan" },
	};
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, COUNT_OF(want));

	(void)state;
	for (size_t i = 0; i < COUNT_OF(want); i++)
		ask(&calls[i], PG_ACCEPT, Q_SETTING, want[i].name, NULL);
	assert_true(rig_until(&f->rig, &f->ok, COUNT_OF(want), 5000));
	for (size_t i = 0; i < COUNT_OF(want); i++)
		assert_true(str_is(pg_text(&calls[i].pg, 0, 0), want[i].value));
	calls_free(calls, COUNT_OF(want));
	fixture_end(f);
}

static void a_longer_deadline_lengthens_the_servers_too(void **state)
{
	struct fixture *f = fixture_new();
	struct pg_config config = config_of(f);
	struct call *calls = calls_new(f, 3);

	(void)state;
	config.call_timeout_ms = 300;
	connect_all(f, &config);
	assert_true(rig_until(&f->rig, &f->ups, PG_CLASSES, 5000));
	pg_call_within(f->pg, PG_BULK, &calls[0].pg, (enum stmt_id)Q_SLEEP, (struct str[]){ STR("0.6") }, 1, 3000);
	pg_call_within(f->pg, PG_BULK, &calls[1].pg, (enum stmt_id)Q_SETTING,
	               (struct str[]){ STR("statement_timeout") }, 1, 3000);
	assert_true(rig_until(&f->rig, &f->ok, 2, 5000));
	assert_true(str_is(pg_text(&calls[1].pg, 0, 0), "3s"));
	ask(&calls[2], PG_BULK, Q_SETTING, "statement_timeout", NULL);
	assert_true(rig_until(&f->rig, &f->ok, 3, 5000));
	assert_true(str_is(pg_text(&calls[2].pg, 0, 0), "300ms"));
	calls_free(calls, 3);
	fixture_end(f);
}

/* ---- the schema ---- */

static void waits_until_the_schema_is_there(void **state)
{
	struct fixture *f = fixture_new();
	struct pg_config config = config_of(f);

	(void)state;
	sql(f, "alter table t rename to elsewhere");
	connect_all(f, &config);
	rig_pass(&f->rig, 300);
	assert_int_equal(f->ups, 0);
	for (unsigned i = 0; i < PG_CLASSES; i++) /* also of those that wait for the others */
		assert_true(str_find(pg_why(f->pg, (enum pg_class)i), STR("\"t\" does not exist")) != SIZE_MAX);
	assert_true(pg_down_ms(f->pg, PG_READ) > 0);
	sql(f, "alter table elsewhere rename to t");
	assert_true(rig_until(&f->rig, &f->ups, PG_CLASSES, 5000));
	fixture_end(f);
}

static void statements_are_prepared_anew_after_a_migration(void **state)
{
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, 3);

	(void)state;
	ask(&calls[0], PG_READ, Q_GET, "1", NULL);
	assert_true(rig_until(&f->rig, &f->ok, 1, 1000));
	sql(f, "alter table t alter column v type varchar(20)");
	ask(&calls[1], PG_READ, Q_GET, "1", NULL);
	assert_true(rig_until(&f->rig, &f->done, 2, 1000));
	assert_string_equal(calls[1].pg.sqlstate, "0A000");
	ask(&calls[2], PG_READ, Q_GET, "1", NULL);
	assert_true(rig_until(&f->rig, &f->ok, 2, 1000));
	assert_int_equal(f->downs, 1);
	calls_free(calls, 3);
	fixture_end(f);
}

/* ---- URLs ---- */

static void hosts_are_tried_in_turn(void **state)
{
	struct fixture *f = fixture_new();
	struct pg_config config = config_of(f);
	char url[512];

	(void)state;
	snprintf(url, sizeof url, "postgresql://imago@/imago?host=/nowhere,%s,127.0.0.1&port=5432,5432,1",
	         getenv("STORES_DIR"));
	config.url = url;
	connect_all(f, &config);
	memset(url, 0, sizeof url); /* the URL is not kept */
	assert_true(rig_until(&f->rig, &f->ups, PG_CLASSES, 5000));
	fixture_end(f);
}

static void tcp_by_name(void **state)
{
	static const char proxy[] =
		"import asyncio,os\n"
		"async def pump(r, w):\n"
		"  while (d := await r.read(65536)): w.write(d)\n"
		"  w.close()\n"
		"async def serve(r, w):\n"
		"  r2, w2 = await asyncio.open_unix_connection(os.environ['STORES_DIR'] + '/.s.PGSQL.5432')\n"
		"  await asyncio.gather(pump(r, w2), pump(r2, w))\n"
		"async def main():\n"
		"  s = await asyncio.start_server(serve, '127.0.0.1', 0)\n"
		"  print(s.sockets[0].getsockname()[1], os.getpid(), flush=True)\n"
		"  await s.serve_forever()\n"
		"asyncio.run(main())\n";
	struct fixture *f = fixture_new();
	struct pg_config config = config_of(f);
	char url[256], command[2048];
	struct names *names;
	struct str why;
	unsigned port = 0;
	int pid = 0;
	FILE *p;

	(void)state;
	snprintf(command, sizeof command, "exec /usr/bin/python3 -c \"%s\" 2>&1", proxy);
	assert_non_null(p = popen(command, "r"));
	assert_int_equal(fscanf(p, "%u %d", &port, &pid), 2);
	snprintf(url, sizeof url, "postgresql://imago@LocalHost:%u/imago", port);
	config.url = url;
	connect_all(f, &config);
	assert_true(rig_until(&f->rig, &f->ups, PG_CLASSES, 5000));
	pg_free(&f->pg);
	/* by the resolver; nobody listens at the first host */
	snprintf(url, sizeof url, "postgresql://imago@none.test:1,db.test:%u/imago", port);
	config.names = names = names_new(&f->rig.loop, STR("none.test=127.0.0.2,db.test=127.0.0.1"), &why);
	assert_non_null(names);
	connect_all(f, &config);
	assert_true(rig_until(&f->rig, &f->ups, 2 * PG_CLASSES, 5000));
	pg_free(&f->pg);
	names_free(&names);
	kill(pid, SIGTERM);
	pclose(p);
	fixture_end(f);
}

static void bad_urls_are_refused_without_being_quoted(void **state)
{
	static const char *const bad[] = { "",
		                           "http://x",
		                           "postgres://u:hunter2@:bad:port/x",
		                           "postgres://u:hunter2@[::1/x",
		                           "postgres://u:hunter2@h/db?nonsense=1",
		                           "service=x",
		                           "host=a,b port=1,2,3" };
	struct str why;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		why = (struct str){ 0 };
		assert_false(pg_url_is_valid(bad[i], &why));
		assert_true(why.n > 0 && str_find(why, STR("hunter2")) == SIZE_MAX);
		assert_null(pg_sync_open(bad[i], &why));
		assert_true(str_find(why, STR("hunter2")) == SIZE_MAX);
	}
	assert_true(pg_url_is_valid("postgresql://a:b@h1:1,h2:2/db?sslmode=require", &why));
	assert_true(pg_url_is_valid("host=/run/x dbname=y", &why));
}

static void blocking_calls(void **state)
{
	struct str why = { 0 };
	struct pg_sync *s = pg_sync_open(getenv("DATABASE_URL"), &why);
	struct pg_call out = { 0 };

	(void)state;
	assert_non_null(s);
	assert_true(pg_sync_exec(s, "create temp table a (x int); insert into a values (1), (2)", NULL, 0, NULL, &why));
	assert_true(pg_sync_exec(s, "select x from a where x > $1::int order by x", (struct str[]){ STR("1") }, 1, &out,
	                         &why));
	assert_int_equal(pg_rows(&out), 1);
	assert_int_equal(pg_int(&out, 0, 0), 2);
	assert_false(pg_sync_exec(s, "select nonsense", NULL, 0, &out, &why));
	assert_string_equal(out.sqlstate, "42703");
	assert_true(str_find(why, STR("nonsense")) != SIZE_MAX);
	pg_call_clear(&out);
	pg_sync_close(&s);
	assert_null(s);
	assert_null(pg_sync_open("postgresql://x@/y?host=/nowhere", &why));
	assert_true(why.n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_in_order),
		cmocka_unit_test(an_error_stays_in_its_call),
		cmocka_unit_test(a_commit_may_still_fail),
		cmocka_unit_test(classes_do_not_wait_for_each_other),
		cmocka_unit_test(ten_thousand_calls),
		cmocka_unit_test(large_values),
		cmocka_unit_test(cancelled_before_sending_is_never_sent),
		cmocka_unit_test(cancelled_in_flight_leaves_the_pipeline_whole),
		cmocka_unit_test(freed_with_calls_in_flight),
		cmocka_unit_test(arrays_and_values_come_back_as_they_went),
		cmocka_unit_test(notifications_arrive),
		cmocka_unit_test(the_session_is_set_up),
		cmocka_unit_test(a_longer_deadline_lengthens_the_servers_too),
		cmocka_unit_test(waits_until_the_schema_is_there),
		cmocka_unit_test(statements_are_prepared_anew_after_a_migration),
		cmocka_unit_test(hosts_are_tried_in_turn),
		cmocka_unit_test(tcp_by_name),
		cmocka_unit_test(bad_urls_are_refused_without_being_quoted),
		cmocka_unit_test(blocking_calls),
	};

	env_or_skip("STORES_DIR");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
