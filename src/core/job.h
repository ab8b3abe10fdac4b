#pragma once
/*
 * job - a live job in memory: its record, its parts, and the run of steps of each.
 *
 *   struct job ── run: SETTLE | RELEASE -> NOTIFY -> GONE        (the closing)
 *      └── struct part (1..n) ── run: ADMIT -> SUBMIT -> … -> STORE -> OVER
 *
 * A run has one call in flight at the most, one step, one deadline (core/engine.h). What a
 * step needs while it runs hangs on `work`, which is made by the step and dropped when it is left:
 * a job that only waits holds no buffers.
 */
#include "base/list.h"
#include "base/map.h"
#include "core/accounts.h"
#include "core/group.h"
#include "core/record.h"
#include "loop/op.h"

enum job_step {
#define STEP(id, fn, seconds, tries, flags, status, on_refused, on_fail) STEP_##id,
#include "core/steps.def"
#undef STEP
	STEP_COUNT
};

enum { JOB_PARTS_MAX = IMAGO_IMAGES_MAX };

struct engine;
struct job;
struct part;

struct run {
	struct op op; /* the step's call; steps finish it */
	struct op *slot;
	struct timer pause; /* back-off before the next try, or WAIT's timer */
	struct job *job;
	struct part *part; /* NULL: the job's own closing run */
	enum job_step step;
	uint8_t tries; /* of this step so far */
	bool backing_off;
	uint64_t entered_ms; /* when the step was entered */
};

/* The attempt at a provider that is under way or was the last. */
struct attempt {
	unsigned n; /* from 1; 0: none yet */
	bool open;  /* its row has no outcome yet */
	bool ended; /* it has one, but the row does not say so yet */
	bool ahead; /* attempt n + 1 may be in its row, we never heard; its call has not left */
	enum fault_code outcome;
	struct str error;        /* the provider's words; in the part's arena */
	int64_t reported_micros; /* -1: not said */
};

struct part {
	struct run run;
	unsigned number;              /* from 1 */
	unsigned images, first_image; /* how many pictures, number of the first */
	struct account *account;      /* NULL: none chosen; looked up again after a reload */
	char account_id[72];
	bool has_slot; /* counts in account->in_use */
	struct attempt attempt;
	struct account_wait wait; /* ADMIT */
	unsigned refusals;        /* times a provider did not take it */
	unsigned retry_after_s;
	struct str handle; /* after SUBMIT; in the part's arena */
	struct str provider_request_id;
	bool handle_recorded;
	uint64_t submitted_ms;
	struct imago_image *sources; /* after RESULT: where the pictures are, source_count of them */
	unsigned source_count;
	bool has_seed; /* the provider said which one it used */
	int64_t seed;
	struct job_picture *pictures; /* stored so far */
	unsigned stored;
	struct fault fault; /* the first that mattered; texts in the arena */
	struct arena arena; /* handle, sources, pictures, fault texts */
	void *work;         /* of the step that runs now */
};

struct job {
	struct run run;
	struct engine *engine;
	struct link link;     /* engine.jobs */
	struct map_node node; /* engine.by_id */
	struct job_record *record;
	const struct catalog_row *row;
	struct log log;
	uint64_t started_ms, deadline_ms;
	struct timer deadline;
	enum fault_code stop; /* NONE, or why somebody wants it to end */
	bool parking;
	bool owned_elsewhere; /* a write said that it is not ours any more */
	struct link watches;  /* struct job_watch */
	unsigned parts_over;
	unsigned part_count;
	struct part *parts;
	void *work; /* of the closing step */
};

/* Statuses follow the least advanced part. */
void job_show_status(struct job *j);
/* The first failure of a part is the one that counts; texts are copied. */
void part_fail(struct part *p, const struct fault *fault);
/* Note the outcome of the attempt; the row is written with the next statement that touches the part. */
void part_close_attempt(struct part *p, const struct fault *fault);
void part_release_slot(struct part *p);
void part_set_account(struct part *p, struct account *a);
void run_init(struct run *r, struct job *j, struct part *p);
unsigned job_stored(const struct job *j);

/* Somebody who wants to hear when the job has ended. Dropping it changes nothing for the job. */
struct job_watch {
	struct link link;
	/* record NULL: it goes on at another instance; look again. */
	void (*ended)(struct job_watch *w, const struct job_record *record);
};
