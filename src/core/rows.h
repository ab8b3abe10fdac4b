#pragma once
/*
 * rows - the engine's writes to the database, each a row in a group commit.
 *
 * One struct for each statement of sql/queries that is set-wise: accept, attempt, record, settle.
 * A row is made when the write is wanted, lives until its op is done and is freed by the step that made it.
 */
#include "core/engine.h"
#include "core/group.h"
#include "core/record.h"

struct accept_row {
	struct group_item item;
	struct job *job;
	struct jobs_accept *caller;
	enum accept_outcome { ACCEPT_OK, ACCEPT_POOR, ACCEPT_NO_USER, ACCEPT_NO_LEASE } outcome;
	int64_t credits; /* what is free, after an acceptance or a POOR */
	struct buf params;
};
struct accept_row *accept_row_add(struct job *j, void (*done)(struct op *op));
/* Once more, after an answer was lost: the job's id makes sure that it happens once. */
void accept_row_again(struct accept_row *row, void (*done)(struct op *op));
void accept_row_free(struct accept_row **r);

/* Ends the part's last attempt, where that has not been written yet, and begins number begin_n (0: none, back to ADMIT). */
struct attempt_row {
	struct group_item item;
	struct part *part;
	unsigned end_n, begin_n;
	bool ok; /* false: the job is not ours any more, or has ended */
};
struct attempt_row *attempt_row_add(struct part *p, unsigned begin_n, void (*done)(struct op *op));
void attempt_row_free(struct attempt_row **r);

/* The provider's handle into the part's row. */
struct record_row {
	struct group_item item;
	struct part *part;
	bool ok;
};
struct record_row *record_row_add(struct part *p, void (*done)(struct op *op));
void record_row_free(struct record_row **r);

/* The end of a job: charge or release, pictures, attempts, event. */
struct settle_row {
	struct group_item item;
	struct job *job;
	enum job_status status;
	int64_t charged, cost_micros, generation_us;
	struct fault fault;            /* texts live in the parts' arenas */
	struct job_picture **pictures; /* pictures of all parts, by number */
	unsigned picture_count;
	enum settle_outcome { SETTLE_OK, SETTLE_ALREADY, SETTLE_STALE } outcome;
	enum job_status final_status; /* ALREADY: how it ended */
};
struct settle_row *settle_row_add(struct job *j, enum job_status status, void (*done)(struct op *op));
void settle_row_free(struct settle_row **r);

/* Name in the attempts table for what a fault means there: "ok", "not_sent", … */
const char *attempt_outcome(enum fault_code code);

/* What a part has cost the installation, micro-USD. */
int64_t part_cost_micros(const struct part *p);
/* Shared by the files that build parameters. */
void arrays_start(struct buf *bufs, unsigned n);
void arrays_end(struct buf *bufs, unsigned n);
void owner_params(const struct engine *e, struct buf *bufs);

struct group *accept_group_new(struct engine *e);
struct group *attempt_group_new(struct engine *e);
struct group *record_group_new(struct engine *e);
struct group *settle_group_new(struct engine *e);
