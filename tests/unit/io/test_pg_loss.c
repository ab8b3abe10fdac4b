/*
 * What happens when Postgres is killed, frozen, absent, and comes back.
 */
#include <signal.h>

#include "pg_rig.h"

static void a_killed_backend_costs_what_was_sent(void **state)
{
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, 4);

	(void)state;
	rig_pass(&f->rig, 5);
	ask(&calls[0], PG_ACCEPT, Q_PID, NULL, NULL);
	assert_true(rig_until(&f->rig, &f->ok, 1, 1000));
	ask(&calls[1], PG_ACCEPT, Q_SLEEP, "2", NULL);
	ask(&calls[2], PG_ACCEPT, Q_INSERT, "5", "behind");
	rig_pass(&f->rig, 50);
	assert_int_equal(kill((pid_t)pg_int(&calls[0].pg, 0, 0), SIGKILL), 0);
	assert_true(rig_until(&f->rig, &f->done, 3, 1000));
	assert_int_equal(calls[1].pg.op.fault.code, FAULT_CLOSED);
	assert_int_equal(calls[2].pg.op.fault.code, FAULT_CLOSED);
	/* after a SIGKILL Postgres ends all backends and recovers: its time, not ours */
	assert_true(rig_until(&f->rig, &f->ups, 2 * PG_CLASSES, 20000));
	ask(&calls[3], PG_ACCEPT, Q_COUNT, NULL, NULL);
	assert_true(rig_until(&f->rig, &f->ok, 2, 1000));
	assert_int_equal(pg_int(&calls[3].pg, 0, 0), 0);
	calls_free(calls, 4);
	fixture_end(f);
}

/* Connections are ended: calls made right after wait for new ones and are answered. A machine
 * that is busy may be too slow for their 800 ms once, but not five times. */
static void a_short_loss_is_waited_out(void **state)
{
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, 2);
	uint64_t began = 0;
	unsigned tries = 0;

	(void)state;
	do {
		assert_true(tries++ < 5);
		assert_true(rig_until(&f->rig, &f->ups, tries * PG_CLASSES, 5000));
		f->done = f->ok = 0;
		sql(f, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'imago'");
		assert_true(rig_until(&f->rig, &f->downs, tries * PG_CLASSES, 2000));
		began = loop_now_ms(&f->rig.loop);
		ask(&calls[0], PG_ACCEPT, Q_ECHO, "x", NULL);
		ask(&calls[1], PG_READ, Q_ECHO, "y", NULL);
		assert_true(rig_until(&f->rig, &f->done, 2, 2000));
	} while (f->ok < 2);
	print_message("reconnected in %u ms\n", (unsigned)(loop_now_ms(&f->rig.loop) - began));
	calls_free(calls, 2);
	fixture_end(f);
}

static void the_server_dies_and_comes_back(void **state)
{
	struct fixture *f = fixture_up();
	struct call *calls = calls_new(f, 3);
	uint64_t began;

	(void)state;
	ask(&calls[0], PG_ACCEPT, Q_SLEEP, "3", NULL);
	rig_pass(&f->rig, 30);
	stores("postgres kill");
	assert_true(rig_until(&f->rig, &f->done, 1, 1000));
	assert_int_equal(calls[0].pg.op.fault.code, FAULT_CLOSED);
	began = loop_now_ms(&f->rig.loop);
	ask(&calls[1], PG_ACCEPT, Q_INSERT, "1", "x");
	assert_true(rig_until(&f->rig, &f->done, 2, 1000));
	assert_int_equal(calls[1].pg.op.fault.code, FAULT_STORE_DOWN);
	assert_true(loop_now_ms(&f->rig.loop) - began >= 700);
	assert_int_equal(f->downs, PG_CLASSES);
	assert_true(pg_down_ms(f->pg, PG_ACCEPT) > 0 && !pg_is_up(f->pg, PG_ACCEPT));
	assert_true(pg_why(f->pg, PG_ACCEPT).n > 0);
	stores("postgres start");
	assert_true(rig_until(&f->rig, &f->ups, 2 * PG_CLASSES, 5000));
	ask(&calls[2], PG_ACCEPT, Q_COUNT, NULL, NULL);
	assert_true(rig_until(&f->rig, &f->ok, 1, 1000));
	assert_int_equal(pg_int(&calls[2].pg, 0, 0), 0);
	calls_free(calls, 3);
	fixture_end(f);
}

static void down_at_the_start_is_waited_for(void **state)
{
	struct fixture *f = fixture_new();
	struct pg_config config = config_of(f);
	struct call *calls = calls_new(f, 1);

	(void)state;
	stores("postgres kill");
	connect_all(f, &config);
	ask(&calls[0], PG_READ, Q_ECHO, "x", NULL);
	assert_true(rig_until(&f->rig, &f->done, 1, 1000));
	assert_int_equal(calls[0].pg.op.fault.code, FAULT_STORE_DOWN);
	stores("postgres start");
	assert_true(rig_until(&f->rig, &f->ups, PG_CLASSES, 5000));
	calls_free(calls, 1);
	fixture_end(f);
}

static void frozen_is_noticed_and_left(void **state)
{
	struct fixture *f = fixture_new();
	struct pg_config config = config_of(f);
	struct call *calls = calls_new(f, 4);
	uint64_t began;

	(void)state;
	config.call_timeout_ms = 700;
	connect_all(f, &config);
	assert_true(rig_until(&f->rig, &f->ups, PG_CLASSES, 5000));
	stores("postgres freeze");
	uv_update_time(&f->rig.loop.uv);
	began = loop_now_ms(&f->rig.loop);
	ask(&calls[0], PG_ACCEPT, Q_INSERT, "1", "x");
	rig_pass(&f->rig, 100);
	ask(&calls[1], PG_ACCEPT, Q_INSERT, "2", "x");
	assert_true(rig_until(&f->rig, &f->done, 2, 1500));
	assert_in_range(loop_now_ms(&f->rig.loop) - began, 690, 900);
	assert_int_equal(calls[0].pg.op.fault.code, FAULT_TIMEOUT);
	assert_int_equal(calls[1].pg.op.fault.code, FAULT_CLOSED);
	assert_int_equal(f->downs, 1);
	ask(&calls[2], PG_ACCEPT, Q_COUNT, NULL, NULL);
	assert_true(rig_until(&f->rig, &f->done, 3, 1000));
	assert_int_equal(calls[2].pg.op.fault.code, FAULT_STORE_DOWN);
	stores("postgres thaw");
	assert_true(rig_until(&f->rig, &f->ups, PG_CLASSES + 1, 5000));
	ask(&calls[3], PG_ACCEPT, Q_COUNT, NULL, NULL);
	assert_true(rig_until(&f->rig, &f->ok, 1, 1000));
	calls_free(calls, 4);
	fixture_end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_backend_costs_what_was_sent),
		cmocka_unit_test(a_short_loss_is_waited_out),
		cmocka_unit_test(the_server_dies_and_comes_back),
		cmocka_unit_test(down_at_the_start_is_waited_for),
		cmocka_unit_test(frozen_is_noticed_and_left),
	};

	env_or_skip("STORES_DIR");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
