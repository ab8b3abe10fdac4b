/*
 * Timers: a binary heap of pointers, each timer knowing its place, behind one uv_timer_t.
 *
 * Invariants
 *  1. heap[t->place - 1] == t for each armed timer; place 0 means not armed.
 *  2. The alarm is armed for no later than the earliest timer. It may ring early (the earliest was
 *     stopped or moved): then nothing fires and it is set again. So the common case, a time-out
 *     that is armed and stopped without ever firing, does not touch libuv.
 *  3. One ring fires at most as many timers as were armed when it began: a timer that
 *     arms itself for "now" waits for the next turn.
 */
#include "base/mem.h"
#include "loop/loop_priv.h"

static void heap_put(struct loop *l, size_t i, struct timer *t)
{
	l->heap[i] = t;
	t->place = i + 1;
}

static void heap_up(struct loop *l, size_t i)
{
	struct timer *t = l->heap[i];

	while (i > 0 && l->heap[(i - 1) / 2]->due_ms > t->due_ms) {
		heap_put(l, i, l->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_put(l, i, t);
}

static void heap_down(struct loop *l, size_t i)
{
	struct timer *t = l->heap[i];
	size_t child;

	while ((child = 2 * i + 1) < l->timers) {
		if (child + 1 < l->timers && l->heap[child + 1]->due_ms < l->heap[child]->due_ms)
			child++;
		if (l->heap[child]->due_ms >= t->due_ms)
			break;
		heap_put(l, i, l->heap[child]);
		i = child;
	}
	heap_put(l, i, t);
}

static void heap_remove(struct loop *l, struct timer *t)
{
	size_t i = t->place - 1;
	struct timer *last = l->heap[--l->timers];

	t->place = 0;
	if (last == t)
		return;
	heap_put(l, i, last);
	heap_up(l, i);
	heap_down(l, last->place - 1);
}

static void on_alarm(uv_timer_t *alarm);

static void alarm_set(struct loop *l)
{
	uint64_t now = uv_now(&l->uv);
	uint64_t due;

	if (l->fake)
		return;
	if (l->timers == 0) {
		if (l->alarm_due_ms != UINT64_MAX)
			uv_timer_stop(&l->alarm);
		l->alarm_due_ms = UINT64_MAX;
		return;
	}
	due = l->heap[0]->due_ms;
	if (due >= l->alarm_due_ms)
		return;
	l->alarm_due_ms = due;
	uv_timer_start(&l->alarm, on_alarm, due > now ? due - now : 0, 0);
}

static void on_alarm(uv_timer_t *alarm)
{
	struct loop *l = CONTAINER_OF(alarm, struct loop, alarm);
	uint64_t now = loop_now_ms(l);

	/* Kept at 0 while timers fire: nothing they arm can be earlier. */
	l->alarm_due_ms = 0;
	for (size_t left = l->timers; left > 0 && timer_fire_next(l, now); left--)
		;
	l->alarm_due_ms = UINT64_MAX;
	alarm_set(l);
}

bool timer_fire_next(struct loop *l, uint64_t now_ms)
{
	struct timer *t;

	if (l->timers == 0 || l->heap[0]->due_ms > now_ms)
		return false;
	t = l->heap[0];
	heap_remove(l, t);
	t->fire(t);
	return true;
}

void timer_start(struct loop *l, struct timer *t, uint64_t after_ms, void (*fire)(struct timer *t))
{
	uint64_t due = loop_now_ms(l) + after_ms;

	t->fire = fire;
	if (t->place) {
		bool later = due >= t->due_ms;

		t->due_ms = due;
		if (later)
			heap_down(l, t->place - 1);
		else
			heap_up(l, t->place - 1);
	} else {
		t->due_ms = due;
		if (l->timers == l->heap_size) {
			l->heap_size = l->heap_size ? l->heap_size * 2 : 64;
			l->heap = mem_resize(l->heap, l->heap_size * sizeof(struct timer *));
		}
		l->timers++;
		l->heap[l->timers - 1] = t;
		heap_up(l, l->timers - 1);
	}
	alarm_set(l);
}

void timer_stop(struct loop *l, struct timer *t)
{
	if (!t->place)
		return;
	heap_remove(l, t);
	if (l->timers == 0)
		alarm_set(l);
}
