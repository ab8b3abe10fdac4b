/*
 * The loop: order of timers, one completion per begin, hooks, the fake clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/metric.h"
#include "loop/loop.h"
#include "loop/op.h"

enum { TIMERS = 500 };

struct world {
	struct loop loop;
	unsigned fired;
	uint64_t last_due_ms;
	bool in_order;
};

struct test_timer {
	struct timer timer;
	struct world *world;
	unsigned times;
};

struct test_op {
	struct op op;
	struct op *slot;
	unsigned done;
	bool again;
};

static int setup(void **state)
{
	struct world *w = mem_new(struct world);

	loop_init(&w->loop);
	w->in_order = true;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	loop_close(&w->loop);
	mem_release(w);
	return 0;
}

static void on_fire(struct timer *t)
{
	struct test_timer *tt = CONTAINER_OF(t, struct test_timer, timer);
	struct world *w = tt->world;

	assert_false(timer_is_armed(t));
	if (t->due_ms < w->last_due_ms)
		w->in_order = false;
	w->last_due_ms = t->due_ms;
	w->fired++;
	tt->times++;
}

static void timers_fire_in_order(void **state)
{
	struct world *w = *state;
	struct test_timer *timers = mem_alloc(TIMERS * sizeof(*timers));
	unsigned stopped = 0;
	uint32_t seed = 7;

	loop_fake_clock(&w->loop);
	for (int i = 0; i < TIMERS; i++) {
		timers[i].world = w;
		seed = seed * 1664525u + 1013904223u;
		timer_start(&w->loop, &timers[i].timer, (seed >> 8) % 1000, on_fire);
	}
	for (int i = 0; i < TIMERS; i += 3) {
		seed = seed * 1664525u + 1013904223u;
		timer_start(&w->loop, &timers[i].timer, (seed >> 8) % 1000, on_fire);
	}
	for (int i = 0; i < TIMERS; i += 7) {
		timer_stop(&w->loop, &timers[i].timer);
		timer_stop(&w->loop, &timers[i].timer);
		stopped++;
	}
	loop_advance(&w->loop, 1000);
	assert_true(w->in_order);
	assert_int_equal(w->fired, TIMERS - stopped);
	for (int i = 0; i < TIMERS; i++)
		assert_int_equal(timers[i].times, i % 7 != 0);
	assert_int_equal(w->loop.timers, 0);
	mem_release(timers);
}

static void fake_clock_stands_still(void **state)
{
	struct world *w = *state;
	struct test_timer t = { .world = w };
	uint64_t start;

	loop_fake_clock(&w->loop);
	start = loop_now_ms(&w->loop);
	timer_start(&w->loop, &t.timer, 50, on_fire);
	loop_advance(&w->loop, 49);
	assert_int_equal(t.times, 0);
	loop_advance(&w->loop, 1);
	assert_int_equal(t.times, 1);
	assert_int_equal(loop_now_ms(&w->loop), start + 50);
}

static void real_timer_fires_after_a_stopped_one(void **state)
{
	struct world *w = *state;
	struct test_timer early = { .world = w }, late = { .world = w };
	uint64_t start = uv_hrtime();

	timer_start(&w->loop, &early.timer, 5, on_fire);
	timer_start(&w->loop, &late.timer, 20, on_fire);
	timer_stop(&w->loop, &early.timer);
	loop_run(&w->loop);
	assert_int_equal(early.times, 0);
	assert_int_equal(late.times, 1);
	assert_true(uv_hrtime() - start >= 15 * 1000000u);
}

static void on_done(struct op *op)
{
	struct test_op *t = CONTAINER_OF(op, struct test_op, op);

	assert_true(op_is_idle(op));
	assert_null(t->slot);
	t->done++;
	if (t->again) {
		t->again = false;
		op_begin(op, &t->slot, 0);
		op_finish(t->slot, FAULT_BUSY);
		assert_int_equal(t->done, 1);
	}
}

static void completion_never_runs_inside(void **state)
{
	struct world *w = *state;
	struct test_op t = { .again = true };

	op_init(&t.op, &w->loop, on_done);
	op_begin(&t.op, &t.slot, 1000);
	assert_ptr_equal(t.slot, &t.op);
	op_finish(t.slot, FAULT_NONE);
	assert_null(t.slot);
	assert_int_equal(t.done, 0);
	op_cancel(&t.op, FAULT_CANCELLED); /* too late: it has ended */
	loop_run(&w->loop);
	assert_int_equal(t.done, 2);
	assert_int_equal(t.op.fault.code, FAULT_BUSY);
	assert_int_equal(w->loop.timers, 0);
}

static void op_ends_early(void **state)
{
	static const struct {
		const char *what;
		bool cancel, forget, finish_first;
		uint64_t wait_ms;
		unsigned done;
		enum fault_code code;
	} rows[] = {
		{ "deadline", false, false, false, 100, 1, FAULT_TIMEOUT },
		{ "before the deadline", false, false, false, 99, 0, FAULT_NONE },
		{ "cancelled", true, false, false, 0, 1, FAULT_CANCELLED },
		{ "forgotten", false, true, false, 200, 0, FAULT_NONE },
		{ "forgotten when ready", false, true, true, 200, 0, FAULT_NONE },
		{ "cancelled when ready", true, false, true, 0, 1, FAULT_NONE },
	};
	struct world *w = *state;

	loop_fake_clock(&w->loop);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct test_op t = { 0 };

		op_init(&t.op, &w->loop, on_done);
		op_begin(&t.op, &t.slot, 100);
		if (rows[i].finish_first)
			op_finish(&t.op, FAULT_NONE);
		if (rows[i].cancel)
			op_cancel(&t.op, FAULT_CANCELLED);
		if (rows[i].forget)
			op_forget(&t.op);
		loop_advance(&w->loop, rows[i].wait_ms);
		if (t.done != rows[i].done || t.op.fault.code != rows[i].code)
			fail_msg("%s: done %u, fault %d", rows[i].what, t.done, (int)t.op.fault.code);
		op_forget(&t.op);
		assert_null(t.slot);
	}
}

enum { FLOOD = 1000 };
static unsigned flood_done;
static void on_flood(struct op *op)
{
	(void)op;
	flood_done++;
}

static void flood_is_taken_in_batches(void **state)
{
	struct world *w = *state;
	struct op *ops = mem_alloc(FLOOD * sizeof(*ops));
	int64_t turns = metric_get(METRIC_ID_loop_turn_cpu_seconds, NULL, NULL);

	flood_done = 0;
	for (int i = 0; i < FLOOD; i++) {
		op_init(&ops[i], &w->loop, on_flood);
		op_begin(&ops[i], NULL, 0);
		op_finish(&ops[i], FAULT_NONE);
	}
	loop_run(&w->loop);
	assert_int_equal(flood_done, FLOOD);
	assert_true(metric_get(METRIC_ID_loop_turn_cpu_seconds, NULL, NULL) >= turns + 4);
	mem_release(ops);
}

struct test_hook {
	struct turn_hook hook;
	struct turn_hook *other;
	unsigned runs, again;
};

static void on_hook(struct turn_hook *h)
{
	struct test_hook *t = CONTAINER_OF(h, struct test_hook, hook);

	t->runs++;
	if (t->again) {
		t->again--;
		loop_at_turn_end(h);
	}
	if (t->other)
		turn_hook_remove(t->other);
}

static void hooks_run_when_wanted(void **state)
{
	struct world *w = *state;
	struct test_hook a = { 0 }, b = { 0 }, c = { 0 };

	turn_hook_init(&w->loop, &a.hook, on_hook);
	turn_hook_init(&w->loop, &b.hook, on_hook);
	turn_hook_init(&w->loop, &c.hook, on_hook);
	a.other = &c.hook;
	a.again = 20;
	loop_at_turn_end(&a.hook);
	loop_at_turn_end(&a.hook);
	loop_at_turn_end(&c.hook);
	loop_drain(&w->loop);
	assert_int_equal(a.runs, 21);
	assert_int_equal(b.runs, 0);
	assert_int_equal(c.runs, 0);
	turn_hook_remove(&a.hook);
	turn_hook_remove(&a.hook);
	loop_at_turn_end(&a.hook);
	loop_drain(&w->loop);
	assert_int_equal(a.runs, 21);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(timers_fire_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(fake_clock_stands_still, setup, teardown),
		cmocka_unit_test_setup_teardown(real_timer_fires_after_a_stopped_one, setup, teardown),
		cmocka_unit_test_setup_teardown(completion_never_runs_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(op_ends_early, setup, teardown),
		cmocka_unit_test_setup_teardown(flood_is_taken_in_batches, setup, teardown),
		cmocka_unit_test_setup_teardown(hooks_run_when_wanted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
