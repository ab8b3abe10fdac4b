/*
 * job - a job's memory: made before it is accepted, gone after GONE.
 *
 * Slots at an account are counted by part->has_slot: whoever sets it takes one, part_release_slot
 * gives it back, and job_free makes sure of it.
 */
#include "core/job.h"

#include "base/mem.h"
#include "base/metric.h"
#include "base/wall.h"
#include "core/archive.h"
#include "core/engine.h"

enum { PART_ARENA_BYTES = 256 * 1024 };

static void deadline_passed(struct timer *t)
{
	job_stop(CONTAINER_OF(t, struct job, deadline), FAULT_DEADLINE);
}

static void part_init(struct part *p, struct job *j, unsigned number, unsigned per_part)
{
	unsigned first = (number - 1) * per_part + 1;
	unsigned left = j->record->num_images - (first - 1);

	run_init(&p->run, j, p);
	p->number = number;
	p->first_image = first;
	p->images = left < per_part ? left : per_part;
	p->attempt.reported_micros = -1;
	arena_init(&p->arena, PART_ARENA_BYTES);
	list_init(&p->wait.link);
}

struct job *job_new(struct engine *e, struct job_record *record, unsigned parts, unsigned images_per_part)
{
	struct job *j = slab_get(&e->slab);

	if (!j)
		return NULL;
	CHECK(parts >= 1 && parts <= JOB_PARTS_MAX);
	j->engine = e;
	j->record = record;
	j->log.parent = &e->core->log;
	j->log.fields[j->log.count++] = KV_STR("job", record->id);
	list_init(&j->link);
	list_init(&j->watches);
	run_init(&j->run, j, NULL);
	j->part_count = parts;
	j->parts = mem_alloc(sizeof(struct part) * parts);
	for (unsigned i = 0; i < parts; i++)
		part_init(&j->parts[i], j, i + 1, images_per_part);
	return j;
}

static void part_clear(struct part *p)
{
	part_release_slot(p);
	timer_stop(p->run.job->engine->core->loop, &p->run.pause);
	op_forget(&p->run.op);
	arena_clear(&p->arena);
}

void job_discard(struct job *j)
{
	struct engine *e = j->engine;

	for (unsigned i = 0; i < j->part_count; i++)
		part_clear(&j->parts[i]);
	timer_stop(e->core->loop, &j->deadline);
	timer_stop(e->core->loop, &j->run.pause);
	op_forget(&j->run.op);
	mem_release(j->parts);
	record_unref(&j->record);
	slab_put(&e->slab, j);
	engine_check_drained(e);
}

/* A job that was taken over may have been cancelled meanwhile: undo what its row tells of, begin nothing. */
static enum job_step first_step(const struct run *r)
{
	const struct step *s = &steps[r->step];

	return r->job->stop != FAULT_NONE && !(s->flags & STEP_SHIELDED) ? s->on_fail : r->step;
}

void job_start(struct job *j, uint64_t deadline_in_ms)
{
	struct engine *e = j->engine;

	j->started_ms = loop_now_ms(e->core->loop);
	j->deadline_ms = j->started_ms + deadline_in_ms;
	list_append(&e->jobs, &j->link);
	map_add(&e->by_id, &j->node, j->record->id);
	e->live++;
	metric_set(METRIC_ID_jobs_live, NULL, NULL, e->live);
	timer_start(e->core->loop, &j->deadline, deadline_in_ms, deadline_passed);
	/* Entering the last part's OVER starts the closing; it cannot free the job at once. */
	for (unsigned i = 0; i < j->part_count; i++)
		run_enter(&j->parts[i].run, first_step(&j->parts[i].run));
}

struct job *engine_find(struct engine *e, struct str job_id)
{
	struct map_node *n = map_find(&e->by_id, job_id);

	return n ? CONTAINER_OF(n, struct job, node) : NULL;
}

/* Percent by stage, where the provider says nothing: never from a clock. */
static int stage_progress(enum job_status s)
{
	static const int percent[JOB_STATUSES] = {
		[JOB_PENDING] = 0, [JOB_INITIALIZING] = 10, [JOB_GENERATING] = 50,
		[JOB_SAVING] = 90, [JOB_COMPLETED] = 100,
	};

	return percent[s];
}

void job_show_status(struct job *j)
{
	int shown = steps[j->run.step].status;
	int least = STEP_STATUS_LAST;

	for (unsigned i = 0; i < j->part_count; i++) {
		int status = steps[j->parts[i].run.step].status;

		if (status != STEP_STATUS_LAST && (least == STEP_STATUS_LAST || status < least))
			least = status;
	}
	if (j->parts_over < j->part_count)
		shown = least;
	if (shown == STEP_STATUS_LAST || j->record->status == (enum job_status)shown)
		return;
	j->record->status = (enum job_status)shown;
	j->record->progress = stage_progress(j->record->status);
	j->record->queue_position = -1;
	j->record->updated_us = wall_us();
	archive_publish(j->engine->core->archive, j->record);
}

void part_fail(struct part *p, const struct fault *fault)
{
	if (p->fault.code != FAULT_NONE)
		return;
	p->fault.code = fault->code;
	p->fault.detail = arena_copy(&p->arena, fault->detail);
	p->fault.cause = arena_copy(&p->arena, fault->cause);
}

void part_close_attempt(struct part *p, const struct fault *fault)
{
	if (!p->attempt.open || p->attempt.ended)
		return;
	p->attempt.ended = true;
	p->attempt.outcome = fault->code;
	p->attempt.error = arena_copy(&p->arena, str_clip(fault->detail, 500));
}

void part_set_account(struct part *p, struct account *a)
{
	p->account = a;
	CHECK(str_to_cstr(a->at.id, p->account_id, sizeof p->account_id));
}

void part_release_slot(struct part *p)
{
	if (!p->has_slot)
		return;
	p->has_slot = false;
	account_release(p->account, 1);
}

unsigned job_stored(const struct job *j)
{
	unsigned n = 0;

	for (unsigned i = 0; i < j->part_count; i++)
		n += j->parts[i].stored;
	return n;
}

/* Watches of a job that goes on elsewhere: they hear of nothing, so they look again by themselves. */
static void watches_drop(struct job *j)
{
	struct link *l;

	while ((l = list_pop(&j->watches))) {
		struct job_watch *w = CONTAINER_OF(l, struct job_watch, link);

		w->ended(w, NULL);
	}
}

void job_forget(struct job *j)
{
	struct engine *e = j->engine;

	watches_drop(j);
	list_remove(&j->link);
	map_remove(&e->by_id, &j->node);
	e->live--;
	metric_set(METRIC_ID_jobs_live, NULL, NULL, e->live);
	job_discard(j);
}
