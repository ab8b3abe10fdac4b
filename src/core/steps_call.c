/*
 * steps_call - the steps that talk to a provider by HTTP: SUBMIT, POLL, RESULT, ABORT, and
 * RECORD and WAIT between them.
 *
 * Each is one exchange: the driver describes a request, outbound makes it, the driver reads the
 * answer. What the outcome means for the run is decided here, the same way for all drivers.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/secret.h"
#include "core/engine.h"
#include "core/lease.h"
#include "core/rows.h"
#include "core/steps.h"
#include "core/task.h"
#include "io/outbound.h"

enum { ANSWER_MAX = 1024 * 1024, SUBMIT_MS = 28000, ASK_MS = 12000 };

typedef bool (*build_fn)(const struct imago_task *, const struct imago_account *, struct str handle,
                         struct imago_memory *, struct imago_call *, struct imago_outcome *);
typedef void (*parse_fn)(const struct imago_task *, const struct imago_reply *, struct imago_memory *,
                         struct imago_outcome *);

struct exchange {
	struct outbound_call http;
	struct part *part;
	struct imago_task task;
	struct imago_outcome outcome; /* strings in http.arena */
	parse_fn parse;
	uint64_t started_us;
};

/* ---- one exchange ---- */

static void exchange_free(struct part *p)
{
	struct exchange *x = p->work;

	if (!x)
		return;
	p->work = NULL;
	outbound_call_clear(&x->http);
	mem_release(x);
}

/* The provider's words for people, with anything that looks like our key taken out. */
static struct str scrubbed(struct exchange *x, struct str message)
{
	struct str key = secret_reveal(x->part->account->at.credential);
	char *copy = arena_cstr(&x->http.arena, str_clip(message, 500));
	struct str s = str_from(copy);
	size_t at;

	while (key.n >= 4 && (at = str_find(s, key)) != SIZE_MAX)
		memset(copy + at, '*', key.n);
	return s;
}

static struct fault outcome_fault(struct exchange *x)
{
	static const enum fault_code codes[] = {
		[IMAGO_NO_FAILURE] = FAULT_INTERNAL,         [IMAGO_REFUSED] = FAULT_REFUSED,
		[IMAGO_BAD_INPUT] = FAULT_PROVIDER_INPUT,    [IMAGO_CREDENTIALS] = FAULT_PROVIDER_KEY,
		[IMAGO_NO_CREDITS] = FAULT_PROVIDER_CREDITS, [IMAGO_RATE_LIMITED] = FAULT_RATE_LIMITED,
		[IMAGO_OVERLOADED] = FAULT_OVERLOADED,       [IMAGO_GONE] = FAULT_MODEL_GONE,
		[IMAGO_TASK_FAILED] = FAULT_TASK_FAILED,     [IMAGO_UNKNOWN] = FAULT_CLOSED,
	};
	const struct imago_outcome *o = &x->outcome;

	return (struct fault){
		.code = codes[o->failure],
		.detail = scrubbed(x, o->message),
		.retry_after_s = o->retry_after_s,
	};
}

static void exchange_answered(struct op *op)
{
	struct outbound_call *http = CONTAINER_OF(op, struct outbound_call, op);
	struct exchange *x = CONTAINER_OF(http, struct exchange, http);
	struct part *p = x->part;
	const char *type = p->account->driver->type;
	struct imago_reply reply;

	metric_observe_us(METRIC_ID_provider_call_duration_seconds, type, NULL, uv_hrtime() / 1000 - x->started_us);
	metric_inc(provider_calls_total, type, op->fault.code == FAULT_NONE ? "answered" : fault_slug(op->fault.code));
	if (op->fault.code != FAULT_NONE) {
		run_finish(&p->run, op->fault);
		return;
	}
	reply = outbound_reply(http);
	x->parse(&x->task, &reply, outbound_memory(&http->arena), &x->outcome);
	if (x->outcome.kind == IMAGO_FAILED)
		run_finish(&p->run, outcome_fault(x));
	else
		run_succeed(&p->run);
}

static void exchange_start(struct run *r, build_fn build, parse_fn parse, unsigned timeout_ms)
{
	struct part *p = r->part;
	struct core *core = r->job->engine->core;
	struct exchange *x = mem_new(struct exchange);

	p->work = x;
	x->part = p;
	x->parse = parse;
	x->started_us = uv_hrtime() / 1000;
	outbound_call_init(&x->http, core->loop, exchange_answered);
	task_fill(&x->task, p, &x->http.arena);
	if (!build(&x->task, &p->account->at, p->handle, outbound_memory(&x->http.arena), &x->http.request,
	           &x->outcome)) {
		run_finish(r, outcome_fault(x));
		return;
	}
	x->http.kind = OUTBOUND_OPERATOR;
	x->http.body_limit = ANSWER_MAX;
	x->http.timeout_ms = timeout_ms;
	outbound_start(core->outbound, &x->http);
}

static void exchange_drop(struct run *r)
{
	exchange_free(r->part);
}

/* After a reload the account may have gone or moved: look it up by its id. */
static bool part_find_account(struct part *p)
{
	struct account *a = accounts_find(p->run.job->engine->core->accounts, str_from(p->account_id));

	if (!a) {
		run_finish(&p->run, (struct fault){ .code = FAULT_NOT_CONFIGURED,
		                                    .detail = STR("the provider's account is gone") });
		return false;
	}
	p->account = a;
	return true;
}

/* ---- SUBMIT ---- */

static bool build_submit(const struct imago_task *task, const struct imago_account *account, struct str handle,
                         struct imago_memory *memory, struct imago_call *call, struct imago_outcome *outcome)
{
	const struct exchange *x = CONTAINER_OF((struct imago_task *)(uintptr_t)task, struct exchange, task);

	(void)handle;
	return x->part->account->driver->build_submit(task, account, memory, call, outcome);
}

void submit_start(struct run *r)
{
	struct part *p = r->part;

	if (!part_find_account(p))
		return;
	/* Frozen or cut off for too long: another instance may believe that we are dead. */
	if (!lease_is_held(r->job->engine->core->lease)) {
		run_finish(r, (struct fault){ .code = FAULT_NOT_SENT, .cause = STR("the lease is not held") });
		return;
	}
	p->submitted_ms = loop_now_ms(r->job->engine->core->loop);
	exchange_start(r, build_submit, p->account->driver->parse_submit, SUBMIT_MS);
}

enum job_step submit_done(struct run *r)
{
	struct part *p = r->part;
	const struct exchange *x = p->work;
	enum job_step next = STEP_RECORD;

	if (x->outcome.kind != IMAGO_QUEUED || x->outcome.handle.n == 0 || x->outcome.handle.n > IMAGO_HANDLE_MAX) {
		part_fail(p, &(struct fault){ .code = FAULT_OUTCOME_UNKNOWN, .cause = STR("no handle in the answer") });
		next = STEP_OVER;
	} else {
		p->handle = arena_copy(&p->arena, x->outcome.handle);
		p->provider_request_id = arena_copy(&p->arena, x->outcome.provider_request_id);
	}
	exchange_free(p);
	return next;
}

void submit_drop(struct run *r)
{
	exchange_drop(r);
}

/* ---- RECORD ---- */

static void record_committed(struct op *op)
{
	struct group_item *item = CONTAINER_OF(op, struct group_item, op);
	struct record_row *row = CONTAINER_OF(item, struct record_row, item);
	struct part *p = row->part;
	struct fault fault = op->fault;
	bool ok = row->ok;

	p->work = NULL;
	record_row_free(&row);
	if (fault.code == FAULT_NONE && !ok) {
		fault = (struct fault){ .code = FAULT_PARKED, .cause = STR("not the owner any more") };
		run_finish(&p->run, fault);
		job_park(p->run.job, true);
		return;
	}
	run_finish(&p->run, fault);
}

void record_start(struct run *r)
{
	r->part->work = record_row_add(r->part, record_committed);
}

enum job_step record_done(struct run *r)
{
	r->part->handle_recorded = true;
	return STEP_WAIT;
}

void record_drop(struct run *r)
{
	(void)r; /* WHOLE, and its row has always been heard */
}

/* ---- WAIT ---- */

/* A tenth of the time it has taken so far, within the driver's bounds, with jitter: quick jobs are
 * noticed quickly, slow ones do not cost a poll each second. */
static unsigned wait_ms(const struct part *p, uint64_t now_ms)
{
	const struct imago_driver *d = p->account->driver;
	uint64_t ms = (now_ms - p->submitted_ms) / 10;
	uint8_t random;

	if (ms < d->poll_first_ms)
		ms = d->poll_first_ms;
	if (ms > d->poll_longest_ms)
		ms = d->poll_longest_ms;
	if (ms < p->retry_after_s * 1000u)
		ms = p->retry_after_s * 1000u; /* the provider asked for more patience */
	random_bytes(&random, 1);
	return (unsigned)(ms - ms / 8 + ms * random / 1024);
}

static void wait_over(struct timer *t)
{
	run_succeed(CONTAINER_OF(t, struct run, pause));
}

void wait_start(struct run *r)
{
	struct core *core = r->job->engine->core;

	if (!part_find_account(r->part))
		return;
	timer_start(core->loop, &r->pause, wait_ms(r->part, loop_now_ms(core->loop)), wait_over);
}

enum job_step wait_done(struct run *r)
{
	(void)r;
	return STEP_POLL;
}

void wait_drop(struct run *r)
{
	timer_stop(r->job->engine->core->loop, &r->pause);
}

/* ---- POLL ---- */

void poll_start(struct run *r)
{
	if (part_find_account(r->part))
		exchange_start(r, r->part->account->driver->build_poll, r->part->account->driver->parse_poll, ASK_MS);
}

enum job_step poll_done(struct run *r)
{
	struct part *p = r->part;
	const struct exchange *x = p->work;
	struct job_record *record = r->job->record;
	enum job_step next = STEP_WAIT;

	if (x->outcome.kind == IMAGO_READY)
		next = STEP_RESULT;
	else if (x->outcome.kind == IMAGO_DONE)
		next = part_take_sources(p, &x->outcome);
	if (x->outcome.progress >= 0)
		record->progress = x->outcome.progress;
	record->queue_position = x->outcome.queue_position;
	p->retry_after_s = x->outcome.retry_after_s;
	exchange_free(p);
	return next;
}

void poll_drop(struct run *r)
{
	exchange_drop(r);
}

/* ---- RESULT ---- */

void result_start(struct run *r)
{
	if (part_find_account(r->part))
		exchange_start(r, r->part->account->driver->build_result, r->part->account->driver->parse_result,
		               ASK_MS);
}

enum job_step result_done(struct run *r)
{
	struct part *p = r->part;
	const struct exchange *x = p->work;
	enum job_step next = x->outcome.kind == IMAGO_DONE ? part_take_sources(p, &x->outcome) : STEP_WAIT;

	exchange_free(p);
	return next;
}

void result_drop(struct run *r)
{
	exchange_drop(r);
}

/* ---- ABORT ---- */

void abort_start(struct run *r)
{
	struct part *p = r->part;
	struct account *a = accounts_find(r->job->engine->core->accounts, str_from(p->account_id));

	if (!a || p->handle.n == 0 || !(a->driver->capabilities & IMAGO_CAN_CANCEL)) {
		run_succeed(r); /* there is nothing that could be called back; the slot is still the old account's */
		return;
	}
	p->account = a;
	exchange_start(r, a->driver->build_cancel, a->driver->parse_cancel, ASK_MS);
}

enum job_step abort_done(struct run *r)
{
	exchange_free(r->part);
	return STEP_OVER;
}

void abort_drop(struct run *r)
{
	exchange_drop(r);
}
