/*
 * sweeper - each second, one after the other: wishes, tombstones; every fifth second: what is overdue.
 */
#include "core/sweeper.h"

#include "base/mem.h"
#include "base/metric.h"
#include "core/engine.h"
#include "core/lease.h"

enum { TICK_MS = 1000, OVERDUE_EVERY = 5, TOMBSTONES_MAX = 10000, TOMBSTONE_MS = 60000 };

struct tombstone {
	struct link link;
	char user_id[UID_SIZE], job_id[UID_SIZE];
	uint64_t until_ms;
};

struct sweeper {
	struct core *core;
	struct timer tick;
	struct pg_call wishes, overdue, end;
	struct link tombstones;
	unsigned tombstone_count, ticks;
};

/* ---- cancels ---- */

static void wishes_answered(struct op *op)
{
	struct pg_call *call = CONTAINER_OF(op, struct pg_call, op);
	struct sweeper *s = CONTAINER_OF(call, struct sweeper, wishes);

	for (unsigned i = 0; op->fault.code == FAULT_NONE && i < pg_rows(call); i++) {
		struct job *j = engine_find(s->core->engine, pg_text(call, i, 1));

		if (j)
			job_stop(j, FAULT_CANCELLED);
	}
	pg_call_clear(call);
}

/* ---- overdue ---- */

static void end_one(struct sweeper *s, struct str user_id, struct str job_id, const char *code)
{
	struct str params[4] = { user_id, job_id, str_from(code), (struct str){ NULL, 0 } };

	if (op_is_idle(&s->end.op))
		pg_call(s->core->pg, PG_BULK, &s->end, STMT_REAP_ONE, params, 4);
}

static void end_answered(struct op *op)
{
	struct pg_call *call = CONTAINER_OF(op, struct pg_call, op);
	struct sweeper *s = CONTAINER_OF(call, struct sweeper, end);

	if (op->fault.code == FAULT_NONE && pg_rows(call) > 0)
		LOG_WARN(&s->core->log, "sweeper.ended", KV_INT("rows", pg_rows(call)));
	pg_call_clear(call);
}

/* A live job has a deadline timer of its own; what is overdue in the database and not in memory was
 * lost by a bug or by a closing that could not be written. */
static void overdue_answered(struct op *op)
{
	struct pg_call *call = CONTAINER_OF(op, struct pg_call, op);
	struct sweeper *s = CONTAINER_OF(call, struct sweeper, overdue);

	for (unsigned i = 0; op->fault.code == FAULT_NONE && i < pg_rows(call); i++) {
		struct str id = pg_text(call, i, 1);
		struct job *j = engine_find(s->core->engine, id);

		if (j) {
			job_stop(j, FAULT_DEADLINE);
			continue;
		}
		LOG_ERROR(&s->core->log, "sweeper.overdue", KV_STR("job", id));
		metric_inc(jobs_swept_total, "overdue", NULL);
		end_one(s, pg_text(call, i, 0), id, fault_slug(FAULT_DEADLINE));
	}
	pg_call_clear(call);
}

/* ---- tombstones ---- */

void sweeper_bury(struct sweeper *s, struct str user_id, struct str job_id)
{
	struct tombstone *t;

	if (s->tombstone_count >= TOMBSTONES_MAX)
		return; /* what appears after all runs, or ends at its deadline */
	t = mem_new(struct tombstone);
	CHECK(str_to_cstr(user_id, t->user_id, sizeof t->user_id) && str_to_cstr(job_id, t->job_id, sizeof t->job_id));
	t->until_ms = loop_now_ms(s->core->loop) + TOMBSTONE_MS;
	list_append(&s->tombstones, &t->link);
	s->tombstone_count++;
}

static void tombstone_free(struct sweeper *s, struct tombstone *t)
{
	list_remove(&t->link);
	s->tombstone_count--;
	mem_release(t);
}

/* One a tick is asked about, in turn; each several times before its minute is over. */
static void tombstones_tick(struct sweeper *s)
{
	struct link *l = list_first(&s->tombstones);
	struct tombstone *t;

	if (!l || !pg_is_up(s->core->pg, PG_BULK) || !op_is_idle(&s->end.op))
		return;
	t = CONTAINER_OF(l, struct tombstone, link);
	end_one(s, str_from(t->user_id), str_from(t->job_id), fault_slug(FAULT_STORE_DOWN));
	if (loop_now_ms(s->core->loop) >= t->until_ms) {
		tombstone_free(s, t);
		return;
	}
	list_remove(l);
	list_append(&s->tombstones, l);
}

/* ---- ticks ---- */

void sweeper_look(struct sweeper *s)
{
	struct str params[2] = { lease_id(s->core->lease), STR("200") };

	if (op_is_idle(&s->wishes.op))
		pg_call(s->core->pg, PG_BULK, &s->wishes, STMT_CANCEL_WISHES, params, 2);
}

static void sweeper_tick(struct timer *timer)
{
	struct sweeper *s = CONTAINER_OF(timer, struct sweeper, tick);
	struct lease *lease = s->core->lease;
	struct str params[3] = { lease_id(lease), lease_epoch(lease), STR("200") };

	if (lease_is_held(lease)) {
		sweeper_look(s);
		if (s->ticks++ % OVERDUE_EVERY == 0 && op_is_idle(&s->overdue.op))
			pg_call(s->core->pg, PG_BULK, &s->overdue, STMT_OVERDUE, params, 3);
		tombstones_tick(s);
	}
	timer_start(s->core->loop, &s->tick, s->tombstone_count ? TICK_MS / 10 : TICK_MS, sweeper_tick);
}

struct sweeper *sweeper_new(struct core *core)
{
	struct sweeper *s = mem_new(struct sweeper);

	s->core = core;
	list_init(&s->tombstones);
	pg_call_init(&s->wishes, core->loop, wishes_answered);
	pg_call_init(&s->overdue, core->loop, overdue_answered);
	pg_call_init(&s->end, core->loop, end_answered);
	return s;
}

void sweeper_start(struct sweeper *s)
{
	sweeper_tick(&s->tick);
}

void sweeper_stop(struct sweeper *s)
{
	timer_stop(s->core->loop, &s->tick);
}

void sweeper_free(struct sweeper **sp)
{
	struct sweeper *s = *sp;
	struct link *l;

	if (!s)
		return;
	*sp = NULL;
	sweeper_stop(s);
	op_forget(&s->wishes.op);
	op_forget(&s->overdue.op);
	op_forget(&s->end.op);
	pg_call_clear(&s->wishes);
	pg_call_clear(&s->overdue);
	pg_call_clear(&s->end);
	while ((l = list_first(&s->tombstones)))
		tombstone_free(s, CONTAINER_OF(l, struct tombstone, link));
	mem_release(s);
}
