/*
 * resume - one take_over statement a second, more as long as they come back full.
 */
#include "core/resume.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/wall.h"
#include "core/engine.h"
#include "core/lease.h"
#include "providers/catalog.h"

enum { TICK_MS = 1000, AT_ONCE = 200, LATE_MS = 1000 };

/* Columns of take_over.sql. */
enum {
	USER_ID,
	ID,
	STATUS,
	OPERATION,
	PROMPT,
	PARAMS,
	MODEL,
	PROVIDER_ID,
	GENERATION_TYPE,
	NUM_IMAGES,
	PRICE,
	DEADLINE_US,
	CREATED_US,
	CANCEL_REQUESTED,
	SOURCE_MODEL,
	PARTS,
};

struct resume {
	struct core *core;
	struct timer tick;
	struct pg_call call;
	bool running;
};

static struct job_record *record_taken(const struct pg_call *call, unsigned row)
{
	struct job_record *r = record_new();
	struct arena *a = &r->arena;

	if (!job_status_from(pg_text(call, row, STATUS), &r->status))
		r->status = JOB_PENDING;
	r->id = arena_copy(a, pg_text(call, row, ID));
	r->user_id = arena_copy(a, pg_text(call, row, USER_ID));
	r->operation = arena_copy(a, pg_text(call, row, OPERATION));
	r->prompt = arena_copy(a, pg_text(call, row, PROMPT));
	job_params_read(a, pg_text(call, row, PARAMS), &r->params);
	r->model = arena_copy(a, pg_text(call, row, MODEL));
	r->source_model = arena_copy(a, pg_text(call, row, SOURCE_MODEL));
	r->provider_id = arena_copy(a, pg_text(call, row, PROVIDER_ID));
	r->generation_type = arena_copy(a, pg_text(call, row, GENERATION_TYPE));
	r->num_images = (unsigned)pg_int(call, row, NUM_IMAGES);
	r->price = pg_int(call, row, PRICE);
	r->created_us = r->updated_us = pg_int(call, row, CREATED_US);
	r->cancel_requested = pg_bool(call, row, CANCEL_REQUESTED);
	return r;
}

/* The newest attempt of a part, as its row has it; a fallback may have gone to another account than the job's first. */
static void attempt_read(struct part *p, const struct json *attempts)
{
	const struct json *last = json_at(attempts, json_count(attempts) - 1);
	struct str account = p->run.job->record->provider_id;

	if (json_count(attempts) > 0) {
		p->attempt.n = (unsigned)json_int(json_get(last, "n"), 0);
		p->attempt.open = json_type(json_get(last, "outcome")) != JSON_STRING;
		account = json_str(json_get(last, "provider_id"));
	}
	CHECK(str_to_cstr(str_sub(account, 0, sizeof p->account_id - 1), p->account_id, sizeof p->account_id));
}

static void part_went_unknown(struct part *p)
{
	part_fail(p, &(struct fault){ .code = FAULT_OUTCOME_UNKNOWN,
	                              .cause = STR("restarted while the provider was being asked") });
	p->run.step = STEP_OVER;
}

static void part_resume(struct part *p, const struct json *v)
{
	struct core *core = p->run.job->engine->core;
	struct str step = json_str(json_get(v, "step"));
	struct account *a;

	attempt_read(p, json_get(v, "attempts"));
	a = accounts_find(core->accounts, str_from(p->account_id));
	if (a)
		part_set_account(p, a);
	p->handle = arena_copy(&p->arena, json_str(json_get(v, "handle")));
	p->provider_request_id = arena_copy(&p->arena, json_str(json_get(v, "provider_request_id")));
	p->submitted_ms = loop_now_ms(core->loop);
	if (str_is(step, "WAIT") && p->handle.n) {
		p->handle_recorded = true;
		p->run.step = STEP_WAIT;
	} else if (str_is(step, "CALL") && a && (a->driver->capabilities & IMAGO_REPEATABLE)) {
		p->run.step = STEP_CALL;
	} else if (str_is(step, "ADMIT")) {
		part_close_attempt(p, &(struct fault){ .code = FAULT_NOT_SENT });
		p->run.step = STEP_ADMIT;
	} else {
		part_went_unknown(p);
	}
}

/* A job that was taken over and cannot even be built is ended by the sweeper at its deadline. */
static void job_resume(struct resume *s, const struct pg_call *call, unsigned row)
{
	struct engine *e = s->core->engine;
	struct job_record *record = record_taken(call, row);
	struct json_error error;
	struct json *parts = json_parse(pg_text(call, row, PARTS), &error);
	size_t n = json_count(parts);
	int64_t left_ms = (pg_int(call, row, DEADLINE_US) - wall_us()) / 1000;
	struct job *j = NULL;

	if (n >= 1 && n <= JOB_PARTS_MAX && record->num_images >= 1 && !engine_find(e, record->id))
		j = job_new(e, record, (unsigned)n, (record->num_images + (unsigned)n - 1) / (unsigned)n);
	if (!j) {
		LOG_WARN(&s->core->log, "resume.skipped", KV_STR("job", record->id), KV_INT("parts", n));
		record_unref(&record);
		json_free(&parts);
		return;
	}
	j->row = catalog_find(s->core->catalog, record->model, (struct str){ NULL, 0 });
	for (unsigned i = 0; i < n; i++) {
		struct part *p = &j->parts[i];

		p->images = (unsigned)json_int(json_get(json_at(parts, i), "images"), p->images);
		part_resume(p, json_at(parts, i));
		LOG_INFO(&j->log, "job.resumed", KV_INT("part", p->number), KV_CSTR("step", steps[p->run.step].name));
	}
	json_free(&parts);
	metric_inc(jobs_taken_over_total, NULL, NULL);
	if (record->cancel_requested)
		j->stop = FAULT_CANCELLED;
	job_start(j, left_ms > LATE_MS ? (uint64_t)left_ms : LATE_MS);
}

static void resume_tick(struct timer *t);

static void resume_answered(struct op *op)
{
	struct pg_call *call = CONTAINER_OF(op, struct pg_call, op);
	struct resume *s = CONTAINER_OF(call, struct resume, call);
	/* After resume_stop they are left alone: whoever is next takes them over from us. */
	unsigned rows = op->fault.code == FAULT_NONE && s->running ? pg_rows(call) : 0;

	for (unsigned i = 0; i < rows; i++)
		job_resume(s, call, i);
	pg_call_clear(call);
	if (s->running)
		timer_start(s->core->loop, &s->tick, rows == AT_ONCE ? 1 : TICK_MS, resume_tick);
}

static void resume_tick(struct timer *t)
{
	struct resume *s = CONTAINER_OF(t, struct resume, tick);
	struct engine *e = s->core->engine;
	struct str params[3] = { lease_id(s->core->lease), lease_epoch(s->core->lease), STR("200") };

	if (!lease_is_held(s->core->lease) || e->live + AT_ONCE > s->core->settings.live_jobs_max) {
		timer_start(s->core->loop, &s->tick, TICK_MS, resume_tick);
		return;
	}
	pg_call(s->core->pg, PG_BULK, &s->call, STMT_TAKE_OVER, params, 3);
}

struct resume *resume_new(struct core *core)
{
	struct resume *s = mem_new(struct resume);

	s->core = core;
	pg_call_init(&s->call, core->loop, resume_answered);
	return s;
}

void resume_start(struct resume *s)
{
	s->running = true;
	resume_tick(&s->tick);
}

void resume_stop(struct resume *s)
{
	s->running = false;
	timer_stop(s->core->loop, &s->tick);
}

void resume_free(struct resume **sp)
{
	struct resume *s = *sp;

	if (!s)
		return;
	*sp = NULL;
	resume_stop(s);
	op_forget(&s->call.op);
	pg_call_clear(&s->call);
	mem_release(s);
}
