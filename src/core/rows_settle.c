/*
 * rows_settle - the statement that closes jobs: one row a job, beside it two flat lists, of
 * pictures and of attempts, that name their job.
 */
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/uid.h"
#include "base/wall.h"
#include "core/rows.h"
#include "providers/catalog.h"

enum {
	JOB_ARRAYS = 11,
	PICTURE_ARRAYS = 10,
	ATTEMPT_ARRAYS = 7,
	ALL_ARRAYS = JOB_ARRAYS + PICTURE_ARRAYS + ATTEMPT_ARRAYS,
	SETTLE_PARAMS = ALL_ARRAYS + 2,
};

static struct str or_null(struct str s)
{
	return s.n ? s : (struct str){ NULL, 0 };
}

/* What is known of a job and has no column of its own: {"seeds": {"1": 42}}, by number of the picture. */
static void metadata_write(const struct settle_row *row, struct buf *out)
{
	struct buf text;
	struct json_writer w;
	char n[16];

	buf_init(&text, 4096);
	w = json_writer(&text);
	jw_object(&w);
	jw_key(&w, "seeds");
	jw_object(&w);
	for (unsigned i = 0; i < row->picture_count; i++) {
		if (!row->pictures[i]->has_seed)
			continue;
		snprintf(n, sizeof n, "%u", row->pictures[i]->n);
		jw_kv_int(&w, n, row->pictures[i]->seed);
	}
	jw_end_object(&w);
	jw_end_object(&w);
	pg_array_str(out, buf_view(&text));
	buf_clear(&text);
}

static void build_job(const struct settle_row *row, struct buf *b)
{
	const struct job_record *r = row->job->record;
	bool failed = row->status != JOB_COMPLETED;
	char seconds[32];

	snprintf(seconds, sizeof seconds, "%.6f", (double)row->generation_us / 1e6);
	pg_array_str(&b[0], r->user_id);
	pg_array_str(&b[1], r->id);
	pg_array_str(&b[2], str_from(job_status_name(row->status)));
	pg_array_int(&b[3], row->charged);
	pg_array_str(&b[4], failed ? str_from(fault_slug(row->fault.code)) : (struct str){ NULL, 0 });
	pg_array_str(&b[5], failed ? or_null(row->fault.detail) : (struct str){ NULL, 0 });
	pg_array_str(&b[6], str_from(seconds));
	pg_array_int(&b[7], row->cost_micros);
	pg_array_str(&b[8], r->provider_id);
	pg_array_str(&b[9], r->model);
	metadata_write(row, &b[10]);
}

static void build_pictures(const struct settle_row *row, struct buf *b)
{
	for (unsigned k = 0; k < row->picture_count; k++) {
		const struct job_picture *p = row->pictures[k];
		struct uid object = uid_new("obj_");

		pg_array_str(&b[0], row->job->record->id);
		pg_array_int(&b[1], p->n);
		pg_array_str(&b[2], p->id);
		pg_array_str(&b[3], str_from(object.text));
		pg_array_str(&b[4], p->key);
		pg_array_str(&b[5], p->sha256);
		pg_array_int(&b[6], (int64_t)p->bytes);
		pg_array_str(&b[7], p->content_type);
		pg_array_int(&b[8], p->width);
		pg_array_int(&b[9], p->height);
	}
}

/* What a part has cost: as reported, else estimated for a task that was taken. */
int64_t part_cost_micros(const struct part *p)
{
	const struct job *j = p->run.job;
	const struct job_params *params = &j->record->params;

	if (p->attempt.reported_micros >= 0)
		return p->attempt.reported_micros;
	if (p->stored == 0 || !j->row)
		return 0;
	return catalog_cost_micros(j->row, p->source_count > p->stored ? p->source_count : p->stored, params->width,
	                           params->height);
}

static void build_attempts(const struct settle_row *row, struct buf *b)
{
	const struct job *j = row->job;

	for (unsigned k = 0; k < j->part_count; k++) {
		const struct part *p = &j->parts[k];

		if (!p->attempt.open)
			continue;
		pg_array_str(&b[0], j->record->id);
		pg_array_int(&b[1], p->number);
		pg_array_int(&b[2], p->attempt.n);
		pg_array_str(&b[3], str_from(attempt_outcome(p->attempt.ended ? p->attempt.outcome
		                                             : p->stored      ? FAULT_NONE
		                                             : p->fault.code  ? p->fault.code
		                                                              : j->stop)));
		pg_array_str(&b[4], or_null(p->attempt.ended ? p->attempt.error : p->fault.detail));
		if (p->attempt.reported_micros >= 0)
			pg_array_int(&b[5], p->attempt.reported_micros);
		else
			pg_array_str(&b[5], (struct str){ NULL, 0 });
		pg_array_int(&b[6], part_cost_micros(p));
	}
}

static void settle_build(struct group *g, struct group_item *const *items, unsigned n, struct buf *b)
{
	arrays_start(b, ALL_ARRAYS);
	for (unsigned k = 0; k < n; k++) {
		const struct settle_row *row = CONTAINER_OF(items[k], struct settle_row, item);

		build_job(row, b);
		build_pictures(row, b + JOB_ARRAYS);
		build_attempts(row, b + JOB_ARRAYS + PICTURE_ARRAYS);
	}
	arrays_end(b, ALL_ARRAYS);
	owner_params(group_user(g), &b[ALL_ARRAYS]);
}

static enum group_verdict settle_read(struct group *g, const struct pg_call *call, unsigned n, struct group_item *item)
{
	struct settle_row *row = CONTAINER_OF(item, struct settle_row, item);
	struct str outcome = pg_text(call, n, 1);

	(void)g;
	if (str_is(outcome, "locked"))
		return GROUP_LOCKED;
	row->outcome = str_is(outcome, "ok") ? SETTLE_OK : str_is(outcome, "already") ? SETTLE_ALREADY : SETTLE_STALE;
	if (row->outcome == SETTLE_ALREADY && !job_status_from(pg_text(call, n, 3), &row->final_status))
		row->final_status = row->status;
	return GROUP_DONE;
}

struct group *settle_group_new(struct engine *e)
{
	e->settle_kind = (struct group_kind){
		.name = "settle",
		.connection = PG_SETTLE,
		.statement = STMT_SETTLE,
		.waiting_statement = STMT_SETTLE_WAITING,
		.params = SETTLE_PARAMS,
		.build = settle_build,
		.read = settle_read,
		.user = e,
	};
	return group_new(e->core->loop, e->core->pg, &e->core->log, &e->settle_kind);
}

static void collect_pictures(struct settle_row *row)
{
	struct job *j = row->job;

	row->pictures = mem_alloc(sizeof *row->pictures * (job_stored(j) + 1));
	for (unsigned i = 0; i < j->part_count; i++)
		for (unsigned k = 0; k < j->parts[i].stored; k++)
			row->pictures[row->picture_count++] = &j->parts[i].pictures[k];
}

/* Why the job failed: what somebody wanted, else the first part's reason. */
static struct fault job_fault(const struct job *j)
{
	if (j->stop != FAULT_NONE)
		return (struct fault){ .code = j->stop };
	for (unsigned i = 0; i < j->part_count; i++)
		if (j->parts[i].fault.code != FAULT_NONE)
			return j->parts[i].fault;
	return (struct fault){ .code = FAULT_INTERNAL };
}

struct settle_row *settle_row_add(struct job *j, enum job_status status, void (*done)(struct op *op))
{
	struct settle_row *row = mem_new(struct settle_row);
	unsigned stored = job_stored(j);

	row->job = j;
	row->status = status;
	if (status == JOB_COMPLETED) {
		row->charged = j->record->price / j->record->num_images * stored;
		collect_pictures(row);
	}
	for (unsigned i = 0; i < j->part_count; i++)
		row->cost_micros += part_cost_micros(&j->parts[i]);
	row->generation_us = wall_us() - j->record->created_us;
	row->fault = job_fault(j);
	group_item_init(&row->item, j->engine->core->loop, done);
	group_add(j->engine->settle, &row->item, 512 + 512 * (size_t)stored);
	return row;
}

void settle_row_free(struct settle_row **rp)
{
	mem_release((*rp)->pictures);
	mem_release(*rp);
	*rp = NULL;
}
