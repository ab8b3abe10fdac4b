/*
 * group, over a real Postgres: rows together in one statement, a bad one found by halving, locked ones
 * tried with others and then alone, nothing out of order and nothing lost.
 */
#include "../io/rig.h"

#include "base/mem.h"
#include "core/group.h"

enum { ITEMS = 200 };

/* clang-format off */
enum { Q_INSERT, Q_LOCK, Q_LOCK_WAITING, Q_SERIAL, STATEMENTS };

static const struct pg_statement statements[] = {
	/* a `v` of "bad" breaks a constraint; "none" rows are told so */
	[Q_INSERT] = { "insert",
		"with i as (select * from unnest($1::bigint[], $2::text[]) with ordinality as u (id, v, n)), "
		"done as (insert into g (id, v, batch) select id, v, $3::bigint from i) "
		"select id, v from i order by n", 3 },
	[Q_LOCK] = { "lock",
		"with i as (select * from unnest($1::bigint[], $2::text[]) with ordinality as u (id, v, n)), "
		"l as (select id from r where id = any($1::bigint[]) for update skip locked) "
		"select i.id, case when l.id is null then 'locked' else i.v end from i left join l using (id) "
		"where $3::bigint > 0 order by n", 3 },
	[Q_LOCK_WAITING] = { "lock_waiting",
		"with i as (select * from unnest($1::bigint[], $2::text[]) with ordinality as u (id, v, n)), "
		"l as (select id from r where id = any($1::bigint[]) for update) "
		"select i.id, 'waited' from i left join l using (id) where $3::bigint > 0 order by n", 3 },
	[Q_SERIAL] = { "serial",
		"select id, case when v = 'race' then lost_race() else v end "
		"from unnest($1::bigint[], $2::text[]) with ordinality as u (id, v, n) where $3::bigint > 0 order by n", 3 },
};
/* clang-format on */

struct item {
	struct group_item group;
	struct fixture *f;
	int64_t id, echoed;
	const char *v;
	char told[16], quoted[16]; /* quoted: how an error names the row */
	unsigned order;            /* when it was done: 1, 2, … */
	enum fault_code fault;
};

struct fixture {
	struct rig rig;
	struct pg *pg;
	struct pg_sync *admin;
	struct group_kind kind;
	struct group *group;
	struct item items[ITEMS];
	unsigned ups, done, statements, rows_sent, largest, alone;
};

static void on_changed(void *user, enum pg_class which, bool up)
{
	(void)which;
	((struct fixture *)user)->ups += up;
}

static void sql(struct fixture *f, const char *text)
{
	struct str why = { 0 };

	if (!pg_sync_exec(f->admin, text, NULL, 0, NULL, &why)) {
		print_error("%s: %.*s\n", text, STRF(why));
		fail();
	}
}

static int64_t number(struct fixture *f, const char *text)
{
	struct pg_call out = { 0 };
	struct str why = { 0 };
	int64_t n;

	assert_true(pg_sync_exec(f->admin, text, NULL, 0, &out, &why));
	n = pg_int(&out, 0, 0);
	pg_call_clear(&out);
	return n;
}

static void build(struct group *g, struct group_item *const *items, unsigned n, struct buf *bufs)
{
	struct fixture *f = group_user(g);

	pg_array_start(&bufs[0]);
	pg_array_start(&bufs[1]);
	for (unsigned i = 0; i < n; i++) {
		const struct item *item = CONTAINER_OF(items[i], struct item, group);

		pg_array_int(&bufs[0], item->id);
		pg_array_str(&bufs[1], str_from(item->v));
	}
	pg_array_end(&bufs[0]);
	pg_array_end(&bufs[1]);
	f->statements++;
	buf_u64(&bufs[2], f->statements);
	f->rows_sent += n;
	f->largest = n > f->largest ? n : f->largest;
}

static enum group_verdict read_row(struct group *g, const struct pg_call *call, unsigned row, struct group_item *i)
{
	struct item *item = CONTAINER_OF(i, struct item, group);

	(void)g;
	item->echoed = pg_int(call, row, 0);
	assert_true(str_to_cstr(pg_text(call, row, 1), item->told, sizeof item->told));
	if (str_is(pg_text(call, row, 1), "locked"))
		return GROUP_LOCKED;
	return str_is(pg_text(call, row, 1), "again") ? GROUP_ONCE_MORE : GROUP_DONE;
}

static void on_done(struct op *op)
{
	struct group_item *i = CONTAINER_OF(op, struct group_item, op);
	struct item *item = CONTAINER_OF(i, struct item, group);

	item->fault = op->fault.code;
	item->order = ++item->f->done;
}

static void group_make(struct fixture *f, unsigned statement, unsigned waiting)
{
	static const struct log quiet;

	group_free(&f->group);
	f->kind = (struct group_kind){ .name = "test",
		                       .connection = PG_SETTLE,
		                       .statement = (enum stmt_id)statement,
		                       .waiting_statement = (enum stmt_id)waiting,
		                       .params = 3,
		                       .build = build,
		                       .read = read_row,
		                       .user = f };
	f->group = group_new(&f->rig.loop, f->pg, &quiet, &f->kind);
}

static void add(struct fixture *f, unsigned i, const char *v, size_t bytes)
{
	struct item *item = &f->items[i];

	item->f = f;
	item->id = i;
	item->v = v;
	group_item_init(&item->group, &f->rig.loop, on_done);
	group_add(f->group, &item->group, bytes);
}

static int set_up(void **state)
{
	static const struct log quiet;
	struct fixture *f = mem_new(struct fixture);
	struct pg_config config = { .url = env_or_skip("DATABASE_URL"),
		                    .statements = statements,
		                    .statement_count = STATEMENTS,
		                    .changed = on_changed,
		                    .user = f };
	struct str why;
	char url[512];

	loop_init(&f->rig.loop);
	snprintf(url, sizeof url, "postgresql://postgres@/imago?host=%s", env_or_skip("STORES_DIR"));
	f->admin = pg_sync_open(url, &why);
	assert_non_null(f->admin);
	sql(f, "set client_min_messages = warning; drop table if exists g, r;"
	       "create table g (id bigint primary key, v text check (v <> 'bad'), batch bigint);"
	       "create table r (id bigint primary key); insert into r select generate_series(0, 199);"
	       "create or replace function lost_race() returns text language plpgsql as "
	       "$$begin raise exception using errcode = '40001'; end$$;"
	       "grant all on g, r to imago");
	f->pg = pg_new(&f->rig.loop, &quiet, &config);
	assert_true(rig_until(&f->rig, &f->ups, PG_CLASSES, 5000));
	group_make(f, Q_INSERT, STMT_COUNT);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	group_free(&f->group);
	pg_free(&f->pg);
	pg_sync_close(&f->admin);
	rig_close(&f->rig);
	mem_release(f);
	return 0;
}

static void finish(struct fixture *f, unsigned n)
{
	assert_true(rig_until(&f->rig, &f->done, n, 10000));
	assert_int_equal(f->done, n);
	assert_int_equal(group_waiting(f->group), 0);
}

static void assert_in_order(struct fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(f->items[i].order, i + 1);
		assert_int_equal(f->items[i].echoed, i);
	}
}

static void what_comes_together_flies_together(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 64; i++)
		add(f, i, "ok", 100);
	finish(f, 64);
	assert_int_equal(f->statements, 1);
	assert_in_order(f, 64);
	assert_int_equal(number(f, "select count(*) from g"), 64);
}

static void batches_are_bounded(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 150; i++)
		add(f, i, "ok", 100);
	finish(f, 150);
	assert_int_equal(f->statements, 3);
	assert_int_equal(f->largest, 64);
	assert_in_order(f, 150);
	for (unsigned i = 150; i < 155; i++)
		add(f, i, "ok", GROUP_BYTES / 2 - 1);
	add(f, 155, "ok", GROUP_BYTES * 2); /* alone, but it flies */
	finish(f, 156);
	assert_int_equal(f->statements, 3 + 4);
}

/* Wherever the bad row is, it is found with about a dozen statements, and its neighbours do not feel it. */
static void one_bad_row_is_found_by_halving(void **state)
{
	static const unsigned places[] = { 0, 1, 31, 32, 37, 62, 63 };
	struct fixture *f = *state;

	for (unsigned k = 0; k < COUNT_OF(places); k++) {
		sql(f, "truncate g");
		f->done = f->statements = 0;
		for (unsigned i = 0; i < 64; i++)
			add(f, i, i == places[k] ? "bad" : "ok", 100);
		finish(f, 64);
		for (unsigned i = 0; i < 64; i++)
			assert_int_equal(f->items[i].fault, i == places[k] ? FAULT_INTERNAL : FAULT_NONE);
		assert_string_equal(f->items[places[k]].group.sqlstate, "23514");
		assert_int_equal(number(f, "select count(*) from g"), 63);
		assert_in_range(f->statements, 7, 13);
	}
}

static struct str quoted(struct group_item *i)
{
	return str_from(CONTAINER_OF(i, struct item, group)->quoted);
}

static void a_row_that_the_error_names_goes_alone_at_once(void **state)
{
	struct fixture *f = *state;

	f->kind.id = quoted;
	for (unsigned i = 0; i < 64; i++) {
		snprintf(f->items[i].quoted, sizeof f->items[i].quoted, "(%u, ", i);
		add(f, i, i == 37 ? "bad" : "ok", 100);
	}
	finish(f, 64);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(f->items[i].fault, i == 37 ? FAULT_INTERNAL : FAULT_NONE);
	assert_int_equal(f->statements, 3);
	/* An error that could mean several names nobody. */
	sql(f, "truncate g");
	f->done = f->statements = 0;
	for (unsigned i = 0; i < 64; i++) {
		snprintf(f->items[i].quoted, sizeof f->items[i].quoted, "(");
		add(f, i, i == 37 ? "bad" : "ok", 100);
	}
	finish(f, 64);
	assert_in_range(f->statements, 7, 13);
	assert_int_equal(number(f, "select count(*) from g"), 63);
}

static void several_bad_rows_keep_the_order(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 100; i++)
		add(f, i, i % 17 == 3 ? "bad" : "ok", 100);
	finish(f, 100);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(f->items[i].fault, i % 17 == 3 ? FAULT_INTERNAL : FAULT_NONE);
		assert_int_equal(f->items[i].order, i + 1);
	}
	assert_int_equal(number(f, "select count(*) from g"), 94);
	/* and the order in which they were written */
	assert_int_equal(number(f, "select count(*) from g a join g b on a.id < b.id and a.batch > b.batch"), 0);
}

static void a_lost_race_may_be_tried_again(void **state)
{
	struct fixture *f = *state;

	group_make(f, Q_SERIAL, STMT_COUNT);
	for (unsigned i = 0; i < 8; i++)
		add(f, i, i == 5 ? "race" : "ok", 100);
	finish(f, 8);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(f->items[i].fault, i == 5 ? FAULT_BUSY : FAULT_NONE);
}

static void a_locked_row_goes_alone_in_the_end(void **state)
{
	struct fixture *f = *state;

	group_make(f, Q_LOCK, Q_LOCK_WAITING);
	sql(f, "begin; select 1 from r where id = 7 for update");
	for (unsigned i = 0; i < 20; i++)
		add(f, i, "ok", 100);
	assert_true(rig_until(&f->rig, &f->done, 19, 5000));
	rig_pass(&f->rig, 50);
	assert_int_equal(f->done, 19); /* the one waits, its neighbours have long been told */
	assert_int_equal(f->statements, 1 + 2 + 1);
	add(f, 20, "ok", 100); /* nor does who comes later wait with it */
	assert_true(rig_until(&f->rig, &f->done, 20, 5000));
	sql(f, "commit");
	finish(f, 21);
	assert_string_equal(f->items[7].told, "waited");
	assert_int_equal(f->items[7].order, 21);
	assert_int_equal(f->items[7].echoed, 7);
}

static void a_lock_that_passes_is_only_a_retry(void **state)
{
	struct fixture *f = *state;

	group_make(f, Q_LOCK, Q_LOCK_WAITING);
	sql(f, "begin; select 1 from r where id in (3, 4) for update");
	for (unsigned i = 0; i < 10; i++)
		add(f, i, "ok", 100);
	assert_true(rig_until(&f->rig, &f->done, 8, 5000));
	sql(f, "commit");
	finish(f, 10);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(f->items[i].fault, FAULT_NONE);
}

static void once_more_is_once(void **state)
{
	struct fixture *f = *state;

	group_make(f, Q_SERIAL, STMT_COUNT);
	for (unsigned i = 0; i < 4; i++)
		add(f, i, i == 1 ? "again" : "ok", 100);
	finish(f, 4);
	assert_int_equal(f->statements, 2);
	assert_int_equal(f->rows_sent, 5);
	assert_int_equal(f->items[1].order, 4);
}

static void without_postgres_everybody_is_told(void **state)
{
	struct fixture *f = *state;

	stores("postgres freeze");
	for (unsigned i = 0; i < 80; i++)
		add(f, i, "ok", 100);
	assert_true(rig_until(&f->rig, &f->done, 80, 15000));
	stores("postgres thaw");
	for (unsigned i = 0; i < 80; i++)
		assert_int_not_equal(f->items[i].fault, FAULT_NONE);
	assert_int_equal(group_waiting(f->group), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_comes_together_flies_together),
		TEST(batches_are_bounded),
		TEST(one_bad_row_is_found_by_halving),
		TEST(a_row_that_the_error_names_goes_alone_at_once),
		TEST(several_bad_rows_keep_the_order),
		TEST(a_lost_race_may_be_tried_again),
		TEST(a_locked_row_goes_alone_in_the_end),
		TEST(a_lock_that_passes_is_only_a_retry),
		TEST(once_more_is_once),
		TEST(without_postgres_everybody_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
