/*
 * One turn, in libuv's order:
 *
 *   timers -> spin (ready completions) -> turn_end (hooks, log, measure) -> poll -> callbacks
 *
 * Invariants
 *  1. Completions run from `spin` only, so never inside the call that started them.
 *  2. `spin` is active while the ready queue holds something or a hook asked for
 *     another pass; libuv does not block while an idle handle is active.
 *  3. A turn is measured from turn_end to turn_end in CPU time of the thread, so that
 *     waiting in poll costs nothing and neither does a neighbour on the same core.
 */
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "loop/loop_priv.h"

static uint64_t thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_turn_end(uv_prepare_t *prepare)
{
	struct loop *l = CONTAINER_OF(prepare, struct loop, turn_end);
	uint64_t cpu_ns;

	hooks_run(l);
	log_flush();
	cpu_ns = thread_cpu_ns();
	metric_observe_us(METRIC_ID_loop_turn_cpu_seconds, NULL, NULL, (cpu_ns - l->turn_cpu_ns) / 1000u);
	l->turn_cpu_ns = cpu_ns;
	l->turn_first_ns = 0;
}

bool loop_turn_is_long(struct loop *l)
{
	uint64_t now = uv_hrtime();

	if (l->fake)
		return false;
	if (l->turn_first_ns == 0)
		l->turn_first_ns = now;
	return now - l->turn_first_ns > TURN_SHARE_NS;
}

void loop_init(struct loop *l)
{
	*l = (struct loop){ .alarm_due_ms = UINT64_MAX };
	list_init(&l->ready);
	list_init(&l->batch);
	list_init(&l->turn_hooks);
	CHECK(uv_loop_init(&l->uv) == 0);
	CHECK(uv_idle_init(&l->uv, &l->spin) == 0);
	CHECK(uv_timer_init(&l->uv, &l->alarm) == 0);
	CHECK(uv_prepare_init(&l->uv, &l->turn_end) == 0);
	CHECK(uv_prepare_start(&l->turn_end, on_turn_end) == 0);
	uv_unref((uv_handle_t *)&l->turn_end);
	l->turn_cpu_ns = thread_cpu_ns();
}

void loop_run(struct loop *l)
{
	l->turn_cpu_ns = thread_cpu_ns();
	l->stopping = false;
	uv_run(&l->uv, UV_RUN_DEFAULT);
	log_flush();
}

void loop_break(struct loop *l)
{
	l->stopping = true;
	uv_stop(&l->uv);
}

void loop_close(struct loop *l)
{
	uv_close((uv_handle_t *)&l->spin, NULL);
	uv_close((uv_handle_t *)&l->turn_end, NULL);
	uv_close((uv_handle_t *)&l->alarm, NULL);
	uv_run(&l->uv, UV_RUN_NOWAIT);
	/* A handle that was only unref'd makes this EBUSY, which frees nothing and harms nothing. */
	(void)uv_loop_close(&l->uv);
	mem_release(l->heap);
	l->heap = NULL;
	l->timers = l->heap_size = 0;
}

uint64_t loop_now_ms(const struct loop *l)
{
	return l->fake ? l->fake_now_ms : uv_now(&l->uv);
}

void loop_fake_clock(struct loop *l)
{
	CHECK(l->timers == 0);
	uv_timer_stop(&l->alarm);
	l->alarm_due_ms = UINT64_MAX;
	l->fake_now_ms = uv_now(&l->uv);
	l->fake = true;
}

void loop_advance(struct loop *l, uint64_t ms)
{
	uint64_t end = l->fake_now_ms + ms;

	CHECK(l->fake);
	loop_drain(l);
	while (l->timers && l->heap[0]->due_ms <= end) {
		if (l->heap[0]->due_ms > l->fake_now_ms)
			l->fake_now_ms = l->heap[0]->due_ms;
		timer_fire_next(l, l->fake_now_ms);
		loop_drain(l);
	}
	l->fake_now_ms = end;
}

void loop_drain(struct loop *l)
{
	while (ready_run(l) + hooks_run(l) > 0)
		;
	uv_idle_stop(&l->spin);
}
