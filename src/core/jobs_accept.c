/*
 * jobs_accept - from what a client asked for to a committed job.
 *
 * What cannot run is refused before anything is written: no provider, no such model, no room.
 * An answer that was lost is asked for again under the same job id for a second; after that the client is
 * told 503, and a tombstone makes sure that what may still appear is ended.
 */
#include "base/metric.h"
#include "base/wall.h"
#include "core/engine.h"
#include "core/jobs.h"
#include "core/lease.h"
#include "core/rows.h"
#include "core/sweeper.h"
#include "providers/catalog.h"

enum { UNKNOWN_PATIENCE_MS = 900 };

static struct job_record *record_from_spec(const struct job_spec *spec, const struct account *account,
                                           const struct catalog_row *row)
{
	struct job_record *r = record_new();
	struct arena *a = &r->arena;
	struct uid id = uid_new("img_");

	r->id = arena_copy(a, str_from(id.text));
	r->user_id = arena_copy(a, spec->user_id);
	r->operation = str_from(operation_name(spec->operation));
	r->prompt = arena_copy(a, spec->prompt);
	r->params = spec->params;
	r->params.size = arena_copy(a, spec->params.size);
	r->params.aspect_ratio = arena_copy(a, spec->params.aspect_ratio);
	r->params.style = arena_copy(a, spec->params.style);
	r->params.quality = arena_copy(a, spec->params.quality);
	r->params.negative_prompt = arena_copy(a, spec->params.negative_prompt);
	r->model = arena_copy(a, row->name);
	r->source_model = arena_copy(a, row->upstream);
	r->provider_id = arena_copy(a, account->at.id);
	r->generation_type = str_from(generation_type_name(row->generation_type));
	r->num_images = spec->num_images;
	r->price = catalog_price(row, spec->num_images);
	r->created_us = r->updated_us = wall_us();
	return r;
}

/* Admitted at once where there is room at the provider for all parts; else they wait their turn. When the server
 * is about to end nothing is begun: such a job is taken up by the next life. */
static void job_admit(struct job *j, struct account *a)
{
	bool in_house = a->driver->capabilities & IMAGO_IN_HOUSE;
	bool room = !j->engine->parking && account_take(a, j->part_count);

	for (unsigned i = 0; i < j->part_count; i++) {
		struct part *p = &j->parts[i];

		part_set_account(p, a);
		p->has_slot = room;
		p->run.step = !room ? STEP_ADMIT : in_house ? STEP_CALL : STEP_SUBMIT;
	}
}

static struct job *job_from_spec(struct core *core, const struct job_spec *spec, struct account *a,
                                 const struct catalog_row *row)
{
	unsigned per_call = row->max_images < spec->num_images ? row->max_images : spec->num_images;
	unsigned parts = (spec->num_images + per_call - 1) / per_call;
	struct job_record *record = record_from_spec(spec, a, row);
	struct job *j = job_new(core->engine, record, parts, per_call);

	if (!j) {
		record_unref(&record);
		return NULL;
	}
	j->row = row;
	job_admit(j, a);
	return j;
}

/* ---- the answer ---- */

static void accept_end(struct jobs_accept *c, struct fault fault)
{
	if (c->job)
		job_discard(c->job);
	c->job = NULL;
	accept_row_free(&c->row);
	if (c->slot)
		op_finish_with(c->slot, fault);
}

static void accept_started(struct jobs_accept *c)
{
	struct job *j = c->job;
	struct core *core = c->core;
	unsigned deadline_s = j->row->deadline_s;

	c->job = NULL;
	c->record = record_ref(j->record);
	c->price = j->record->price;
	c->credits = c->row->credits;
	for (unsigned i = 0; i < j->part_count; i++)
		if (j->parts[i].run.step != STEP_ADMIT)
			j->parts[i].attempt = (struct attempt){ .n = 1, .open = true, .reported_micros = -1 };
	metric_inc(jobs_accepted_total, j->parts[0].account->driver->type, NULL);
	if (j->record->price > 0)
		metric_add(METRIC_ID_credits_total, "hold", NULL, j->record->price);
	LOG_INFO(&j->log, "job.accepted", KV_STR("user", j->record->user_id), KV_STR("model", j->record->model),
	         KV_INT("images", j->record->num_images), KV_INT("price", j->record->price));
	job_start(j, (uint64_t)deadline_s * 1000u);
	if (core->engine->parking)
		job_park(j, false);
	accept_end(c, (struct fault){ .code = FAULT_NONE });
}

/* Sent, and no answer: told "no" now, ended later should it turn out to have been a "yes". */
static void accept_unknown(struct jobs_accept *c)
{
	const struct job_record *r = c->job->record;

	LOG_WARN(&c->job->log, "job.accept_unknown");
	sweeper_bury(c->core->sweeper, r->user_id, r->id);
	accept_end(c, (struct fault){ .code = FAULT_STORE_DOWN,
	                              .cause = STR("the answer to the commit was lost"),
	                              .retry_after_s = 1 });
}

static void accept_answered(struct op *op)
{
	struct group_item *item = CONTAINER_OF(op, struct group_item, op);
	struct accept_row *row = CONTAINER_OF(item, struct accept_row, item);
	struct jobs_accept *c = row->caller;
	enum fault_code code = op->fault.code;
	bool lost = code == FAULT_CLOSED || code == FAULT_TIMEOUT;

	if (code == FAULT_NONE && row->outcome == ACCEPT_OK) {
		accept_started(c);
	} else if (code == FAULT_INTERNAL && c->unknown && !strcmp(row->item.sqlstate, "23505")) {
		row->credits = -1; /* it was committed the first time: the id is there */
		accept_started(c);
	} else if (lost && code == FAULT_CLOSED && loop_now_ms(c->core->loop) < c->started_ms + UNKNOWN_PATIENCE_MS) {
		c->unknown = true;
		accept_row_again(row, accept_answered);
	} else if (lost || (c->unknown && code != FAULT_NONE)) {
		accept_unknown(c);
	} else if (code == FAULT_INTERNAL) {
		accept_end(c, (struct fault){ .code = FAULT_BUSY,
		                              .cause = STR("the database refused the row"),
		                              .retry_after_s = 1 });
	} else if (code != FAULT_NONE) {
		accept_end(c, (struct fault){ .code = code, .retry_after_s = 1 });
	} else {
		static const enum fault_code codes[] = {
			[ACCEPT_OK] = FAULT_NONE,
			[ACCEPT_POOR] = FAULT_INSUFFICIENT,
			[ACCEPT_NO_USER] = FAULT_UNAUTHORIZED,
			[ACCEPT_NO_LEASE] = FAULT_STORE_DOWN,
		};

		c->credits = row->credits;
		c->price = c->job->record->price;
		accept_end(c, (struct fault){ .code = codes[row->outcome] });
	}
}

/* ---- the call ---- */

static struct fault accept_route(struct core *core, struct jobs_accept *c, const struct job_spec *spec,
                                 struct account **account, const struct catalog_row **row)
{
	enum fault_code code = accounts_route(core->accounts, core->catalog, spec->model, account, row, &c->nearest);

	if (code != FAULT_NONE)
		return (struct fault){ .code = code };
	if (!catalog_can(*row, spec->operation))
		return (struct fault){ .code = FAULT_UNSUPPORTED, .detail = (*row)->name };
	if (!lease_is_held(core->lease))
		return (struct fault){ .code = FAULT_STORE_DOWN, .retry_after_s = 1 };
	return (struct fault){ .code = FAULT_NONE };
}

void jobs_accept_init(struct jobs_accept *c, struct core *core, void (*done)(struct op *op))
{
	*c = (struct jobs_accept){ .core = core };
	op_init(&c->op, core->loop, done);
}

void jobs_accept(struct core *core, struct jobs_accept *c, const struct job_spec *spec)
{
	const struct catalog_row *row;
	struct account *account;
	struct fault fault;

	op_begin(&c->op, &c->slot, 0);
	c->started_ms = loop_now_ms(core->loop);
	fault = accept_route(core, c, spec, &account, &row);
	if (fault.code != FAULT_NONE) {
		accept_end(c, fault);
		return;
	}
	c->job = job_from_spec(core, spec, account, row);
	if (!c->job) {
		accept_end(c, (struct fault){ .code = FAULT_QUEUE_FULL, .retry_after_s = 5 });
		return;
	}
	c->row = accept_row_add(c->job, accept_answered);
	c->row->caller = c;
}

void jobs_accept_clear(struct jobs_accept *c)
{
	record_unref(&c->record);
}

enum fault_code jobs_price(struct core *core, struct str model, unsigned num_images, int64_t *price,
                           struct str *nearest)
{
	const struct catalog_row *row;
	struct account *account;
	enum fault_code code = accounts_route(core->accounts, core->catalog, model, &account, &row, nearest);

	*price = code == FAULT_NONE ? catalog_price(row, num_images) : 0;
	return code;
}
