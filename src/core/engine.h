#pragma once
/*
 * engine - moves runs from step to step; the only place that picks a step.
 *
 * The table is steps.def. For each step there are two functions, NAME_start and NAME_done: start
 * begins the work and finishes run->op sooner or later, done reads the result and says
 * which step is next. A third, NAME_drop, lets go of what start began when the step is
 * left early (time-out, stop). Steps never call each other.
 *
 *   run_enter -> NAME_start … op done -> run_advance -> NAME_done -> run_enter(next)
 *                                   \-> fault: again after a pause | on_refused | on_fail
 *
 * Time-outs and cancels mean *unknown*. A PAID step with an unknown outcome is never repeated:
 * its part ends with OUTCOME_UNKNOWN and its credits go back.
 */
#include "base/map.h"
#include "base/slab.h"
#include "core/core.h"
#include "core/group.h"
#include "core/job.h"

struct step {
	const char *name;
	void (*start)(struct run *r);
	enum job_step (*done)(struct run *r);
	void (*drop)(struct run *r);
	unsigned deadline_ms, tries, flags;
	int status; /* enum job_status, or STEP_STATUS_LAST */
	enum job_step on_refused, on_fail;
};
extern const struct step steps[STEP_COUNT];

enum { STEP_PAID = 1, STEP_SHIELDED = 2, STEP_WHOLE = 4, STEP_PARKABLE = 8, STEP_STATUS_LAST = -1 };

struct engine {
	struct core *core;
	struct link jobs;
	struct map by_id;
	unsigned live;
	struct slab slab;
	struct group *accept, *attempt, *record, *settle;
	struct group_kind accept_kind, attempt_kind, record_kind, settle_kind;
	bool parking; /* shutdown: leave each run at its next PARKABLE step */
	struct timer grace;
	void (*drained)(struct engine *e);
};

struct engine *engine_new(struct core *core);
void engine_free(struct engine **e);

/* A job with `parts` parts, in no list yet. NULL: too many are live. Takes over the record. */
struct job *job_new(struct engine *e, struct job_record *record, unsigned parts, unsigned images_per_part);
/* Never started: accept failed. */
void job_discard(struct job *j);
/* Into the engine; each part enters the step that is set in part->run.step. */
void job_start(struct job *j, uint64_t deadline_in_ms);
/* Somebody wants it to end: user cancel, deadline. Undoes what is not shielded. */
void job_stop(struct job *j, enum fault_code why);
/* NULL when it does not live here. */
struct job *engine_find(struct engine *e, struct str job_id);

/* For GONE: out of the engine and freed. */
void job_forget(struct job *j);
void engine_check_drained(struct engine *e);

/* Enter a step (also the first). */
void run_enter(struct run *r, enum job_step step);
/* For steps: end the current one. Texts are copied into the part's arena if they have to stay. */
void run_finish(struct run *r, struct fault fault);
void run_succeed(struct run *r);

/* The job is another instance's by now, or (owned_elsewhere false) we are shutting down: each part goes to
 * PARK as soon as its row says all there is to know, and the job leaves memory. */
void job_park(struct job *j, bool owned_elsewhere);

/* Shutdown: `drained` runs when nothing lives any more, at the latest after grace_ms; what still
 * runs then ends with the process and is resumed by whoever takes it over. */
void engine_park(struct engine *e, unsigned grace_ms, void (*drained)(struct engine *e));
