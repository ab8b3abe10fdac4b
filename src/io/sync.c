/*
 * The pool: entries wait in `queue`, then in `asked` of one helper, at most ASKED_MAX each, so
 * that a helper always has its next file before it has said that the last one is done.
 *
 *   sync_fd -> queue -> helper->asked -> answer: op_finish, the entry is given back
 *                 ^----- the helper died or hung ----'   (TRIES times, then STORAGE)
 *
 * Invariants
 *  1. An entry belongs to exactly one list. Its `op` is the slot: NULL once the caller gave up, and
 *     then the caller's struct is never looked at again.
 *  2. A helper's hang timer is armed while it has something; each answer moves it.
 */
#include "io/sync.h"

#include <string.h>

#include "base/mem.h"
#include "base/slab.h"
#include "io/child.h"
#include "io/sync_wire.h"

enum { ASKED_MAX = 4, TRIES = 3, HELLO_MS = 10 * 1000 };

struct sync_entry {
	struct op *op; /* the slot */
	struct link link;
	uint64_t id;
	unsigned tries;
};

struct sync_helper {
	struct child child;
	struct sync_pool *pool;
	struct link asked;
	unsigned count; /* entries in asked */
	struct timer hang;
};

struct sync_pool {
	struct loop *loop;
	const struct log *log;
	struct child_config config;
	struct slab entries;
	struct link queue;
	uint64_t last_id;
	unsigned helper_count;
	struct sync_helper *helpers;
};

static const char *const own_program = "/proc/self/exe";
static const char *const own_args[] = { "imago: sync", "--helper", "sync", NULL };

static void entry_end(struct sync_pool *p, struct sync_entry *e, struct fault fault)
{
	list_remove(&e->link);
	if (e->op)
		op_finish_with(e->op, fault);
	slab_put(&p->entries, e);
}

/* Take from a helper what it will not answer, oldest first in the queue again. */
static void helper_give_back(struct sync_helper *h)
{
	struct sync_pool *p = h->pool;

	timer_stop(p->loop, &h->hang);
	while (!list_is_empty(&h->asked)) {
		struct sync_entry *e = CONTAINER_OF(h->asked.prev, struct sync_entry, link);

		if (e->tries >= TRIES) {
			entry_end(p, e,
			          (struct fault){ .code = FAULT_STORAGE, .cause = STR("the sync helpers died of it") });
			continue;
		}
		list_remove(&e->link);
		list_prepend(&p->queue, &e->link);
	}
	h->count = 0;
}

static void on_hang(struct timer *t);

static bool helper_ask(struct sync_helper *h, struct sync_entry *e)
{
	struct sync_request request = { .id = e->id };

	if (!child_send(&h->child, &request, sizeof(request), CONTAINER_OF(e->op, struct sync_call, op)->fd))
		return false;
	e->tries++;
	list_remove(&e->link);
	list_append(&h->asked, &e->link);
	if (h->count++ == 0)
		timer_start(h->pool->loop, &h->hang, SYNC_HANG_MS, on_hang);
	return true;
}

static struct sync_helper *pool_least_busy(struct sync_pool *p)
{
	struct sync_helper *best = NULL;

	for (unsigned i = 0; i < p->helper_count; i++) {
		struct sync_helper *h = &p->helpers[i];

		if (h->child.state == CHILD_UP && h->count < ASKED_MAX && (!best || h->count < best->count))
			best = h;
	}
	return best;
}

static void pool_dispatch(struct sync_pool *p)
{
	struct sync_helper *h;

	while (!list_is_empty(&p->queue) && (h = pool_least_busy(p))) {
		struct sync_entry *e = CONTAINER_OF(list_first(&p->queue), struct sync_entry, link);

		if (!e->op) {
			entry_end(p, e, (struct fault){ .code = FAULT_NONE });
		} else if (!helper_ask(h, e)) {
			child_kill(&h->child, "takes no more");
			helper_give_back(h);
		}
	}
}

static void on_hang(struct timer *t)
{
	struct sync_helper *h = CONTAINER_OF(t, struct sync_helper, hang);

	child_kill(&h->child, "hangs");
	helper_give_back(h);
	pool_dispatch(h->pool);
}

static struct sync_entry *helper_find(struct sync_helper *h, uint64_t id)
{
	LIST_EACH(&h->asked, l) {
		struct sync_entry *e = CONTAINER_OF(l, struct sync_entry, link);

		if (e->id == id)
			return e;
	}
	return NULL;
}

/* A descriptor that cannot be flushed at all (a pipe, say) is the caller's bug, and STORAGE like the rest. */
static void on_message(struct child *c, struct str bytes)
{
	struct sync_helper *h = CONTAINER_OF(c, struct sync_helper, child);
	struct sync_answer answer;
	struct sync_entry *e = NULL;
	struct fault fault = { .code = FAULT_NONE };

	if (bytes.n == sizeof(answer)) {
		memcpy(&answer, bytes.p, sizeof(answer));
		e = helper_find(h, answer.id);
	}
	if (!e) {
		child_kill(c, "talks nonsense");
		helper_give_back(h);
		pool_dispatch(h->pool);
		return;
	}
	if (answer.error)
		fault = (struct fault){ .code = FAULT_STORAGE, .cause = str_from(strerrordesc_np(answer.error)) };
	entry_end(h->pool, e, fault);
	if (--h->count)
		timer_start(h->pool->loop, &h->hang, SYNC_HANG_MS, on_hang);
	else
		timer_stop(h->pool->loop, &h->hang);
	pool_dispatch(h->pool);
}

static void on_up(struct child *c)
{
	pool_dispatch(CONTAINER_OF(c, struct sync_helper, child)->pool);
}

static void on_down(struct child *c)
{
	struct sync_helper *h = CONTAINER_OF(c, struct sync_helper, child);

	helper_give_back(h);
	pool_dispatch(h->pool);
}

struct sync_pool *sync_pool_new_from(struct loop *loop, const struct log *log, unsigned helpers, const char *program,
                                     const char *const *argv)
{
	struct sync_pool *p = mem_new(struct sync_pool);

	CHECK(helpers > 0);
	p->loop = loop;
	p->log = log;
	p->config = (struct child_config){
		.name = "sync",
		.program = program,
		.args = argv,
		.hello_ms = HELLO_MS,
		.up = on_up,
		.message = on_message,
		.down = on_down,
	};
	slab_init(&p->entries, sizeof(struct sync_entry), SYNC_WAITING_MAX);
	list_init(&p->queue);
	p->helper_count = helpers;
	p->helpers = mem_alloc(helpers * sizeof(*p->helpers));
	for (unsigned i = 0; i < helpers; i++) {
		struct sync_helper *h = &p->helpers[i];

		h->pool = p;
		list_init(&h->asked);
		child_start(&h->child, loop, log, &p->config);
	}
	return p;
}

struct sync_pool *sync_pool_new(struct loop *loop, const struct log *log, unsigned helpers)
{
	return sync_pool_new_from(loop, log, helpers, own_program, own_args);
}

static void list_end_all(struct sync_pool *p, struct link *head)
{
	while (!list_is_empty(head))
		entry_end(p, CONTAINER_OF(list_first(head), struct sync_entry, link),
		          (struct fault){ .code = FAULT_CLOSED, .cause = STR("the sync helpers were stopped") });
}

void sync_pool_free(struct sync_pool **pool)
{
	struct sync_pool *p = *pool;

	if (!p)
		return;
	*pool = NULL;
	for (unsigned i = 0; i < p->helper_count; i++) {
		timer_stop(p->loop, &p->helpers[i].hang);
		child_stop(&p->helpers[i].child);
		list_end_all(p, &p->helpers[i].asked);
	}
	list_end_all(p, &p->queue);
	slab_clear(&p->entries);
	mem_release(p->helpers);
	mem_release(p);
}

void sync_call_init(struct sync_call *call, struct loop *loop, void (*done)(struct op *op))
{
	op_init(&call->op, loop, done);
	call->fd = -1;
}

void sync_fd(struct sync_pool *p, struct sync_call *call, int fd)
{
	struct sync_entry *e = slab_get(&p->entries);

	call->fd = fd;
	if (!e) {
		op_begin(&call->op, NULL, 0);
		op_finish(&call->op, FAULT_BUSY);
		return;
	}
	list_init(&e->link);
	e->id = ++p->last_id;
	op_begin(&call->op, &e->op, SYNC_DEADLINE_MS);
	list_append(&p->queue, &e->link);
	pool_dispatch(p);
}

int sync_helper_pid(const struct sync_pool *p, unsigned helper)
{
	return child_pid(&p->helpers[helper].child);
}
