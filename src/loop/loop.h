#pragma once
/*
 * loop - the one event loop: turns, the ready queue, timers, the clock.
 *
 * A completion never runs inside the call that started it: adapters queue it (loop/op.h)
 * and the loop runs what is ready, a batch a turn. While the queue holds something the loop does
 * not block; while it does not, nothing spins.
 *
 * Timers are a heap of our own behind one uv_timer_t: arming costs no allocation and
 * stopping needs no close callback, so a timer may live inside any struct.
 *
 * Clock: loop_now_ms is monotonic and constant within a turn. A test may own it: after
 * loop_fake_clock the time moves by loop_advance only.
 */
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"

struct timer;
struct op;

struct loop {
	uv_loop_t uv;
	uv_idle_t spin;           /* active while the ready queue is not empty */
	uv_prepare_t turn_end;    /* runs the hooks, flushes the log, measures the turn */
	uv_timer_t alarm;         /* the earliest timer */
	uint64_t alarm_due_ms;    /* UINT64_MAX: not armed */
	struct link ready, batch; /* ops whose completion has not run; batch: those of this turn */
	struct link turn_hooks;   /* struct turn_hook: run once at the end of each turn */
	struct timer **heap;
	size_t timers, heap_size;
	uint64_t fake_now_ms;
	bool fake, stopping;    /* stopping: loop_break was called */
	uint64_t turn_cpu_ns;   /* thread CPU clock when the turn began */
	uint64_t turn_first_ns; /* monotonic, first loop_turn_is_long of this turn; 0: not asked yet */
};

void loop_init(struct loop *l);
void loop_run(struct loop *l);   /* until no active handle, timer or completion is left, or loop_break */
void loop_break(struct loop *l); /* leave loop_run after this turn */
void loop_close(struct loop *l); /* every handle must have been closed or unref'd */

uint64_t loop_now_ms(const struct loop *l);

struct timer {
	void (*fire)(struct timer *t); /* from the loop, never inside timer_start */
	uint64_t due_ms;
	size_t place; /* 1-based in the heap; 0: not armed */
};

/* Armed again, a timer simply moves. Zero-initialised is a valid, unarmed timer. */
void timer_start(struct loop *l, struct timer *t, uint64_t after_ms, void (*fire)(struct timer *t));
void timer_stop(struct loop *l, struct timer *t);
static inline bool timer_is_armed(const struct timer *t)
{
	return t->place != 0;
}

/* This turn has done its share (TURN_SHARE_NS since the first call of this in it). Whoever is called for a
 * descriptor may leave it as it is then: polling is level-triggered, and the next turn comes at once. */
enum { TURN_SHARE_NS = 150000 };
bool loop_turn_is_long(struct loop *l);

/* Work that is worth doing once for all that happened in a turn (send a batch, write out). */
struct turn_hook {
	struct link link;
	void (*run)(struct turn_hook *h);
	bool wanted; /* set by loop_at_turn_end, cleared before run */
};
void turn_hook_init(struct loop *l, struct turn_hook *h, void (*run)(struct turn_hook *h));
void turn_hook_remove(struct turn_hook *h);
void loop_at_turn_end(struct turn_hook *h);

/* for tests */
void loop_fake_clock(struct loop *l);
/* Fires what falls due, in order; after each timer runs what it made ready, at that time. */
void loop_advance(struct loop *l, uint64_t ms);
void loop_drain(struct loop *l); /* run ready completions and hooks until none is left */
