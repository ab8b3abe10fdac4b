/*
 * rows - accept, attempt and record: items to arrays, rows of results back to items.
 *
 * The order of the parameters is that of the files in sql/queries.
 */
#include "core/rows.h"

#include "base/mem.h"
#include "core/lease.h"
#include "providers/catalog.h"

const char *attempt_outcome(enum fault_code code)
{
	switch (code) {
	case FAULT_NONE: return "ok";
	case FAULT_NOT_SENT: return "not_sent";
	case FAULT_REFUSED: return "refused";
	case FAULT_PROVIDER_INPUT: return "bad_input";
	case FAULT_PROVIDER_KEY: return "credentials";
	case FAULT_PROVIDER_CREDITS: return "provider_credits";
	case FAULT_RATE_LIMITED: return "rate_limited";
	case FAULT_OVERLOADED: return "overloaded";
	case FAULT_MODEL_GONE: return "gone";
	case FAULT_OUTCOME_UNKNOWN: return "unknown";
	case FAULT_CANCELLED:
	case FAULT_DEADLINE: return "cancelled";
	default: return "failed";
	}
}

/* ---- arrays ---- */

void arrays_start(struct buf *bufs, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pg_array_start(&bufs[i]);
}

void arrays_end(struct buf *bufs, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pg_array_end(&bufs[i]);
}

/* Owner and epoch: the two scalars at the end of each of these statements. */
void owner_params(const struct engine *e, struct buf *bufs)
{
	buf_str(&bufs[0], lease_id(e->core->lease));
	buf_str(&bufs[1], lease_epoch(e->core->lease));
}

static void array_cstr(struct buf *b, const char *s)
{
	pg_array_str(b, str_from(s));
}

static int64_t part_estimate(const struct job *j, unsigned images)
{
	const struct job_params *p = &j->record->params;

	return j->row ? catalog_cost_micros(j->row, images, p->width, p->height) : 0;
}

/* ---- accept ---- */

enum { ACCEPT_ARRAYS = 16, ACCEPT_PARAMS = 18 };

static void accept_build(struct group *g, struct group_item *const *items, unsigned n, struct buf *b)
{
	struct engine *e = group_user(g);

	arrays_start(b, ACCEPT_ARRAYS);
	for (unsigned k = 0; k < n; k++) {
		struct accept_row *row = CONTAINER_OF(items[k], struct accept_row, item);
		const struct job *j = row->job;
		const struct job_record *r = j->record;
		uint64_t deadline_s = j->row->deadline_s;

		pg_array_str(&b[0], r->id);
		pg_array_str(&b[1], r->user_id);
		pg_array_int(&b[2], r->price);
		pg_array_str(&b[3], r->operation);
		pg_array_str(&b[4], r->prompt);
		pg_array_str(&b[5], buf_view(&row->params));
		pg_array_str(&b[6], r->model);
		pg_array_str(&b[7], r->source_model);
		pg_array_str(&b[8], r->provider_id);
		pg_array_str(&b[9], r->generation_type);
		pg_array_int(&b[10], r->num_images);
		pg_array_int(&b[11], j->part_count);
		pg_array_int(&b[12], j->parts[0].images);
		pg_array_int(&b[13], (int64_t)deadline_s);
		array_cstr(&b[14], steps[j->parts[0].run.step].name);
		pg_array_int(&b[15], part_estimate(j, j->parts[0].images));
	}
	arrays_end(b, ACCEPT_ARRAYS);
	owner_params(e, &b[16]);
}

static enum group_verdict accept_read(struct group *g, const struct pg_call *call, unsigned n, struct group_item *item)
{
	struct accept_row *row = CONTAINER_OF(item, struct accept_row, item);
	struct str outcome = pg_text(call, n, 1);

	(void)g;
	row->credits = pg_int(call, n, 2);
	if (str_is(outcome, "locked"))
		return GROUP_LOCKED;
	if (str_is(outcome, "poor")) {
		/* A cheaper neighbour may have been counted before it: believed only when it was alone. */
		row->outcome = ACCEPT_POOR;
		return item->retried || pg_rows(call) == 1 ? GROUP_DONE : GROUP_ONCE_MORE;
	}
	row->outcome = str_is(outcome, "ok")        ? ACCEPT_OK
	               : str_is(outcome, "no_user") ? ACCEPT_NO_USER
	                                            : ACCEPT_NO_LEASE;
	return GROUP_DONE;
}

static struct str accept_id(struct group_item *item)
{
	return CONTAINER_OF(item, struct accept_row, item)->job->record->id;
}

struct group *accept_group_new(struct engine *e)
{
	e->accept_kind = (struct group_kind){
		.name = "accept",
		.connection = PG_ACCEPT,
		.statement = STMT_ACCEPT,
		.waiting_statement = STMT_ACCEPT_WAITING,
		.params = ACCEPT_PARAMS,
		.id = accept_id,
		.build = accept_build,
		.read = accept_read,
		.user = e,
	};
	return group_new(e->core->loop, e->core->pg, &e->core->log, &e->accept_kind);
}

struct accept_row *accept_row_add(struct job *j, void (*done)(struct op *op))
{
	struct accept_row *row = mem_new(struct accept_row);

	row->job = j;
	group_item_init(&row->item, j->engine->core->loop, done);
	buf_init(&row->params, 16 * 1024);
	job_params_write(&j->record->params, &row->params);
	group_add(j->engine->accept, &row->item, j->record->prompt.n + buf_len(&row->params) + 256);
	return row;
}

void accept_row_again(struct accept_row *row, void (*done)(struct op *op))
{
	size_t bytes = row->item.bytes;

	group_item_init(&row->item, row->job->engine->core->loop, done);
	group_add(row->job->engine->accept, &row->item, bytes);
}

void accept_row_free(struct accept_row **rp)
{
	if (!*rp)
		return;
	buf_clear(&(*rp)->params);
	mem_release(*rp);
	*rp = NULL;
}

/* ---- attempt ---- */

enum { ATTEMPT_ARRAYS = 11, ATTEMPT_PARAMS = 13 };

static void attempt_build(struct group *g, struct group_item *const *items, unsigned n, struct buf *b)
{
	arrays_start(b, ATTEMPT_ARRAYS);
	for (unsigned k = 0; k < n; k++) {
		const struct attempt_row *row = CONTAINER_OF(items[k], struct attempt_row, item);
		const struct part *p = row->part;
		const struct job *j = p->run.job;
		bool in_house = p->account->driver->capabilities & IMAGO_IN_HOUSE;

		pg_array_str(&b[0], j->record->user_id);
		pg_array_str(&b[1], j->record->id);
		pg_array_int(&b[2], p->number);
		pg_array_int(&b[3], row->end_n);
		array_cstr(&b[4], row->end_n ? attempt_outcome(p->attempt.outcome) : NULL);
		pg_array_str(&b[5], row->end_n ? p->attempt.error : (struct str){ NULL, 0 });
		pg_array_int(&b[6], row->begin_n);
		pg_array_str(&b[7], p->account->at.id);
		pg_array_str(&b[8], j->record->model);
		array_cstr(&b[9], row->begin_n == 0 ? "ADMIT" : in_house ? "CALL" : "SUBMIT");
		pg_array_int(&b[10], part_estimate(j, p->images));
	}
	arrays_end(b, ATTEMPT_ARRAYS);
	owner_params(group_user(g), &b[11]);
}

static enum group_verdict attempt_read(struct group *g, const struct pg_call *call, unsigned n, struct group_item *item)
{
	(void)g;
	CONTAINER_OF(item, struct attempt_row, item)->ok = pg_bool(call, n, 2);
	return GROUP_DONE;
}

struct group *attempt_group_new(struct engine *e)
{
	e->attempt_kind = (struct group_kind){
		.name = "attempt",
		.connection = PG_SETTLE,
		.statement = STMT_ATTEMPT,
		.waiting_statement = STMT_COUNT,
		.params = ATTEMPT_PARAMS,
		.build = attempt_build,
		.read = attempt_read,
		.user = e,
	};
	return group_new(e->core->loop, e->core->pg, &e->core->log, &e->attempt_kind);
}

struct attempt_row *attempt_row_add(struct part *p, unsigned begin_n, void (*done)(struct op *op))
{
	struct engine *e = p->run.job->engine;
	struct attempt_row *row = mem_new(struct attempt_row);

	row->part = p;
	row->begin_n = begin_n;
	row->end_n = p->attempt.ended ? p->attempt.n : 0;
	group_item_init(&row->item, e->core->loop, done);
	group_add(e->attempt, &row->item, 512);
	return row;
}

void attempt_row_free(struct attempt_row **rp)
{
	mem_release(*rp);
	*rp = NULL;
}

/* ---- record ---- */

enum { RECORD_ARRAYS = 6, RECORD_PARAMS = 8 };

static void record_build(struct group *g, struct group_item *const *items, unsigned n, struct buf *b)
{
	arrays_start(b, RECORD_ARRAYS);
	for (unsigned k = 0; k < n; k++) {
		const struct part *p = CONTAINER_OF(items[k], struct record_row, item)->part;

		pg_array_str(&b[0], p->run.job->record->user_id);
		pg_array_str(&b[1], p->run.job->record->id);
		pg_array_int(&b[2], p->number);
		pg_array_int(&b[3], p->attempt.n);
		pg_array_str(&b[4], p->handle);
		pg_array_str(&b[5], p->provider_request_id);
	}
	arrays_end(b, RECORD_ARRAYS);
	owner_params(group_user(g), &b[6]);
}

static enum group_verdict record_read_row(struct group *g, const struct pg_call *call, unsigned n,
                                          struct group_item *item)
{
	(void)g;
	CONTAINER_OF(item, struct record_row, item)->ok = pg_bool(call, n, 2);
	return GROUP_DONE;
}

struct group *record_group_new(struct engine *e)
{
	e->record_kind = (struct group_kind){
		.name = "record",
		.connection = PG_SETTLE,
		.statement = STMT_RECORD,
		.waiting_statement = STMT_COUNT,
		.params = RECORD_PARAMS,
		.build = record_build,
		.read = record_read_row,
		.user = e,
	};
	return group_new(e->core->loop, e->core->pg, &e->core->log, &e->record_kind);
}

struct record_row *record_row_add(struct part *p, void (*done)(struct op *op))
{
	struct engine *e = p->run.job->engine;
	struct record_row *row = mem_new(struct record_row);

	row->part = p;
	group_item_init(&row->item, e->core->loop, done);
	group_add(e->record, &row->item, p->handle.n + 256);
	return row;
}

void record_row_free(struct record_row **rp)
{
	mem_release(*rp);
	*rp = NULL;
}
