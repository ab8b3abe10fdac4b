/*
 * steps_close - the end of a part and of a job.
 *
 *   last part OVER -> SETTLE (at least one picture) | RELEASE (none) -> NOTIFY -> GONE
 *   last part OVER, one of them PARKed -> GONE: the row is what remains
 */
#include "base/mem.h"
#include "base/metric.h"
#include "base/wall.h"
#include "core/archive.h"
#include "core/engine.h"
#include "core/rows.h"
#include "core/steps.h"

/* ---- OVER, PARK ---- */

static bool job_has_parked(const struct job *j)
{
	for (unsigned i = 0; i < j->part_count; i++)
		if (j->parts[i].run.step == STEP_PARK)
			return true;
	return false;
}

static void part_is_over(struct part *p)
{
	struct job *j = p->run.job;

	op_forget(&p->run.op);
	part_release_slot(p);
	if (++j->parts_over < j->part_count)
		return;
	timer_stop(j->engine->core->loop, &j->deadline);
	if (job_has_parked(j))
		run_enter(&j->run, STEP_GONE);
	else
		run_enter(&j->run, job_stored(j) > 0 ? STEP_SETTLE : STEP_RELEASE);
}

void over_start(struct run *r)
{
	part_is_over(r->part);
}

enum job_step over_done(struct run *r)
{
	(void)r;
	return STEP_OVER;
}

void over_drop(struct run *r)
{
	(void)r;
}

/* Written or not: a part that cannot say more is taken for unknown by whoever goes on with it. */
static void parked_committed(struct op *op)
{
	struct group_item *item = CONTAINER_OF(op, struct group_item, op);
	struct attempt_row *row = CONTAINER_OF(item, struct attempt_row, item);
	struct part *p = row->part;

	p->work = NULL;
	attempt_row_free(&row);
	part_is_over(p);
}

void park_start(struct run *r)
{
	struct part *p = r->part;

	/* Refused, which its row would have said with the next attempt; or one was written that never left. */
	if (p && (p->attempt.ended || p->attempt.ahead) && !r->job->owned_elsewhere) {
		p->work = attempt_row_add(p, 0, parked_committed);
		return;
	}
	if (p) {
		part_is_over(p);
		return;
	}
	/* The closing could not be written for a reason that will not pass by itself. The row keeps its
	 * owner; the sweeper ends it at its deadline and gives the credits back. */
	LOG_ERROR(&r->job->log, "job.parked", KV_CSTR("status", job_status_name(r->job->record->status)));
	run_succeed(r);
}

enum job_step park_done(struct run *r)
{
	(void)r;
	return STEP_GONE;
}

void park_drop(struct run *r)
{
	(void)r;
}

/* ---- SETTLE, RELEASE ---- */

static void record_close(struct job *j, const struct settle_row *row)
{
	struct job_record *r = j->record;

	r->status = row->status;
	r->charged = row->charged;
	r->cost_micros = row->cost_micros;
	r->generation_us = row->generation_us;
	r->completed_us = r->updated_us = wall_us();
	r->progress = row->status == JOB_COMPLETED ? 100 : r->progress;
	if (row->status != JOB_COMPLETED) {
		r->error_code = str_from(fault_slug(row->fault.code));
		r->error_message = arena_copy(&r->arena, row->fault.detail);
		return;
	}
	r->pictures = arena_array(&r->arena, struct job_picture, row->picture_count);
	r->images_stored = row->picture_count;
	for (unsigned i = 0; i < row->picture_count; i++) {
		struct job_picture *p = &r->pictures[i];

		*p = *row->pictures[i];
		p->id = arena_copy(&r->arena, p->id);
		p->key = arena_copy(&r->arena, p->key);
		p->sha256 = arena_copy(&r->arena, p->sha256);
	}
}

static void close_committed(struct op *op)
{
	struct group_item *item = CONTAINER_OF(op, struct group_item, op);
	struct settle_row *row = CONTAINER_OF(item, struct settle_row, item);
	struct job *j = row->job;
	struct fault fault = op->fault;

	j->work = NULL;
	if (fault.code == FAULT_NONE && row->outcome == SETTLE_STALE)
		j->owned_elsewhere = true;
	else if (fault.code == FAULT_NONE && row->outcome == SETTLE_ALREADY && row->final_status != row->status)
		j->owned_elsewhere = true; /* the sweeper or another instance was first: its word stands */
	else if (fault.code == FAULT_NONE)
		record_close(j, row);
	settle_row_free(&row);
	run_finish(&j->run, fault);
}

void settle_start(struct run *r)
{
	r->job->work = settle_row_add(r->job, JOB_COMPLETED, close_committed);
}

enum job_step settle_done(struct run *r)
{
	return r->job->owned_elsewhere ? STEP_GONE : STEP_NOTIFY;
}

void settle_drop(struct run *r)
{
	(void)r; /* WHOLE, and its row has always been heard */
}

void release_start(struct run *r)
{
	enum job_status status = r->job->stop == FAULT_CANCELLED ? JOB_CANCELLED : JOB_FAILED;

	r->job->work = settle_row_add(r->job, status, close_committed);
}

enum job_step release_done(struct run *r)
{
	return settle_done(r);
}

void release_drop(struct run *r)
{
	settle_drop(r);
}

/* ---- NOTIFY ---- */

static void count_end(const struct job *j)
{
	const struct job_record *r = j->record;
	struct account *a = j->parts[0].account;
	const char *type = a ? a->driver->type : "other";

	metric_inc(jobs_finished_total, type, job_status_name(r->status));
	metric_observe_us(METRIC_ID_job_duration_seconds, type, NULL,
	                  (uint64_t)(r->generation_us > 0 ? r->generation_us : 0));
	if (r->charged > 0)
		metric_add(METRIC_ID_credits_total, "capture", NULL, r->charged);
	if (r->charged < r->price)
		metric_add(METRIC_ID_credits_total, "release", NULL, r->price - r->charged);
	LOG_INFO(&j->log, "job.end", KV_CSTR("status", job_status_name(r->status)),
	         KV_INT("ms", r->generation_us / 1000), KV_INT("images", r->images_stored),
	         KV_INT("charged", r->charged), KV_STR("error", r->error_code));
}

void notify_start(struct run *r)
{
	struct job *j = r->job;
	struct link *l;

	count_end(j);
	archive_put(j->engine->core->archive, j->record);
	archive_publish(j->engine->core->archive, j->record);
	while ((l = list_pop(&j->watches))) {
		struct job_watch *w = CONTAINER_OF(l, struct job_watch, link);

		w->ended(w, j->record);
	}
	run_succeed(r);
}

enum job_step notify_done(struct run *r)
{
	(void)r;
	return STEP_GONE;
}

void notify_drop(struct run *r)
{
	(void)r;
}

/* ---- GONE ---- */

void gone_start(struct run *r)
{
	job_forget(r->job);
}

enum job_step gone_done(struct run *r)
{
	(void)r;
	return STEP_GONE;
}

void gone_drop(struct run *r)
{
	(void)r;
}
