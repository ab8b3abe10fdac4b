#pragma once
/*
 * world - all that the engine under test can reach: a database, providers, a picture store, time.
 *
 * Real, compiled from the tree: the engine with its table, all steps, the group commits and their rows, the
 * accounts and their slots, accept and resume. Faked: what they call in io and providers, the lease, the clock.
 *
 * Each call out is a flight. How it goes is an alternative, chosen by the explorer: when its effect takes
 * place (now, late, never), what is reported and when. Flights outlive the instance that sent them: a crash
 * cuts their slot, their effect still arrives.
 */
#include "core/core.h"
#include "core/engine.h"
#include "core/jobs.h"
#include "core/steps.h"
#include "explore.h"

enum { PARTS = 2, ATTEMPTS = 32, PICTURES = 4, FLIGHTS = 1024, STARTS = 8 };
enum { PRICE = 40, DEADLINE_S = 900, LATENCY_MS = 20, NEVER_MS = 0x7fffffff };

enum kind {
	KIND_ACCEPT,
	KIND_ATTEMPT,
	KIND_RECORD,
	KIND_SETTLE,
	KIND_TAKE_OVER,
	KIND_SUBMIT,
	KIND_POLL,
	KIND_RESULT,
	KIND_CANCEL,
	KIND_CALL,
	KIND_STORE,
	KIND_LEASE,
	KINDS
};

/* BENIGN: with any number of these within the tries, the job still has to end well. */
enum tone { BENIGN, HARMFUL, ASIDE };
enum effect { EFFECT_NOW, EFFECT_NEVER, EFFECT_LATE };

struct alternative {
	const char *name;
	enum fault_code fault; /* reported by the transport */
	enum effect effect;
	unsigned after_ms; /* until it is reported; NEVER_MS: not at all */
	enum tone tone;
	unsigned sticky_ms; /* the next calls of this kind go the same way for so long */
	unsigned answer;    /* with fault NONE: which answer (enum answer, or SQL's) */
};

enum answer {
	ANSWER_USUAL,
	ANSWER_RUNNING,
	ANSWER_AT_ONCE, /* poll that brings the pictures */
	ANSWER_EMPTY,   /* no handle, no picture */
	ANSWER_WITHHELD,
	ANSWER_FAILED,         /* + enum imago_failure */
	ANSWER_NOT_BUILT = 30, /* the driver refuses to build the request */
	ANSWER_LOCKED,
	ANSWER_REFUSED_ROW, /* Postgres refused the statement */
};

struct flight {
	struct timer report, effect;
	struct op *slot;
	const struct alternative *alt;
	enum kind kind;
	unsigned part, n; /* attempt, or picture */
	unsigned life;    /* instance that sent it */
	void *call;       /* of the caller; valid while slot is set */
	int stmt;
	const struct str *params;
	struct pg_result *result;
	struct outbound_call *http;
};

/* ---- what the database holds ---- */

struct row_attempt {
	bool exists;
	uint64_t epoch;
	char outcome[20]; /* "": open */
};

struct row_part {
	const char *step;
	unsigned images, newest;
	char handle[8];
	struct row_attempt attempts[ATTEMPTS];
};

struct row_job {
	bool exists, completed, cancel_wished;
	char id[UID_SIZE], user[UID_SIZE];
	enum job_status status;
	uint64_t epoch, deadline_ms;
	int64_t price, held, captured, returned, user_held;
	unsigned ends, pictures, parts_count, num_images;
	char error[40];
	struct row_part parts[PARTS + 1]; /* from 1 */
};

/* ---- what a provider knows ---- */

struct task {
	unsigned sent, executed; /* times it was asked, times it took it */
	bool answered;           /* its handle reached an instance that lived on */
	bool fetched, ended, aborted;
	unsigned abort_asked, life;
};

/* ---- one schedule ---- */

enum provider_kind { QUEUE, HOUSE, PAID_CALL };

struct scenario {
	const char *name;
	enum provider_kind provider;
	unsigned parts, per_part, concurrency;
	bool busy;   /* somebody else has the only slot for the first seconds */
	bool ending; /* the request comes in when shutdown has begun */
	unsigned budget, budget_long;
};

struct world {
	const struct scenario *scenario;
	struct explorer explorer;
	struct loop loop;
	struct arena arena;
	struct flight flights[FLIGHTS];
	unsigned flight_count;
	struct {
		const struct alternative *alt;
		uint64_t until_ms;
	} sticky[KINDS];
	uint64_t started_ms;
	uint32_t random;
	bool trace;

	/* the instance */
	unsigned life; /* epoch */
	char epoch_text[8];
	struct core core;
	struct accounts accounts;
	struct jobs_accept accept;
	bool accepting, told_no;
	struct job_watch watch;
	bool watching;
	bool resuming, parked, drained, cut, reloaded;
	struct account *account;
	struct timer outsider;
	bool outsider_has_slot;

	/* the step function that is running */
	unsigned part, attempt;
	bool step_is_checked;
	const struct alternative *chosen;

	/* outside */
	struct row_job row;
	struct task tasks[PARTS + 1][ATTEMPTS];

	/* from here on all is zero at the beginning of a schedule */
	bool may_have_paid[PARTS + 1];
	bool picture[PICTURES + 1];
	bool buried;

	/* for the rules, see rules.c */
	unsigned harmful, deviations[KINDS], events;
	bool crashed, stolen, cancelled, stopped;
	bool swept, sweep_is_fine, refused_end, parked_loudly;
	uint64_t quick_since_ms; /* from here on the end must come soon; 0: no such promise */
	unsigned quick_deviations;
	unsigned over[PARTS + 1], fetching[PARTS + 1], notified, told;
	bool closing_began;
};

extern struct world w;

/* schedule.c */
void violated(const char *format, ...) PRINTF_LIKE(1, 2);
void trace(const char *format, ...) PRINTF_LIKE(1, 2);
unsigned deviations(void);

/* flight.c */
/* Made, then filled in, then sent. */
struct flight *flight_new(enum kind kind, struct op *op, const struct alternative *alt);
void flight_go(struct flight *f);
const struct alternative *alternative_choose(enum kind kind);

/* db.c: a statement's effect, and what it answers */
void db_execute(struct flight *f);
void db_report(struct flight *f);
void db_sweep(void);

/* provider.c */
void provider_effect(struct flight *f);
void provider_report(struct flight *f);
void store_effect(struct flight *f);
void store_report(struct flight *f);
extern const struct catalog_row model;
const struct imago_driver *driver_of(enum provider_kind kind);

/* instance.c */
void instance_start(void);
void instance_accept(void);
void instance_kill(void);
bool instance_is_empty(void);
struct job *instance_job(void);

/* rules.c */
void rule_step_begins(struct run *r, enum job_step step);
void rule_paid_call_leaves(void);
void rule_moment(void);
void rule_job_gone(void);
void rule_wish(void);
void rules_of_table(void);
void rules_of_memory(void);
void rules_at_end(void);
