#pragma once
/*
 * pg_rig - a server, our five connections and statements of the tests' own.
 *
 * Every test ends with a look at /proc/self/task: libpq and we must not have started a thread.
 */
#include <unistd.h>

#include "io/pg.h"

#include "base/buf.h"
#include "base/mem.h"
#include "rig.h"

/* clang-format off */
enum {
	Q_ECHO, Q_SLEEP, Q_DIVIDE, Q_INSERT, Q_GET, Q_COUNT, Q_ARRAY, Q_LISTEN, Q_NOTIFY, Q_PID, Q_SETTING, Q_DEFERRED,
	Q_INTS, STATEMENTS
};

static const struct pg_statement statements[] = {
	[Q_ECHO] = { "echo", "select $1::text", 1 },
	[Q_SLEEP] = { "sleep", "select pg_sleep($1::float8)", 1 },
	[Q_DIVIDE] = { "divide", "select 10 / $1::int", 1 },
	[Q_INSERT] = { "insert", "insert into t (id, v) values ($1, $2)", 2 },
	[Q_GET] = { "get", "select id, v from t where id = $1", 1 },
	[Q_COUNT] = { "count", "select count(*) from t", 0 },
	[Q_ARRAY] = { "array", "select x from unnest($1::text[]) with ordinality as u (x, n) order by n", 1 },
	[Q_LISTEN] = { "listen", "listen news", 0 },
	[Q_NOTIFY] = { "notify", "select pg_notify($1, $2)", 2 },
	[Q_PID] = { "pid", "select pg_backend_pid()", 0 },
	[Q_SETTING] = { "setting", "select current_setting($1)", 1 },
	[Q_DEFERRED] = { "deferred", "insert into late (id) values ($1)", 1 },
	[Q_INTS] = { "ints", "select sum(x) from unnest($1::bigint[]) as x", 1 },
};

/* clang-format on */

struct fixture {
	struct rig rig;
	struct pg *pg;
	struct pg_sync *admin; /* superuser, on the test's database */
	unsigned ups, downs, done, ok, news;
	char channel[32], payload[64];
};

struct call {
	struct pg_call pg;
	struct fixture *f;
	unsigned order; /* when it was done: 1, 2, … */
};

static void on_changed(void *user, enum pg_class which, bool up)
{
	struct fixture *f = user;

	(void)which;
	f->ups += up;
	f->downs += !up;
}

static void on_notified(void *user, struct str channel, struct str payload)
{
	struct fixture *f = user;

	assert_true(str_to_cstr(channel, f->channel, sizeof f->channel));
	assert_true(str_to_cstr(payload, f->payload, sizeof f->payload));
	f->news++;
}

static void on_done(struct op *op)
{
	struct pg_call *pg = CONTAINER_OF(op, struct pg_call, op);
	struct call *c = CONTAINER_OF(pg, struct call, pg);

	c->order = ++c->f->done;
	c->f->ok += op->fault.code == FAULT_NONE;
}

static inline void sql(struct fixture *f, const char *text)
{
	struct str why = { 0 };

	if (!pg_sync_exec(f->admin, text, NULL, 0, NULL, &why)) {
		print_error("%s: %.*s\n", text, STRF(why));
		fail();
	}
}

static inline struct pg_config config_of(struct fixture *f)
{
	return (struct pg_config){ .url = getenv("DATABASE_URL"),
		                   .statements = statements,
		                   .statement_count = STATEMENTS,
		                   .notified = on_notified,
		                   .changed = on_changed,
		                   .user = f };
}

static inline void connect_all(struct fixture *f, const struct pg_config *config)
{
	static const struct log quiet;

	f->pg = pg_new(&f->rig.loop, &quiet, config);
}

static inline struct fixture *fixture_new(void)
{
	struct fixture *f = mem_new(struct fixture);
	struct str why = { 0 };
	char url[512];

	loop_init(&f->rig.loop);
	snprintf(url, sizeof url, "postgresql://postgres@/imago?host=%s", getenv("STORES_DIR"));
	for (int i = 0; !(f->admin = pg_sync_open(url, &why)) && i < 100; i++)
		usleep(50000);
	assert_non_null(f->admin);
	sql(f, "drop table if exists t, late; create table t (id bigint primary key, v text);"
	       "create table late (id int, unique (id) deferrable initially deferred);"
	       "grant all on t, late to imago");
	return f;
}

static inline struct fixture *fixture_up(void)
{
	struct fixture *f = fixture_new();
	struct pg_config config = config_of(f);

	connect_all(f, &config);
	assert_true(rig_until(&f->rig, &f->ups, PG_CLASSES, 5000));
	return f;
}

static inline void fixture_end(struct fixture *f)
{
	pg_free(&f->pg);
	pg_sync_close(&f->admin);
	rig_close(&f->rig);
	assert_int_equal(threads_of_this_process(), 1);
	mem_release(f);
}

static inline struct call *calls_new(struct fixture *f, unsigned n)
{
	struct call *calls = mem_alloc(n * sizeof(struct call));

	for (unsigned i = 0; i < n; i++) {
		pg_call_init(&calls[i].pg, &f->rig.loop, on_done);
		calls[i].f = f;
	}
	f->done = f->ok = 0;
	return calls;
}

static inline void calls_free(struct call *calls, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pg_call_clear(&calls[i].pg);
	mem_release(calls);
}

static inline void ask(struct call *c, enum pg_class which, unsigned stmt, const char *a, const char *b)
{
	struct str params[] = { str_from(a), str_from(b) };

	pg_call(c->f->pg, which, &c->pg, (enum stmt_id)stmt, params, statements[stmt].params);
}
