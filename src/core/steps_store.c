/*
 * steps_store - STORE: the pictures of a finished task, one after the other; and CALL, where the
 * provider is in the house and writes the picture straight into the spool.
 *
 * What has been stored stays stored when a later picture fails: a retry goes on behind it.
 */
#include "base/mem.h"
#include "base/metric.h"
#include "core/engine.h"
#include "core/lease.h"
#include "core/steps.h"
#include "core/store.h"
#include "core/task.h"

struct storing {
	struct store_call call;
	struct part *part;
	struct arena arena; /* of the call in house: its request */
	struct imago_task task;
	unsigned index; /* in part->sources */
};

static void storing_free(struct part *p)
{
	struct storing *s = p->work;

	if (!s)
		return;
	p->work = NULL;
	store_clear(&s->call);
	arena_clear(&s->arena);
	mem_release(s);
}

static struct storing *storing_new(struct part *p, void (*done)(struct op *op))
{
	struct storing *s = mem_new(struct storing);

	p->work = s;
	s->part = p;
	arena_init(&s->arena, 256 * 1024);
	store_init(&s->call, p->run.job->engine->core, &p->arena, done);
	return s;
}

static void keep_picture(struct part *p, const struct job_picture *picture)
{
	struct job_picture *kept;

	if (!p->pictures)
		p->pictures = arena_array(&p->arena, struct job_picture, p->images);
	kept = &p->pictures[p->stored++];
	*kept = *picture;
	if (p->has_seed || p->run.job->record->params.has_seed) {
		kept->has_seed = true;
		kept->seed = p->has_seed ? p->seed : p->run.job->record->params.seed;
	}
	metric_inc(stored_images_total, p->account ? p->account->driver->type : "other", NULL);
	metric_add(METRIC_ID_stored_bytes_total, p->account ? p->account->driver->type : "other", NULL,
	           (int64_t)picture->bytes);
}

/* ---- STORE ---- */

static void store_next(struct storing *s)
{
	struct part *p = s->part;
	struct account *a = accounts_find(p->run.job->engine->core->accounts, str_from(p->account_id));

	if (!a) {
		run_finish(&p->run, (struct fault){ .code = FAULT_NOT_CONFIGURED });
		return;
	}
	store_fetch(&s->call, a, p->sources[s->index].url, p->run.job->record->id, p->first_image + s->index);
}

static void store_fetched(struct op *op)
{
	struct store_call *call = CONTAINER_OF(op, struct store_call, op);
	struct storing *s = CONTAINER_OF(call, struct storing, call);
	struct part *p = s->part;
	struct core *core = p->run.job->engine->core;

	if (op->fault.code != FAULT_NONE) {
		run_finish(&p->run, op->fault);
		return;
	}
	keep_picture(p, &call->picture);
	if (++s->index == p->source_count) {
		run_succeed(&p->run);
		return;
	}
	store_clear(call);
	store_init(call, core, &p->arena, store_fetched);
	store_next(s);
}

void store_start(struct run *r)
{
	struct storing *s = storing_new(r->part, store_fetched);

	s->index = r->part->stored;
	store_next(s);
}

enum job_step store_done(struct run *r)
{
	storing_free(r->part);
	part_close_attempt(r->part, &(struct fault){ .code = FAULT_NONE });
	return STEP_OVER;
}

void store_drop(struct run *r)
{
	storing_free(r->part);
}

/* ---- CALL ---- */

static void call_drawn(struct op *op)
{
	struct store_call *call = CONTAINER_OF(op, struct store_call, op);
	struct storing *s = CONTAINER_OF(call, struct storing, call);
	struct part *p = s->part;
	const char *type = p->account->driver->type;

	metric_inc(provider_calls_total, type, op->fault.code == FAULT_NONE ? "answered" : fault_slug(op->fault.code));
	if (op->fault.code == FAULT_NONE)
		keep_picture(p, &call->picture);
	run_finish(&p->run, op->fault);
}

void call_start(struct run *r)
{
	struct part *p = r->part;
	struct account *a = accounts_find(r->job->engine->core->accounts, str_from(p->account_id));
	struct imago_outcome outcome = { 0 };
	struct imago_call request = { 0 };
	struct storing *s;

	if (!a) {
		run_finish(r, (struct fault){ .code = FAULT_NOT_CONFIGURED });
		return;
	}
	p->account = a;
	s = storing_new(p, call_drawn);
	task_fill(&s->task, p, &s->arena);
	/* One picture a call; its number makes the pictures of one job differ. */
	if (!a->driver->build_submit(&s->task, &a->at, outbound_memory(&s->arena), &request, &outcome)) {
		run_finish(r, (struct fault){ .code = FAULT_PROVIDER_INPUT, .detail = outcome.message });
		return;
	}
	store_draw(&s->call, request.body, r->job->record->id, p->first_image);
}

enum job_step call_done(struct run *r)
{
	storing_free(r->part);
	part_close_attempt(r->part, &(struct fault){ .code = FAULT_NONE });
	return STEP_OVER;
}

void call_drop(struct run *r)
{
	storing_free(r->part);
}
