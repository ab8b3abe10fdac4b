/*
 * group - batches in flight, rows that are refused, rows that are locked.
 *
 * Invariants
 *  1. At most one batch is in flight, and at most one row flies alone beside it.
 *  2. A row is in exactly one place: waiting, flying, alone_waiting, alone_flying, or its op is done.
 *  3. batch_max only ever shrinks, so cutting a batch ends; a row that is refused by itself is done.
 */
#include "core/group.h"

#include "base/mem.h"
#include "base/metric.h"
#include "base/wall.h"

enum { LOCKED_TRIES = 3, PARAM_BYTES = 4 * 1024 * 1024 };

struct flight {
	struct group *group;
	struct pg_call call;
	struct group_item *items[GROUP_ROWS];
	unsigned n;
	uint64_t sent_us;
	bool busy;
};

struct group {
	const struct group_kind *kind;
	struct loop *loop;
	struct pg *pg;
	struct log log;
	struct turn_hook flush;
	struct link waiting, alone;
	unsigned waiting_count;
	struct flight batch, single;
	struct buf params[PG_PARAMS_MAX];
};

static uint64_t monotonic_us(void)
{
	return uv_hrtime() / 1000;
}

static void item_end(struct group *g, struct group_item *i, struct fault fault)
{
	(void)g;
	op_finish_with(&i->op, fault);
}

/* Send what `f` holds. */
static void flight_send(struct group *g, struct flight *f, enum pg_class connection, enum stmt_id statement)
{
	struct str params[PG_PARAMS_MAX];

	for (unsigned i = 0; i < g->kind->params; i++)
		buf_reset(&g->params[i]);
	g->kind->build(g, f->items, f->n, g->params);
	for (unsigned i = 0; i < g->kind->params; i++) {
		CHECK(!g->params[i].overflowed); /* GROUP_BYTES is far below */
		params[i] = buf_view(&g->params[i]);
	}
	f->busy = true;
	f->sent_us = monotonic_us();
	pg_call(g->pg, connection, &f->call, statement, params, g->kind->params);
}

/* As many of the waiting as may fly together. */
static void batch_send(struct group *g)
{
	struct flight *f = &g->batch;
	size_t bytes = 0;
	unsigned most = GROUP_ROWS;
	struct link *l;

	if (f->busy)
		return;
	f->n = 0;
	while ((l = list_first(&g->waiting))) {
		struct group_item *i = CONTAINER_OF(l, struct group_item, link);

		if (i->batch_max < most)
			most = i->batch_max;
		if (f->n >= most || (f->n > 0 && bytes + i->bytes > GROUP_BYTES))
			break;
		list_remove(l);
		g->waiting_count--;
		bytes += i->bytes;
		f->items[f->n++] = i;
	}
	if (f->n > 0)
		flight_send(g, f, g->kind->connection, g->kind->statement);
}

static void single_send(struct group *g)
{
	struct flight *f = &g->single;
	struct link *l = f->busy ? NULL : list_pop(&g->alone);

	if (!l)
		return;
	f->items[0] = CONTAINER_OF(l, struct group_item, link);
	f->n = 1;
	flight_send(g, f, PG_BULK, g->kind->waiting_statement);
}

static void group_flush(struct turn_hook *h)
{
	struct group *g = CONTAINER_OF(h, struct group, flush);

	batch_send(g);
	single_send(g);
}

static void item_wait(struct group *g, struct group_item *i)
{
	list_append(&g->waiting, &i->link);
	g->waiting_count++;
}

/* The item whose row the error quotes: it carries the item's own id. NULL: none, or more than one. */
static struct group_item *item_blamed(struct group *g, const struct flight *f)
{
	struct str detail = pg_detail(&f->call);
	struct group_item *blamed = NULL;

	for (unsigned k = 0; g->kind->id && detail.n && k < f->n; k++) {
		if (str_find(detail, g->kind->id(f->items[k])) == SIZE_MAX)
			continue;
		if (blamed)
			return NULL;
		blamed = f->items[k];
	}
	return blamed;
}

/* One row of the batch cannot be had. Where the error names it, it goes alone, behind the others; else the
 * batch is halved. Either way in order, and before all that came later. */
static void batch_split(struct group *g, struct flight *f)
{
	struct group_item *blamed = item_blamed(g, f);

	metric_inc(group_splits_total, g->kind->name, NULL);
	if (blamed) {
		blamed->batch_max = 1;
		list_prepend(&g->waiting, &blamed->link);
		g->waiting_count++;
	}
	for (unsigned k = f->n; k > 0; k--) {
		struct group_item *i = f->items[k - 1];

		if (i == blamed)
			continue;
		if (!blamed)
			i->batch_max = (f->n + 1) / 2;
		list_prepend(&g->waiting, &i->link);
		g->waiting_count++;
	}
}

static void item_read(struct group *g, struct flight *f, unsigned row)
{
	struct group_item *i = f->items[row];
	enum group_verdict verdict = g->kind->read(g, &f->call, row, i);

	if (verdict == GROUP_LOCKED && f == &g->single) {
		item_end(g, i, (struct fault){ .code = FAULT_BUSY, .cause = STR("row locked for too long") });
	} else if (verdict == GROUP_LOCKED && ++i->locked >= LOCKED_TRIES) {
		list_append(&g->alone, &i->link);
	} else if (verdict == GROUP_LOCKED) {
		item_wait(g, i);
	} else if (verdict == GROUP_ONCE_MORE && !i->retried) {
		i->retried = true;
		i->batch_max = 1;
		item_wait(g, i);
	} else {
		item_end(g, i, (struct fault){ .code = FAULT_NONE });
	}
}

/* Data (22), constraint (23) or serialisation (40) errors come from a row, not from the connection. */
static bool error_is_of_a_row(const char *sqlstate)
{
	return !strncmp(sqlstate, "22", 2) || !strncmp(sqlstate, "23", 2) || !strncmp(sqlstate, "40", 2) ||
	       !strncmp(sqlstate, "P0", 2);
}

static void flight_failed(struct group *g, struct flight *f)
{
	const struct fault *fault = &f->call.op.fault;
	/* A deadlock or a lost race of a row by itself passes, as a lock does. */
	bool lock_timeout = !strncmp(f->call.sqlstate, "55P03", 5) || !strncmp(f->call.sqlstate, "57014", 5) ||
	                    !strncmp(f->call.sqlstate, "40", 2);

	if (fault->code == FAULT_INTERNAL && f->n > 1 && error_is_of_a_row(f->call.sqlstate)) {
		batch_split(g, f);
		return;
	}
	LOG_WARN(&g->log, "group.failed", KV_CSTR("group", g->kind->name), KV_INT("rows", f->n),
	         KV_CSTR("fault", fault_slug(fault->code)), KV_CSTR("sqlstate", f->call.sqlstate),
	         KV_STR("cause", fault->cause));
	for (unsigned k = 0; k < f->n; k++) {
		memcpy(f->items[k]->sqlstate, f->call.sqlstate, sizeof f->items[k]->sqlstate);
		item_end(g, f->items[k],
		         lock_timeout ? (struct fault){ .code = FAULT_BUSY, .cause = STR("row locked for too long") }
		                      : (struct fault){ .code = fault->code });
	}
}

static void flight_done(struct op *op)
{
	struct pg_call *call = CONTAINER_OF(op, struct pg_call, op);
	struct flight *f = CONTAINER_OF(call, struct flight, call);
	struct group *g = f->group;

	f->busy = false;
	if (op->fault.code != FAULT_NONE) {
		flight_failed(g, f);
	} else {
		CHECK(pg_rows(call) == f->n); /* each statement answers one row for each row given */
		metric_inc(group_commits_total, g->kind->name, NULL);
		metric_add(METRIC_ID_group_rows_total, g->kind->name, NULL, f->n);
		metric_observe_us(METRIC_ID_group_duration_seconds, g->kind->name, NULL, monotonic_us() - f->sent_us);
		for (unsigned k = 0; k < f->n; k++)
			item_read(g, f, k);
	}
	pg_call_clear(call);
	loop_at_turn_end(&g->flush);
}

struct group *group_new(struct loop *loop, struct pg *pg, const struct log *log, const struct group_kind *kind)
{
	struct group *g = mem_new(struct group);

	g->kind = kind;
	g->loop = loop;
	g->pg = pg;
	g->log.parent = log;
	list_init(&g->waiting);
	list_init(&g->alone);
	g->batch.group = g->single.group = g;
	pg_call_init(&g->batch.call, loop, flight_done);
	pg_call_init(&g->single.call, loop, flight_done);
	CHECK(kind->params <= PG_PARAMS_MAX);
	for (unsigned i = 0; i < kind->params; i++)
		buf_init(&g->params[i], PARAM_BYTES);
	turn_hook_init(loop, &g->flush, group_flush);
	return g;
}

void group_free(struct group **gp)
{
	struct group *g = *gp;

	if (!g)
		return;
	*gp = NULL;
	op_forget(&g->batch.call.op);
	op_forget(&g->single.call.op);
	pg_call_clear(&g->batch.call);
	pg_call_clear(&g->single.call);
	for (unsigned i = 0; i < g->kind->params; i++)
		buf_clear(&g->params[i]);
	turn_hook_remove(&g->flush);
	mem_release(g);
}

void *group_user(const struct group *g)
{
	return g->kind->user;
}

void group_item_init(struct group_item *i, struct loop *loop, void (*done)(struct op *op))
{
	*i = (struct group_item){ .batch_max = GROUP_ROWS };
	list_init(&i->link);
	op_init(&i->op, loop, done);
}

void group_add(struct group *g, struct group_item *i, size_t bytes)
{
	i->bytes = bytes;
	op_begin(&i->op, &i->slot, 0);
	if (g->waiting_count >= GROUP_WAITING_MAX) {
		op_finish(&i->op, FAULT_BUSY);
		return;
	}
	item_wait(g, i);
	loop_at_turn_end(&g->flush);
}

unsigned group_waiting(const struct group *g)
{
	return g->waiting_count;
}
