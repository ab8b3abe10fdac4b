/*
 * instance - one life of the server: its core, made and torn down; and the small neighbours of the engine.
 *
 * instance_kill is a crash: what was in memory is gone, nothing more is written. Flights go on.
 */
#include <stdio.h>
#include <string.h>

#include "core/archive.h"
#include "core/lease.h"
#include "core/resume.h"
#include "core/rows.h"
#include "core/sweeper.h"
#include "world.h"

enum { OUTSIDER_MS = 5000 };

/* ---- neighbours ---- */

bool lease_is_held(const struct lease *l)
{
	(void)l;
	if (!w.step_is_checked) /* only a step that asks because it is about to pay may be told "no" */
		return true;
	return alternative_choose(KIND_LEASE)->fault == FAULT_NONE;
}

struct str lease_id(const struct lease *l)
{
	(void)l;
	return STR("instance");
}

struct str lease_epoch(const struct lease *l)
{
	(void)l;
	return str_from(w.epoch_text);
}

void sweeper_bury(struct sweeper *s, struct str user_id, struct str job_id)
{
	(void)s, (void)user_id, (void)job_id;
	w.buried = true;
}

void archive_put(struct archive *a, struct job_record *record)
{
	(void)a;
	CHECK(job_status_is_final(record->status));
}

void archive_publish(struct archive *a, struct job_record *record)
{
	(void)a, (void)record;
}

/* Lines would cost more than all the rest. */
void log_write(const struct log *context, enum log_level level, const char *event, const struct kv *fields,
               unsigned count)
{
	(void)context, (void)fields, (void)count;
	w.parked_loudly |= level == LOG_LEVEL_ERROR && !strcmp(event, "job.parked");
	if (level > LOG_LEVEL_INFO)
		trace("  (%s)", event);
}

void log_flush(void)
{
}

/* A run has to be a function of its choices. Ids draw many bytes and keep some for later; jitter draws one. */
void __wrap_random_bytes(void *out, size_t n);
void __wrap_random_bytes(void *out, size_t n)
{
	uint8_t *p = out;

	memset(p, 7, n);
	if (n > 1)
		return;
	w.random = w.random * 1664525u + 1013904223u;
	*p = (uint8_t)(w.random >> 24);
}

int64_t __wrap_wall_us(void);
int64_t __wrap_wall_us(void)
{
	return (int64_t)loop_now_ms(&w.loop) * 1000;
}

/* ---- life ---- */

static void outsider_leaves(struct timer *t)
{
	(void)t;
	w.outsider_has_slot = false;
	account_release(w.account, 1);
}

static void accounts_make(void)
{
	struct account_spec spec = { .type = driver_of(w.scenario->provider)->type,
		                     .id = STR("p_default"),
		                     .concurrency = w.scenario->concurrency };
	struct str why;

	accounts_init(&w.accounts, &w.loop);
	CHECK(accounts_replace(&w.accounts, &spec, 1, &why));
	w.account = accounts_find(&w.accounts, spec.id);
}

void instance_start(void)
{
	struct core *core = &w.core;

	w.life++;
	snprintf(w.epoch_text, sizeof w.epoch_text, "%u", w.life);
	accounts_make();
	*core = (struct core){
		.loop = &w.loop,
		.accounts = &w.accounts,
		.settings = { .live_jobs_max = 300, .attempts_max = w.explorer.budget + 2, .retry_delay_ms = 1000 },
	};
	core->engine = engine_new(core);
	core->resume = resume_new(core);
	w.parked = w.drained = w.accepting = w.watching = w.closing_began = false;
	for (unsigned i = 0; i <= PARTS; i++)
		w.over[i] = w.fetching[i] = 0;
	if (w.scenario->busy && w.life == 1) {
		w.outsider_has_slot = account_take(w.account, 1);
		timer_start(&w.loop, &w.outsider, OUTSIDER_MS, outsider_leaves);
	}
}

struct job *instance_job(void)
{
	struct link *l = w.core.engine ? list_first(&w.core.engine->jobs) : NULL;

	return l ? CONTAINER_OF(l, struct job, link) : NULL;
}

bool instance_is_empty(void)
{
	return !w.accepting && !instance_job();
}

static void watch_ended(struct job_watch *watch, const struct job_record *record)
{
	(void)watch;
	w.watching = false;
	w.told += record != NULL;
}

static void accept_done(struct op *op)
{
	struct jobs_accept *c = CONTAINER_OF(op, struct jobs_accept, op);
	struct job *j = instance_job();

	w.accepting = false;
	w.told_no = op->fault.code != FAULT_NONE;
	trace("accept: %s", fault_slug(op->fault.code));
	if (j) {
		w.watching = true;
		w.watch.ended = watch_ended;
		list_init(&w.watch.link);
		list_append(&j->watches, &w.watch.link);
	}
	jobs_accept_clear(c);
}

void instance_accept(void)
{
	struct job_spec spec = {
		.user_id = STR("usr_1"),
		.operation = IMAGO_TEXT_TO_IMAGE,
		.prompt = STR("a cat"),
		.num_images = w.scenario->parts * w.scenario->per_part,
	};

	w.accepting = true;
	jobs_accept_init(&w.accept, &w.core, accept_done);
	jobs_accept(&w.core, &w.accept, &spec);
}

/* What a step in flight has in memory. Rows belong to their group, so their steps drop nothing. */
static void run_kill(struct run *r, void **work)
{
	if (!r->backing_off && r->part && (r->step == STEP_ATTEMPT || r->step == STEP_PARK) && *work) {
		struct attempt_row *row = *work;

		op_forget(&row->item.op);
		attempt_row_free(&row);
	} else if (!r->backing_off && r->step == STEP_RECORD && *work) {
		struct record_row *row = *work;

		op_forget(&row->item.op);
		record_row_free(&row);
	} else if (!r->part && *work) {
		struct settle_row *row = *work;

		op_forget(&row->item.op);
		settle_row_free(&row);
	} else if (r->part && !r->backing_off) {
		steps[r->step].drop(r);
	}
	*work = NULL;
}

static void job_kill(struct job *j)
{
	for (unsigned i = 0; i < j->part_count; i++)
		run_kill(&j->parts[i].run, &j->parts[i].work);
	run_kill(&j->run, &j->work);
	job_forget(j);
}

static void accept_kill(void)
{
	if (w.accept.row)
		op_forget(&w.accept.row->item.op);
	accept_row_free(&w.accept.row);
	if (w.accept.job)
		job_discard(w.accept.job);
	op_forget(&w.accept.op);
	jobs_accept_clear(&w.accept);
	w.accepting = false;
}

void instance_kill(void)
{
	struct engine *e = w.core.engine;
	struct job *j;

	e->drained = NULL;
	timer_stop(&w.loop, &w.outsider);
	w.outsider_has_slot = false;
	while ((j = instance_job()))
		job_kill(j);
	if (w.accepting)
		accept_kill();
	resume_free(&w.core.resume);
	engine_free(&w.core.engine);
	accounts_clear(&w.accounts);
}
