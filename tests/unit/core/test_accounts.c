/* accounts: slots and the order of those who wait for them, reload, and where pictures may come from. */
#include "unit.h"

#include "base/mem.h"
#include "core/accounts.h"

enum { WAITERS = 6 };

struct waiter {
	struct account_wait wait;
	unsigned given; /* 1: first, 2: second, … */
};

struct fixture {
	struct loop loop;
	struct accounts accounts;
	struct waiter waiters[WAITERS];
};

static unsigned order;

static void slot_given(struct op *op)
{
	struct account_wait *wait = CONTAINER_OF(op, struct account_wait, op);

	assert_int_equal(op->fault.code, FAULT_NONE);
	CONTAINER_OF(wait, struct waiter, wait)->given = ++order;
}

static struct account_spec demo(const char *id, unsigned concurrency)
{
	return (struct account_spec){
		.type = "demo", .id = str_from(id), .name = str_from(id), .concurrency = concurrency
	};
}

static void replace(struct fixture *f, const struct account_spec *specs, unsigned n)
{
	struct str why = { 0 };

	ROW(accounts_replace(&f->accounts, specs, n, &why), "%.*s", STRF(why));
}

static struct account *find(struct fixture *f, const char *id)
{
	return accounts_find(&f->accounts, str_from(id));
}

static int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	struct account_spec spec = demo("a", 2);

	loop_init(&f->loop);
	accounts_init(&f->accounts, &f->loop);
	replace(f, &spec, 1);
	for (unsigned i = 0; i < WAITERS; i++)
		op_init(&f->waiters[i].wait.op, &f->loop, slot_given);
	order = 0;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	accounts_clear(&f->accounts);
	loop_close(&f->loop);
	mem_release(f);
	return 0;
}

static void wait_all(struct fixture *f, struct account *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		account_wait(a, &f->waiters[i].wait);
	loop_drain(&f->loop);
}

/* ---- slots ---- */

static void all_or_none(void **state)
{
	struct account *a = find(*state, "a");

	assert_false(account_take(a, 3));
	assert_int_equal(a->in_use, 0);
	assert_true(account_take(a, 1));
	assert_false(account_take(a, 2));
	assert_true(account_take(a, 1));
	assert_false(account_take(a, 1));
	account_release(a, 2);
	assert_int_equal(a->in_use, 0);
}

static void slots_go_in_order_of_asking(void **state)
{
	struct fixture *f = *state;
	struct account *a = find(f, "a");

	wait_all(f, a, 5);
	assert_int_equal(a->in_use, 2);
	for (unsigned i = 0; i < 5; i++)
		ROW(f->waiters[i].given == (i < 2 ? i + 1 : 0), "waiter %u is number %u", i, f->waiters[i].given);
	for (unsigned i = 2; i < 5; i++)
		ROW(account_wait_position(&f->waiters[i].wait) == i - 2, "waiter %u is not at %u", i, i - 2);
	account_release(a, 1);
	assert_false(account_take(a, 1)); /* nobody overtakes */
	account_release(a, 1);
	loop_drain(&f->loop);
	assert_int_equal(f->waiters[2].given, 3);
	assert_int_equal(f->waiters[3].given, 4);
	assert_int_equal(f->waiters[4].given, 0);
	assert_int_equal(a->in_use, 2);
	account_release(a, 2);
	loop_drain(&f->loop);
	assert_int_equal(f->waiters[4].given, 5);
	assert_int_equal(a->in_use, 1);
	account_release(a, 1);
}

static void who_stops_waiting_loses_nothing_for_others(void **state)
{
	struct fixture *f = *state;
	struct account *a = find(f, "a");

	wait_all(f, a, 5);
	account_wait_stop(&f->waiters[2].wait); /* in the line */
	account_release(a, 1);
	assert_int_equal(a->in_use, 2);
	account_wait_stop(&f->waiters[3].wait); /* it was just given, and not heard of it */
	loop_drain(&f->loop);
	assert_int_equal(f->waiters[2].given, 0);
	assert_int_equal(f->waiters[3].given, 0);
	assert_int_equal(f->waiters[4].given, 3);
	account_wait_stop(&f->waiters[4].wait); /* heard of it: no longer waiting, the slot stays */
	assert_int_equal(a->in_use, 2);
	account_release(a, 2);
	assert_int_equal(a->in_use, 0);
	account_wait_stop(&f->waiters[5].wait); /* never waited */
}

/* ---- reload ---- */

static void a_reload_keeps_what_stays(void **state)
{
	struct fixture *f = *state;
	struct account *a = find(f, "a");
	struct account_spec two[] = { demo("b", 1), demo("a", 4) };
	struct account_spec one[] = { demo("b", 1) };

	wait_all(f, a, 5);
	replace(f, two, 2);
	assert_ptr_equal(find(f, "a"), a);
	assert_ptr_equal(CONTAINER_OF(f->accounts.all.next, struct account, link), find(f, "b"));
	assert_int_equal(a->in_use, 4); /* more room is felt at once */
	loop_drain(&f->loop);
	assert_int_equal(f->waiters[3].given, 4);
	replace(f, one, 1);
	assert_null(find(f, "a"));
	assert_string_equal(a->driver->type, "demo"); /* still readable for who holds a slot */
	account_release(a, 1);
	loop_drain(&f->loop);
	assert_int_equal(f->waiters[4].given, 5);
	replace(f, two, 2);
	assert_ptr_equal(find(f, "a"), a);
	assert_int_equal(a->in_use, 4);
	account_release(a, 4);
}

static void less_room_is_felt_as_slots_come_back(void **state)
{
	struct fixture *f = *state;
	struct account *a = find(f, "a");
	struct account_spec less = demo("a", 1);

	wait_all(f, a, 4);
	replace(f, &less, 1);
	account_release(a, 1);
	loop_drain(&f->loop);
	assert_int_equal(a->in_use, 1);
	assert_int_equal(f->waiters[2].given, 0);
	account_release(a, 1);
	loop_drain(&f->loop);
	assert_int_equal(f->waiters[2].given, 3);
	assert_int_equal(a->in_use, 1);
	account_wait_stop(&f->waiters[3].wait);
	account_release(a, 1);
}

static void a_bad_reload_changes_nothing(void **state)
{
	static const struct {
		const char *name;
		struct account_spec spec;
	} rows[] = {
		{ "no such driver", { .type = "nobody", .id = { "x", 1 } } },
		{ "a key of the wrong shape",
		  { .type = "fal", .id = { "x", 1 }, .credential = { { "no-colon", 8 } } } },
		{ "an address that is none", { .type = "demo", .id = { "x", 1 }, .bases = { { "ftp://x", 7 } } } },
	};
	struct fixture *f = *state;
	struct account *a = find(f, "a");

	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		struct account_spec specs[] = { demo("b", 1), rows[i].spec };
		struct str why = { 0 };

		ROW(!accounts_replace(&f->accounts, specs, 2, &why), "%s is taken", rows[i].name);
		ROW(why.n > 0, "%s: nothing is said", rows[i].name);
		ROW(find(f, "a") == a && !find(f, "b"), "%s changed something", rows[i].name);
	}
}

/* ---- routes ---- */

static const struct catalog *catalog(void)
{
	static struct catalog *c;
	struct catalog_error error;

	if (!c)
		c = catalog_parse(catalog_builtin(), &error);
	assert_non_null(c);
	return c;
}

static void models_find_an_account(void **state)
{
	struct fixture *f = *state;
	const struct catalog_row *row = NULL;
	struct account *a = NULL;
	struct str nearest;

	assert_int_equal(accounts_route(&f->accounts, catalog(), STR(""), &a, &row, &nearest), FAULT_NONE);
	assert_ptr_equal(a, find(f, "a"));
	assert_str(row->provider, "demo");
	assert_int_equal(accounts_route(&f->accounts, catalog(), row->name, &a, &row, &nearest), FAULT_NONE);
	assert_int_equal(accounts_route(&f->accounts, catalog(), STR("imagen4"), &a, &row, &nearest),
	                 FAULT_NOT_CONFIGURED);
	assert_int_equal(accounts_route(&f->accounts, catalog(), STR("imagen44"), &a, &row, &nearest), FAULT_BAD_FIELD);
	assert_str(nearest, "imagen4");
	replace(f, NULL, 0);
	assert_int_equal(accounts_route(&f->accounts, catalog(), STR(""), &a, &row, &nearest), FAULT_NOT_CONFIGURED);
}

/* ---- pictures ---- */

static void pictures_come_from_known_places(void **state)
{
	static const struct {
		const char *url;
		bool allowed;
	} rows[] = {
		{ "https://fal.media/files/a.png", true },
		{ "https://v3.fal.media/files/a.png", true },
		{ "https://V3.FAL.MEDIA/files/a.png", true },
		{ "https://v3.fal.media:443/a.png", true },
		{ "http://127.0.0.1:9000/files/a.png", true }, /* its own base */
		{ "http://127.0.0.1:9001/files/a.png", false },
		{ "https://127.0.0.1:9000/files/a.png", false },
		{ "http://v3.fal.media/files/a.png", false },
		{ "https://v3.fal.media:8443/a.png", false },
		{ "https://fal.media.example.org/a.png", false },
		{ "https://evilfal.media/a.png", false },
		{ "https://fal.media@example.org/a.png", false },
		{ "https://169.254.169.254/latest", false },
		{ "https://[::1]/a.png", false },
		{ "file:///etc/passwd", false },
		{ "", false },
	};
	struct fixture *f = *state;
	struct account_spec fal = { .type = "fal",
		                    .id = STR("fal_default"),
		                    .bases = { STR("http://127.0.0.1:9000") },
		                    .credential = { STR("id:secret") } };

	replace(f, &fal, 1);
	for (unsigned i = 0; i < COUNT_OF(rows); i++)
		ROW(account_allows_media(find(f, "fal_default"), str_from(rows[i].url)) == rows[i].allowed, "%s",
		    rows[i].url);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(all_or_none),
		TEST(slots_go_in_order_of_asking),
		TEST(who_stops_waiting_loses_nothing_for_others),
		TEST(a_reload_keeps_what_stays),
		TEST(less_room_is_felt_as_slots_come_back),
		TEST(a_bad_reload_changes_nothing),
		TEST(models_find_an_account),
		TEST(pictures_come_from_known_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
