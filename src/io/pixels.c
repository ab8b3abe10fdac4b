/*
 * The pool: entries wait in `queue`; a worker has one at a time.
 *
 *   pixels_start -> queue -> worker->entry -> answer               -> op_finish
 *                                         \-> deadline: SIGKILL    -> TIMEOUT
 *                                         \-> the worker died      -> CLOSED
 *
 * Invariants
 *  1. An entry is in the queue or in one worker. Its `op` is the slot: NULL once the caller gave
 *     up, and then the caller's struct is never looked at again. A worker still ends what it was
 *     given: its picture goes to a descriptor that the kernel keeps for it.
 *  2. A worker gets its next call only after it answered, so a dead worker costs one call.
 *  3. A call is never asked of a second worker: the picture that killed one would kill all.
 */
#include "io/pixels.h"

#include <errno.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/slab.h"
#include "io/child.h"
#include "base/packet.h"

enum { HELLO_MS = 30 * 1000, FAILURES_MAX = 3 };

struct pixels_entry {
	struct op *op; /* the slot */
	struct link link;
};

struct worker {
	struct child child;
	struct pixels *pool;
	struct pixels_entry *entry; /* NULL: idle */
	struct timer deadline;
};

struct pixels {
	struct loop *loop;
	struct pixels_config limits;
	struct child_config config;
	const char *args[2];
	struct slab entries;
	struct link queue;
	unsigned queued;
	struct worker *workers;
};

static struct pixels_call *entry_call(const struct pixels_entry *e)
{
	return CONTAINER_OF(e->op, struct pixels_call, op);
}

static void entry_end(struct pixels *p, struct pixels_entry *e, struct fault fault)
{
	if (e->op)
		op_finish_with(e->op, fault);
	slab_put(&p->entries, e);
}

static struct pixels_entry *queue_pop(struct pixels *p)
{
	struct link *first = list_pop(&p->queue);

	if (!first)
		return NULL;
	p->queued--;
	return CONTAINER_OF(first, struct pixels_entry, link);
}

/* Entries whose callers gave up still take a place until somebody needs it. */
static void queue_sweep(struct pixels *p)
{
	LIST_EACH_SAFE(&p->queue, l) {
		struct pixels_entry *e = CONTAINER_OF(l, struct pixels_entry, link);

		if (e->op)
			continue;
		list_remove(l);
		p->queued--;
		slab_put(&p->entries, e);
	}
}

/* ---- workers ---- */

/* What the worker was drawing is lost. */
static void worker_lose(struct worker *w, enum fault_code code, struct str cause)
{
	struct pixels_entry *e = w->entry;

	timer_stop(w->pool->loop, &w->deadline);
	w->entry = NULL;
	if (e)
		entry_end(w->pool, e, (struct fault){ .code = code, .cause = cause });
}

static void on_late(struct timer *t)
{
	struct worker *w = CONTAINER_OF(t, struct worker, deadline);

	child_kill(&w->child, "took too long");
	worker_lose(w, FAULT_TIMEOUT, STR("the pixel worker took too long"));
}

static void worker_ask(struct worker *w, struct pixels_entry *e)
{
	struct pixels_call *call = entry_call(e);
	struct str request = buf_view(&call->request);

	w->entry = e;
	timer_start(w->pool->loop, &w->deadline, w->pool->limits.timeout_ms, on_late);
	if (child_send(&w->child, request.p, request.n, call->fd))
		return;
	child_kill(&w->child, strerrordesc_np(errno));
	worker_lose(w, FAULT_CLOSED, STR("the pixel worker took no request"));
}

static struct worker *pool_idle(struct pixels *p)
{
	for (unsigned i = 0; i < p->limits.workers; i++) {
		struct worker *w = &p->workers[i];

		if (w->child.state == CHILD_UP && !w->entry)
			return w;
	}
	return NULL;
}

static void pool_dispatch(struct pixels *p)
{
	struct pixels_entry *e;
	struct worker *w;

	while ((w = pool_idle(p)) && (e = queue_pop(p))) {
		if (e->op)
			worker_ask(w, e);
		else
			slab_put(&p->entries, e);
	}
}

/* No worker is up, and each failed several times in a row: waiting would be for nothing. */
static bool pool_is_hopeless(const struct pixels *p)
{
	for (unsigned i = 0; i < p->limits.workers; i++) {
		const struct child *c = &p->workers[i].child;

		if (c->state == CHILD_UP || c->failures < FAILURES_MAX)
			return false;
	}
	return true;
}

static void queue_refuse_all(struct pixels *p, enum fault_code code, struct str cause)
{
	struct pixels_entry *e;

	while ((e = queue_pop(p)))
		entry_end(p, e, (struct fault){ .code = code, .cause = cause });
}

static void on_up(struct child *c)
{
	pool_dispatch(CONTAINER_OF(c, struct worker, child)->pool);
}

static void on_down(struct child *c)
{
	struct worker *w = CONTAINER_OF(c, struct worker, child);

	worker_lose(w, FAULT_CLOSED, STR("the pixel worker died"));
	if (pool_is_hopeless(w->pool))
		queue_refuse_all(w->pool, FAULT_BUSY, STR("no pixel worker can be started"));
}

/* ---- answers ---- */

static struct fault call_judge(struct pixels_call *call)
{
	struct json_error error;
	struct json *root = json_parse(buf_view(&call->answer), &error);
	struct fault fault = { .code = FAULT_BAD_PICTURE };
	struct str words;

	if (!root) {
		fault.cause = STR("the pixel worker's answer is not JSON");
		return fault;
	}
	words = json_str(json_get(root, "error"));
	if (words.n > sizeof(call->detail))
		words.n = sizeof(call->detail);
	if (words.n)
		memcpy(call->detail, words.p, words.n);
	if (json_bool(json_get(root, "ok"), false))
		fault.code = FAULT_NONE;
	else
		fault.detail = (struct str){ call->detail, words.n };
	json_free(&root);
	return fault;
}

static void on_message(struct child *c, struct str bytes)
{
	struct worker *w = CONTAINER_OF(c, struct worker, child);
	struct pixels_entry *e = w->entry;
	struct pixels_call *call;

	if (!e) {
		child_kill(c, "talks out of turn");
		return;
	}
	timer_stop(w->pool->loop, &w->deadline);
	w->entry = NULL;
	if (e->op) {
		call = entry_call(e);
		buf_str(&call->answer, bytes);
		op_finish_with(e->op, call_judge(call));
	}
	slab_put(&w->pool->entries, e);
	pool_dispatch(w->pool);
}

/* ---- the pool ---- */

struct pixels *pixels_new(struct loop *loop, const struct log *log, const struct pixels_config *config)
{
	struct pixels *p = mem_new(struct pixels);

	CHECK(config->workers > 0 && config->timeout_ms > 0);
	p->loop = loop;
	p->limits = *config;
	p->args[0] = "imago: pixels";
	p->config = (struct child_config){
		.name = "pixels",
		.program = config->program,
		.args = p->args,
		.hello_ms = HELLO_MS,
		.up = on_up,
		.message = on_message,
		.down = on_down,
	};
	slab_init(&p->entries, sizeof(struct pixels_entry), (size_t)config->queue_max + config->workers);
	list_init(&p->queue);
	p->workers = mem_alloc(config->workers * sizeof(*p->workers));
	for (unsigned i = 0; i < config->workers; i++) {
		p->workers[i].pool = p;
		child_start(&p->workers[i].child, loop, log, &p->config);
	}
	return p;
}

void pixels_free(struct pixels **pool)
{
	struct pixels *p = *pool;
	struct str stopped = STR("the pixel workers were stopped");

	if (!p)
		return;
	*pool = NULL;
	for (unsigned i = 0; i < p->limits.workers; i++) {
		child_stop(&p->workers[i].child);
		worker_lose(&p->workers[i], FAULT_CLOSED, stopped);
	}
	queue_refuse_all(p, FAULT_CLOSED, stopped);
	slab_clear(&p->entries);
	mem_release(p->workers);
	mem_release(p);
}

void pixels_call_init(struct pixels_call *call, struct loop *loop, void (*done)(struct op *op))
{
	op_init(&call->op, loop, done);
	call->fd = -1;
	call->detail[0] = 0;
	buf_init(&call->request, PIXELS_REQUEST_MAX);
	buf_init(&call->answer, CHILD_ANSWER_MAX);
}

void pixels_call_clear(struct pixels_call *call)
{
	buf_clear(&call->request);
	buf_clear(&call->answer);
}

static void call_refuse(struct pixels_call *call, enum fault_code code, struct str cause)
{
	op_begin(&call->op, NULL, 0);
	op_finish_with(&call->op, (struct fault){ .code = code, .cause = cause });
}

void pixels_start(struct pixels *p, struct pixels_call *call)
{
	struct pixels_entry *e;

	buf_reset(&call->answer);
	if (call->request.overflowed || buf_len(&call->request) > PIXELS_REQUEST_MAX) {
		call_refuse(call, FAULT_TOO_LARGE, STR("the request to the pixel worker"));
		return;
	}
	if (p->queued >= p->limits.queue_max)
		queue_sweep(p);
	if (pool_is_hopeless(p)) {
		call_refuse(call, FAULT_BUSY, STR("no pixel worker can be started"));
		return;
	}
	e = p->queued < p->limits.queue_max ? slab_get(&p->entries) : NULL;
	if (!e) {
		call_refuse(call, FAULT_BUSY, STR("too many pictures wait"));
		return;
	}
	op_begin(&call->op, &e->op, 0);
	list_init(&e->link);
	list_append(&p->queue, &e->link);
	p->queued++;
	pool_dispatch(p);
}

unsigned pixels_ready(const struct pixels *p)
{
	unsigned ready = 0;

	for (unsigned i = 0; i < p->limits.workers; i++)
		ready += p->workers[i].child.state == CHILD_UP;
	return ready;
}

int pixels_worker_pid(const struct pixels *p, unsigned worker)
{
	return child_pid(&p->workers[worker].child);
}
