/*
 * The ready queue and the hooks at the end of a turn.
 *
 * A batch is bounded in number and in time, so that a flood of completions cannot keep the loop
 * from its sockets; what is left of it, and completions queued by it, run in the next turn. The batch is a list of the
 * same links, so an op that is forgotten while it waits just unlinks itself.
 */
#include "loop/loop_priv.h"

enum { READY_BATCH = 256, READY_NS = 150000, LOOK_EVERY = 2, HOOK_PASSES = 4 };

static void on_spin(uv_idle_t *spin)
{
	struct loop *l = CONTAINER_OF(spin, struct loop, spin);

	ready_run(l);
	if (list_is_empty(&l->ready) && list_is_empty(&l->batch))
		uv_idle_stop(&l->spin);
}

void ready_add(struct loop *l, struct op *op)
{
	list_append(&l->ready, &op->ready);
	uv_idle_start(&l->spin, on_spin); /* no effect while it is active */
}

size_t ready_run(struct loop *l)
{
	struct link *first;
	uint64_t until = l->fake ? UINT64_MAX : uv_hrtime() + READY_NS;
	size_t ran = 0;

	if (list_is_empty(&l->batch))
		list_move_all(&l->batch, &l->ready);
	while (ran < READY_BATCH && (ran % LOOK_EVERY || uv_hrtime() < until) && (first = list_pop(&l->batch))) {
		struct op *op = CONTAINER_OF(first, struct op, ready);

		op->state = OP_IDLE;
		ran++;
		op->done(op);
	}
	return ran;
}

void turn_hook_init(struct loop *l, struct turn_hook *h, void (*run)(struct turn_hook *h))
{
	h->run = run;
	h->wanted = false;
	list_init(&h->link);
	list_append(&l->turn_hooks, &h->link);
}

void turn_hook_remove(struct turn_hook *h)
{
	h->wanted = false;
	list_remove(&h->link);
}

void loop_at_turn_end(struct turn_hook *h)
{
	h->wanted = true;
}

/* One pass over the hooks. Each is moved over before it runs, so a hook may remove any. */
static size_t hooks_pass(struct loop *l)
{
	struct link left;
	struct link *first;
	size_t ran = 0;

	list_init(&left);
	list_move_all(&left, &l->turn_hooks);
	while ((first = list_pop(&left))) {
		struct turn_hook *h = CONTAINER_OF(first, struct turn_hook, link);

		list_append(&l->turn_hooks, first);
		if (!h->wanted)
			continue;
		h->wanted = false;
		ran++;
		h->run(h);
	}
	return ran;
}

/* A hook may want itself or another one again. After some passes the rest waits for the
 * next turn, which `spin` makes come without blocking. */
size_t hooks_run(struct loop *l)
{
	size_t ran = 0;

	for (int pass = 0; pass < HOOK_PASSES; pass++) {
		size_t n = hooks_pass(l);

		ran += n;
		if (n == 0)
			return ran;
	}
	uv_idle_start(&l->spin, on_spin);
	return ran;
}
