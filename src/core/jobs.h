#pragma once
/*
 * jobs - the face of the job engine for the API: accept, find, list, cancel.
 *
 * Accept is one transaction (credits held, job, parts, first attempt, event); only when it is
 * committed does the call complete with FAULT_NONE, and from then on the job is the engine's.
 */
#include "core/core.h"
#include "core/job.h"
#include "core/record.h"
#include "core/users.h"
#include "io/pg.h"
#include "io/redis.h"
#include "loop/op.h"

/* What a client asked for, checked by the API layer. Strings are borrowed until the call completes. */
struct job_spec {
	struct str user_id;
	enum imago_operation operation;
	struct str prompt;
	struct str model; /* empty: the default */
	struct job_params params;
	unsigned num_images;
};

struct jobs_accept {
	struct op op;
	/* FAULT_NONE: */
	struct job_record *record; /* a reference of the caller's: record_unref */
	/* INSUFFICIENT: */
	int64_t credits, price;
	/* BAD_FIELD: the model that was probably meant */
	struct str nearest;
	/* private */
	struct core *core;
	struct op *slot;
	struct job *job;
	struct accept_row *row;
	uint64_t started_ms;
	bool unknown; /* an answer was lost on the way */
};

/* Errors: NOT_CONFIGURED, BAD_FIELD, UNSUPPORTED (nothing was written), INSUFFICIENT, QUEUE_FULL, UNAUTHORIZED (the user
 * is gone), STORE_DOWN (not accepted; where that was unknown, a tombstone ends what may still appear). The op must
 * not be forgotten before it is done; a client that goes away only loses interest. */
void jobs_accept_init(struct jobs_accept *call, struct core *core, void (*done)(struct op *op));
void jobs_accept(struct core *core, struct jobs_accept *call, const struct job_spec *spec);
void jobs_accept_clear(struct jobs_accept *call);

/* What such a job would cost, and whether it could run, without doing it: *price in credits. */
enum fault_code jobs_price(struct core *core, struct str model, unsigned num_images, int64_t *price,
                           struct str *nearest);

struct jobs_find {
	struct op op;
	struct job_record *record; /* a reference of the caller's */
	/* private */
	struct core *core;
	struct op *slot;
	struct pg_call query;
	struct redis_call cached;
	char user_id[UID_SIZE], job_id[UID_SIZE];
};

/* In memory here (live, or ended a short while ago): a borrowed record, or NULL. Another user's job is NULL too. */
const struct job_record *jobs_peek(struct core *core, struct str user_id, struct str job_id);
/* From wherever it is: memory, the status cache, the database. NOT_FOUND, STORE_DOWN, TIMEOUT. fresh: one that
 * has ended is read from the database, with its attempts. */
void jobs_find_init(struct jobs_find *call, struct core *core, void (*done)(struct op *op));
void jobs_find(struct core *core, struct jobs_find *call, struct str user_id, struct str job_id, bool fresh);
void jobs_find_clear(struct jobs_find *call);

/* Hear of the end of a job that lives here; false when it does not. */
bool jobs_watch(struct core *core, struct str job_id, struct job_watch *w);
void jobs_unwatch(struct job_watch *w);

enum cancel_answer { CANCEL_NOT_FOUND, CANCEL_REQUESTED, CANCEL_ENDED };
struct jobs_cancel {
	struct op op;
	enum cancel_answer answer; /* ENDED: it had ended before; `status` says how */
	enum job_status status;
	/* private */
	struct core *core;
	struct op *slot;
	struct pg_call query;
	char user_id[UID_SIZE], job_id[UID_SIZE];
};
/* The wish is committed first, so that a crash keeps it; idempotent. */
void jobs_cancel_init(struct jobs_cancel *call, struct core *core, void (*done)(struct op *op));
void jobs_cancel(struct core *core, struct jobs_cancel *call, struct str user_id, struct str job_id);
void jobs_cancel_clear(struct jobs_cancel *call);

/* Instances tell each other by job id, over Redis, that there is news of it: it ended, or somebody wants it to. */
#define JOBS_CHANNEL "imago:wake"
void jobs_wake(struct core *core, struct str job_id);
void jobs_woken(struct core *core, struct str job_id);
