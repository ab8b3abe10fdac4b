/*
 * jobs_find - a job's record from the nearest place that has it: the engine, the archive, the status cache in
 * Redis, the database. And the wish to cancel one, wherever it lives.
 */
#include "core/archive.h"
#include "core/engine.h"
#include "core/jobs.h"
#include "core/sweeper.h"

const struct job_record *jobs_peek(struct core *core, struct str user_id, struct str job_id)
{
	struct job *j = engine_find(core->engine, job_id);
	const struct job_record *r = j ? j->record : archive_get(core->archive, job_id);

	return r && str_eq(r->user_id, user_id) ? r : NULL;
}

/* ---- find ---- */

static void find_end(struct jobs_find *c, struct job_record *record, enum fault_code code)
{
	c->record = record;
	if (c->slot)
		op_finish(c->slot, code);
}

static void row_answered(struct op *op)
{
	struct pg_call *query = CONTAINER_OF(op, struct pg_call, op);
	struct jobs_find *c = CONTAINER_OF(query, struct jobs_find, query);
	struct job_record *r = NULL;

	if (op->fault.code == FAULT_NONE && pg_rows(query) == 1)
		r = record_from_row(query, 0, str_from(c->user_id), true);
	pg_call_clear(query);
	if (r)
		archive_put(c->core->archive, r);
	find_end(c, r, r ? FAULT_NONE : op->fault.code != FAULT_NONE ? op->fault.code : FAULT_NOT_FOUND);
}

static void find_in_database(struct jobs_find *c)
{
	struct str params[2] = { str_from(c->user_id), str_from(c->job_id) };

	pg_call(c->core->pg, PG_READ, &c->query, STMT_JOB_GET, params, 2);
}

static void cache_answered(struct op *op)
{
	struct redis_call *cached = CONTAINER_OF(op, struct redis_call, op);
	struct jobs_find *c = CONTAINER_OF(cached, struct jobs_find, cached);
	struct job_record *r = NULL;

	if (op->fault.code == FAULT_NONE && !redis_is_nil(cached))
		r = record_read(redis_text(cached));
	redis_call_clear(cached);
	/* The key names the job only; whose it is, the record says. */
	if (r && (!str_is(r->user_id, c->user_id) || !str_is(r->id, c->job_id)))
		record_unref(&r);
	if (!r) {
		find_in_database(c);
		return;
	}
	archive_put(c->core->archive, r);
	find_end(c, r, FAULT_NONE);
}

void jobs_find_init(struct jobs_find *c, struct core *core, void (*done)(struct op *op))
{
	*c = (struct jobs_find){ .core = core };
	op_init(&c->op, core->loop, done);
	pg_call_init(&c->query, core->loop, row_answered);
	redis_call_init(&c->cached, core->loop, cache_answered);
}

void jobs_find(struct core *core, struct jobs_find *c, struct str user_id, struct str job_id, bool fresh)
{
	struct job *live = engine_find(core->engine, job_id);
	const struct job_record *here = fresh && !live ? NULL : jobs_peek(core, user_id, job_id);
	char key[64];
	struct str argv[2] = { STR("GET"), { key, 0 } };

	op_begin(&c->op, &c->slot, 0);
	if (!uid_is_valid(job_id, "img_") || !str_to_cstr(user_id, c->user_id, sizeof c->user_id) ||
	    !str_to_cstr(job_id, c->job_id, sizeof c->job_id)) {
		find_end(c, NULL, FAULT_NOT_FOUND);
		return;
	}
	if (here) {
		find_end(c, record_ref((struct job_record *)(uintptr_t)here), FAULT_NONE);
		return;
	}
	if (fresh || !core->redis || !redis_is_up(core->redis)) {
		find_in_database(c);
		return;
	}
	argv[1].n = (size_t)snprintf(key, sizeof key, "imago:job:%s", c->job_id);
	redis_command(core->redis, &c->cached, argv, 2);
}

void jobs_find_clear(struct jobs_find *c)
{
	op_forget(&c->op);
	op_forget(&c->query.op);
	op_forget(&c->cached.op);
	pg_call_clear(&c->query);
	redis_call_clear(&c->cached);
	record_unref(&c->record);
}

/* ---- watch ---- */

bool jobs_watch(struct core *core, struct str job_id, struct job_watch *w)
{
	struct job *j = engine_find(core->engine, job_id);

	list_init(&w->link);
	if (!j)
		return false;
	list_append(&j->watches, &w->link);
	return true;
}

void jobs_unwatch(struct job_watch *w)
{
	list_remove(&w->link);
}

/* ---- cancel ---- */

static void wish_answered(struct op *op)
{
	struct pg_call *query = CONTAINER_OF(op, struct pg_call, op);
	struct jobs_cancel *c = CONTAINER_OF(query, struct jobs_cancel, query);
	struct core *core = c->core;
	struct job *j;

	c->answer = CANCEL_NOT_FOUND;
	if (op->fault.code == FAULT_NONE && pg_rows(query) == 1 && job_status_from(pg_text(query, 0, 0), &c->status)) {
		c->answer = job_status_is_final(c->status) ? CANCEL_ENDED : CANCEL_REQUESTED;
		j = engine_find(core->engine, str_from(c->job_id));
		if (c->answer == CANCEL_REQUESTED && j)
			job_stop(j, FAULT_CANCELLED);
		else if (c->answer == CANCEL_REQUESTED)
			jobs_wake(core, str_from(c->job_id));
	}
	pg_call_clear(query);
	if (c->slot)
		op_finish(c->slot, op->fault.code);
}

void jobs_cancel_init(struct jobs_cancel *c, struct core *core, void (*done)(struct op *op))
{
	*c = (struct jobs_cancel){ .core = core };
	op_init(&c->op, core->loop, done);
	pg_call_init(&c->query, core->loop, wish_answered);
}

void jobs_cancel(struct core *core, struct jobs_cancel *c, struct str user_id, struct str job_id)
{
	struct str params[2];

	op_begin(&c->op, &c->slot, 0);
	if (!uid_is_valid(job_id, "img_") || !str_to_cstr(user_id, c->user_id, sizeof c->user_id) ||
	    !str_to_cstr(job_id, c->job_id, sizeof c->job_id)) {
		op_finish(&c->op, FAULT_NONE);
		return;
	}
	params[0] = str_from(c->user_id);
	params[1] = str_from(c->job_id);
	pg_call(core->pg, PG_BULK, &c->query, STMT_CANCEL_WISH, params, 2);
}

void jobs_cancel_clear(struct jobs_cancel *c)
{
	op_forget(&c->op);
	op_forget(&c->query.op);
	pg_call_clear(&c->query);
}

/* ---- wake-ups over Redis ---- */

void jobs_wake(struct core *core, struct str job_id)
{
	struct str argv[3] = { STR("PUBLISH"), STR(JOBS_CHANNEL), job_id };

	if (core->redis && redis_is_up(core->redis))
		redis_tell(core->redis, argv, 3);
}

void jobs_woken(struct core *core, struct str job_id)
{
	if (engine_find(core->engine, job_id))
		sweeper_look(core->sweeper); /* a wish to cancel, perhaps */
	else
		archive_forget(core->archive, job_id);
}
