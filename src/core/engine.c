/*
 * engine - the step table, and the one function that picks the next step.
 *
 * Invariants
 *  1. A run has at most one op pending. Its result is judged in run_advance only.
 *  2. A PAID step with an unknown outcome is never entered again for the same part, unless the
 *     driver says that a repetition costs nothing.
 *  3. Each part reaches OVER or PARK exactly once; the last one to do so starts the closing.
 *  4. The closing releases or captures exactly once: SETTLE or RELEASE, repeated until the database
 *     has said yes, "already" or "not yours".
 *  5. After a stop, no step is begun that is not SHIELDED; what was begun is undone by on_fail.
 */
#include "core/engine.h"

#include <stdlib.h>

#include "base/metric.h"
#include "core/steps.h"

enum {
	PAID = STEP_PAID,
	SHIELDED = STEP_SHIELDED,
	WHOLE = STEP_WHOLE,
	PARKABLE = STEP_PARKABLE,
	STATUS_PENDING = JOB_PENDING,
	STATUS_INITIALIZING = JOB_INITIALIZING,
	STATUS_GENERATING = JOB_GENERATING,
	STATUS_SAVING = JOB_SAVING,
	STATUS_LAST = STEP_STATUS_LAST,
};

const struct step steps[STEP_COUNT] = {
#define STEP(id, fn, seconds, tries_, flags_, status_, on_refused_, on_fail_) \
	[STEP_##id] = { \
		.name = #id, \
		.start = fn##_start, \
		.done = fn##_done, \
		.drop = fn##_drop, \
		.deadline_ms = (seconds)*1000, \
		.tries = (tries_), \
		.flags = (flags_), \
		.status = STATUS_##status_, \
		.on_refused = STEP_##on_refused_, \
		.on_fail = STEP_##on_fail_, \
	},
#include "core/steps.def"
#undef STEP
};

enum { PAUSE_FIRST_MS = 200, PAUSE_LONGEST_MS = 5000 };

static void run_try(struct run *r)
{
	r->tries = r->tries == UINT8_MAX ? r->tries : (uint8_t)(r->tries + 1);
	op_begin(&r->op, &r->slot, steps[r->step].deadline_ms);
	steps[r->step].start(r); /* may free the job: nothing after this line */
}

void run_enter(struct run *r, enum job_step step)
{
	struct job *j = r->job;

	LOG_DEBUG(&j->log, "job.step", KV_CSTR("to", steps[step].name), KV_INT("part", r->part ? r->part->number : 0));
	r->step = step;
	r->tries = 0;
	r->backing_off = false;
	r->entered_ms = loop_now_ms(j->engine->core->loop);
	job_show_status(j);
	run_try(r);
}

void run_finish(struct run *r, struct fault fault)
{
	if (r->op.state == OP_PENDING)
		op_finish_with(&r->op, fault);
}

void run_succeed(struct run *r)
{
	run_finish(r, (struct fault){ .code = FAULT_NONE });
}

static bool run_is_repeatable(const struct run *r)
{
	return r->part && r->part->account && (r->part->account->driver->capabilities & IMAGO_REPEATABLE);
}

static bool run_may_retry(const struct run *r, const struct step *s, enum fault_code fault)
{
	enum retry retry = fault_retry(fault);

	if (s->tries != 0 && r->tries >= s->tries)
		return false;
	if (r->job->stop != FAULT_NONE && !(s->flags & SHIELDED))
		return false;
	if ((s->flags & PAID) && !run_is_repeatable(r))
		return false; /* refusals are tried again by way of ADMIT */
	return retry != RETRY_NO;
}

/* The provider said, or the network showed, that it did not take the task, and a later try may do better. */
static bool fault_is_refusal(enum fault_code fault)
{
	return fault == FAULT_NOT_SENT || fault == FAULT_RATE_LIMITED || fault == FAULT_OVERLOADED;
}

/* Doubled each time, with jitter, so that what failed together does not come back together. */
static unsigned pause_ms(unsigned first_ms, unsigned times, unsigned longest_ms)
{
	uint64_t ms = (uint64_t)first_ms << (times > 10 ? 10 : times);
	uint8_t random;

	if (ms > longest_ms)
		ms = longest_ms;
	random_bytes(&random, 1);
	return (unsigned)(ms - ms / 4 + ms * random / 512);
}

static void pause_over(struct timer *t)
{
	struct run *r = CONTAINER_OF(t, struct run, pause);

	r->backing_off = false;
	run_try(r);
}

static void run_pause(struct run *r, unsigned ms)
{
	r->backing_off = true;
	timer_start(r->job->engine->core->loop, &r->pause, ms, pause_over);
}

/* The step before which a run may be left, and somebody wants that. */
static bool run_parks_before(const struct run *r, enum job_step next)
{
	const struct job *j = r->job;

	if (!r->part || next == STEP_OVER)
		return false;
	return j->owned_elsewhere || (j->parking && (steps[next].flags & PARKABLE)) ||
	       (j->parking && next == STEP_CALL && run_is_repeatable(r));
}

/* Back to ADMIT after a refusal, not before the provider's Retry-After. */
static void run_admit_again(struct run *r, unsigned retry_after_s)
{
	const struct core_settings *settings = &r->job->engine->core->settings;
	unsigned ms = pause_ms(settings->retry_delay_ms, r->part->refusals - 1, 60000);

	if (retry_after_s * 1000u > ms)
		ms = retry_after_s * 1000u;
	r->step = STEP_ADMIT;
	r->tries = 0;
	r->entered_ms = loop_now_ms(r->job->engine->core->loop);
	part_release_slot(r->part);
	job_show_status(r->job);
	if (run_parks_before(r, STEP_ADMIT))
		run_enter(r, STEP_PARK);
	else
		run_pause(r, ms);
}

/* What to do when the step will not be tried again in place. Returns the next step, or STEP_COUNT
 * when the run was sent back to ADMIT. */
static enum job_step run_give_up(struct run *r, const struct step *s, const struct fault *fault)
{
	struct part *p = r->part;
	struct fault why = *fault;

	if (!p)
		return s->on_fail;
	if ((s->flags & PAID) && fault_retry(why.code) == RETRY_UNKNOWN)
		why = (struct fault){ .code = FAULT_OUTCOME_UNKNOWN, .cause = fault->cause };
	if (s->flags & PAID)
		part_close_attempt(p, &why);
	if ((s->flags & PAID) && fault_is_refusal(why.code) && r->job->stop == FAULT_NONE &&
	    s->on_refused == STEP_ADMIT && ++p->refusals < r->job->engine->core->settings.attempts_max) {
		run_admit_again(r, why.retry_after_s);
		return STEP_COUNT;
	}
	part_fail(p, &why);
	return s->on_fail;
}

static void run_log(const struct run *r, const struct step *s, const struct fault *fault)
{
	const struct job *j = r->job;
	uint64_t ms = loop_now_ms(j->engine->core->loop) - r->entered_ms;
	const char *result = fault->code == FAULT_NONE ? "ok" : fault_slug(fault->code);

	metric_inc(job_steps_total, s->name, result);
	if (fault->code == FAULT_NONE)
		LOG_DEBUG(&j->log, "job.step.done", KV_CSTR("step", s->name), KV_INT("ms", ms));
	else if (fault->code == FAULT_CANCELLED || fault->code == FAULT_PARKED)
		LOG_INFO(&j->log, "job.step.stopped", KV_CSTR("step", s->name), KV_CSTR("why", result),
		         KV_INT("ms", ms));
	else
		LOG_WARN(&j->log, "job.step.fault", KV_CSTR("step", s->name), KV_CSTR("fault", result),
		         KV_STR("detail", fault->detail), KV_STR("cause", fault->cause), KV_INT("tries", r->tries),
		         KV_INT("ms", ms));
}

/* A fault's words lie in the memory of the call that failed, which the step's drop gives back. */
static void fault_keep(struct fault *fault, struct arena *a)
{
	fault->detail = arena_copy(a, fault->detail);
	fault->cause = arena_copy(a, fault->cause);
}

/* The only place that picks a step. */
static void run_advance(struct op *op)
{
	struct run *r = CONTAINER_OF(op, struct run, op);
	const struct step *s = &steps[r->step];
	struct job *j = r->job;
	struct fault fault = op->fault;
	enum job_step next;

	run_log(r, s, &fault);
	if (fault.code == FAULT_NONE) {
		next = s->done(r); /* runs even when stopping: it notes what there is to undo */
		if (j->stop != FAULT_NONE && !((s->flags | steps[next].flags) & SHIELDED)) {
			s = &steps[next];
			next = s->on_fail; /* next has not begun: undo all before it */
		}
	} else {
		bool again = run_may_retry(r, s, fault.code);

		if (r->part && !again)
			fault_keep(&fault, &r->part->arena);
		s->drop(r);
		if (fault.code == FAULT_PARKED) {
			next = STEP_PARK;
		} else if (again) {
			if (run_parks_before(r, r->step))
				run_enter(r, STEP_PARK);
			else
				run_pause(r, fault.retry_after_s
				                     ? fault.retry_after_s * 1000u
				                     : pause_ms(PAUSE_FIRST_MS, r->tries, PAUSE_LONGEST_MS));
			return;
		} else {
			next = run_give_up(r, s, &fault);
		}
		if (next == STEP_COUNT)
			return;
	}
	run_enter(r, run_parks_before(r, next) ? STEP_PARK : next);
}

void run_init(struct run *r, struct job *j, struct part *p)
{
	r->job = j;
	r->part = p;
	op_init(&r->op, j->engine->core->loop, run_advance);
}

/* A run that sits in a pause or in a step that may be interrupted. */
static void run_interrupt(struct run *r, enum fault_code why)
{
	const struct step *s = &steps[r->step];

	if (r->backing_off) {
		timer_stop(r->job->engine->core->loop, &r->pause);
		r->backing_off = false;
		if (why != FAULT_PARKED)
			run_enter(r, s->flags & PAID ? STEP_OVER : s->on_fail);
		else if (run_parks_before(r, r->step))
			run_enter(r, STEP_PARK);
		else
			run_pause(r, 0);
		return;
	}
	if (!(s->flags & (SHIELDED | WHOLE)))
		op_cancel(&r->op, why);
}

void job_stop(struct job *j, enum fault_code why)
{
	if (j->stop != FAULT_NONE || j->parking || j->parts_over == j->part_count)
		return;
	j->stop = why;
	LOG_INFO(&j->log, "job.stop", KV_CSTR("why", fault_slug(why)));
	/* Interrupting the last part may close the job; the job lives on at least until SETTLE or RELEASE has run. */
	for (unsigned i = 0; i < j->part_count; i++)
		if (!(steps[j->parts[i].run.step].flags & SHIELDED))
			run_interrupt(&j->parts[i].run, why);
}

void job_park(struct job *j, bool owned_elsewhere)
{
	unsigned parts = j->part_count;

	if (j->parking && !owned_elsewhere)
		return;
	j->parking = true;
	j->owned_elsewhere |= owned_elsewhere;
	for (unsigned i = 0; i < parts; i++) {
		struct run *r = &j->parts[i].run;
		bool last = j->parts_over + 1 == j->part_count;

		if (steps[r->step].flags & SHIELDED)
			continue;
		run_interrupt(r, FAULT_PARKED);
		if (last)
			return; /* the job may be gone */
	}
}
