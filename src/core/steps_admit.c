/*
 * steps_admit - ADMIT and ATTEMPT: a slot at a provider, then the attempt's row.
 *
 * The row is committed before its call leaves. So whoever finds an open attempt after a crash
 * knows that the provider may have been asked.
 */
#include "core/engine.h"
#include "core/rows.h"
#include "core/steps.h"

static void admit_slot_given(struct op *op)
{
	struct account_wait *w = CONTAINER_OF(op, struct account_wait, op);
	struct part *p = CONTAINER_OF(w, struct part, wait);

	p->has_slot = op->fault.code == FAULT_NONE;
	run_finish(&p->run, op->fault);
}

void admit_start(struct run *r)
{
	struct part *p = r->part;
	struct account *a = accounts_find(r->job->engine->core->accounts, str_from(p->account_id));

	if (!a) { /* a reload took it away */
		run_finish(r, (struct fault){ .code = FAULT_NOT_CONFIGURED });
		return;
	}
	p->account = a;
	op_init(&p->wait.op, r->job->engine->core->loop, admit_slot_given);
	account_wait(a, &p->wait);
}

enum job_step admit_done(struct run *r)
{
	(void)r;
	return STEP_ATTEMPT;
}

void admit_drop(struct run *r)
{
	account_wait_stop(&r->part->wait);
}

static void attempt_committed(struct op *op)
{
	struct group_item *item = CONTAINER_OF(op, struct group_item, op);
	struct attempt_row *row = CONTAINER_OF(item, struct attempt_row, item);
	struct part *p = row->part;
	struct fault fault = op->fault;

	p->work = NULL;
	if (fault.code == FAULT_NONE && !row->ok)
		fault = (struct fault){ .code = FAULT_PARKED, .cause = STR("not the owner any more") };
	p->attempt.ahead = fault.code != FAULT_NONE;
	if (fault.code == FAULT_NONE)
		p->attempt = (struct attempt){ .n = row->begin_n, .open = true, .reported_micros = -1 };
	attempt_row_free(&row);
	run_finish(&p->run, fault);
	if (fault.code == FAULT_PARKED)
		job_park(p->run.job, true);
}

void attempt_start(struct run *r)
{
	r->part->work = attempt_row_add(r->part, r->part->attempt.n + 1, attempt_committed);
}

enum job_step attempt_done(struct run *r)
{
	return r->part->account->driver->capabilities & IMAGO_IN_HOUSE ? STEP_CALL : STEP_SUBMIT;
}

/* WHOLE, without a deadline of its own: never left before the row was heard. */
void attempt_drop(struct run *r)
{
	(void)r;
}
