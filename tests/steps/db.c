/*
 * db - a database of one job: what sql/queries do to its row, its parts, its attempts and its ledger.
 *
 * Arrays travel in a text of our own: each element ends with US, a NULL is RS before it. Every rule that the
 * real schema enforces (price held once, captured + returned = held, one end) is checked where it is written.
 */
#include <stdio.h>
#include <string.h>

#include "io/pg.h"
#include "world.h"

enum { ROWS = 4, COLUMNS = 16, ELEMENT_END = 0x1f, ELEMENT_NULL = 0x1e };

struct pg_result {
	unsigned rows;
	struct str cells[ROWS][COLUMNS];
	const char *sqlstate;
	enum fault_code refused; /* by Postgres */
};

/* ---- io/pg.h ---- */

void pg_array_start(struct buf *b)
{
	(void)b;
}

void pg_array_end(struct buf *b)
{
	(void)b;
}

void pg_array_str(struct buf *b, struct str s)
{
	if (s.p)
		buf_str(b, s);
	else
		buf_byte(b, ELEMENT_NULL);
	buf_byte(b, ELEMENT_END);
}

void pg_array_int(struct buf *b, int64_t v)
{
	buf_i64(b, v);
	buf_byte(b, ELEMENT_END);
}

void pg_call_init(struct pg_call *call, struct loop *loop, void (*done)(struct op *op))
{
	*call = (struct pg_call){ 0 };
	op_init(&call->op, loop, done);
}

void pg_call_clear(struct pg_call *call)
{
	call->result = NULL; /* in the schedule's arena */
}

unsigned pg_rows(const struct pg_call *call)
{
	return call->result ? call->result->rows : 0;
}

struct str pg_detail(const struct pg_call *call)
{
	(void)call;
	return STR(""); /* this database never refuses a row */
}

struct str pg_text(const struct pg_call *call, unsigned row, unsigned column)
{
	CHECK(row < call->result->rows && column < COLUMNS);
	return call->result->cells[row][column];
}

bool pg_is_null(const struct pg_call *call, unsigned row, unsigned column)
{
	return !pg_text(call, row, column).p;
}

int64_t pg_int(const struct pg_call *call, unsigned row, unsigned column)
{
	int64_t v = 0;

	return str_to_i64(pg_text(call, row, column), &v) ? v : 0;
}

bool pg_bool(const struct pg_call *call, unsigned row, unsigned column)
{
	return str_is(pg_text(call, row, column), "t");
}

static enum kind kind_of(enum stmt_id stmt)
{
	switch ((int)stmt) {
	case STMT_ACCEPT:
	case STMT_ACCEPT_WAITING: return KIND_ACCEPT;
	case STMT_ATTEMPT: return KIND_ATTEMPT;
	case STMT_RECORD: return KIND_RECORD;
	case STMT_SETTLE:
	case STMT_SETTLE_WAITING: return KIND_SETTLE;
	case STMT_TAKE_OVER: return KIND_TAKE_OVER;
	default: check_failed(__FILE__, __LINE__, "a statement that is not expected here");
	}
}

void pg_call(struct pg *pg, enum pg_class which, struct pg_call *call, enum stmt_id stmt, const struct str *params,
             unsigned count)
{
	enum kind kind = kind_of(stmt);
	struct flight *f = flight_new(kind, &call->op, alternative_choose(kind));
	struct str *copies = arena_array(&w.arena, struct str, count);

	(void)pg, (void)which;
	call->sqlstate[0] = 0;
	for (unsigned i = 0; i < count; i++)
		copies[i] = arena_copy(&w.arena, params[i]);
	f->call = call;
	f->params = copies;
	f->result = arena_new(&w.arena, struct pg_result);
	flight_go(f);
}

void db_report(struct flight *f)
{
	struct pg_call *call = f->call;
	enum fault_code code = f->alt->fault;
	const char *sqlstate = f->result->sqlstate;

	if (f->alt->answer == ANSWER_LOCKED || f->alt->answer == ANSWER_REFUSED_ROW)
		db_execute(f); /* it has no effect, but an answer */
	sqlstate = f->result->sqlstate;
	if (code == FAULT_NONE && f->result->refused)
		code = f->result->refused;
	w.refused_end |= f->kind == KIND_SETTLE && code == FAULT_INTERNAL;
	if (code == FAULT_INTERNAL)
		memcpy(call->sqlstate, sqlstate ? sqlstate : "22P02", sizeof call->sqlstate);
	call->result = code == FAULT_NONE ? f->result : NULL;
	op_finish(f->slot, code);
}

/* ---- elements ---- */

static struct str element(const struct flight *f, unsigned param, unsigned i)
{
	struct str rest = f->params[param], s = { NULL, 0 };

	for (unsigned k = 0; k <= i; k++)
		s = str_cut(&rest, ELEMENT_END);
	return s.n == 1 && s.p[0] == ELEMENT_NULL ? (struct str){ NULL, 0 } : s;
}

static unsigned elements(const struct flight *f, unsigned param)
{
	unsigned n = 0;

	for (size_t i = 0; i < f->params[param].n; i++)
		n += f->params[param].p[i] == ELEMENT_END;
	return n;
}

static int64_t element_int(const struct flight *f, unsigned param, unsigned i)
{
	int64_t v = -1;

	return str_to_i64(element(f, param, i), &v) ? v : -1;
}

static uint64_t epoch_of(struct str s)
{
	int64_t v;

	CHECK(str_to_i64(s, &v));
	return (uint64_t)v;
}

static void cell(struct flight *f, unsigned row, unsigned column, struct str s)
{
	CHECK(row < ROWS);
	f->result->cells[row][column] = s;
	if (f->result->rows <= row)
		f->result->rows = row + 1;
}

static void cell_int(struct flight *f, unsigned row, unsigned column, int64_t v)
{
	cell(f, row, column, arena_printf(&w.arena, "%lld", (long long)v));
}

static struct row_part *part_at(const struct flight *f, unsigned param, unsigned i)
{
	int64_t part = element_int(f, param, i);

	CHECK(part >= 1 && part <= PARTS);
	return &w.row.parts[part];
}

static struct row_attempt *attempt_at(struct row_part *p, int64_t n)
{
	CHECK(n >= 0 && n < ATTEMPTS);
	return &p->attempts[n];
}

static const char *step_named(struct str s)
{
	static const char *const names[] = { "ADMIT", "SUBMIT", "CALL", "WAIT", "FAILED" };

	for (unsigned i = 0; i < COUNT_OF(names); i++)
		if (str_is(s, names[i]))
			return names[i];
	violated("the database refuses the step %.*s", STRF(s));
	return NULL;
}

static void text_into(char *out, size_t size, struct str s)
{
	CHECK(str_to_cstr(str_sub(s, 0, size - 1), out, size));
}

static void attempt_begin(struct row_part *p, int64_t n, uint64_t epoch)
{
	struct row_attempt *a = attempt_at(p, n);

	if (a->exists)
		return;
	*a = (struct row_attempt){ .exists = true, .epoch = epoch };
	if (n != p->newest + 1)
		violated("attempt %lld follows %u", (long long)n, p->newest);
	if (p->newest && !attempt_at(p, p->newest)->outcome[0])
		violated("attempt %lld begins while its predecessor is open", (long long)n);
	p->newest = (unsigned)n;
}

/* ---- accept.sql ---- */

static void accept_execute(struct flight *f)
{
	struct row_job *row = &w.row;
	uint64_t epoch = epoch_of(f->params[17]);

	cell(f, 0, 0, element(f, 0, 0));
	cell_int(f, 0, 2, 100);
	if (row->exists) {
		f->result->refused = FAULT_INTERNAL;
		f->result->sqlstate = "23505";
		return;
	}
	if (epoch != w.life) {
		cell(f, 0, 1, STR("no_lease"));
		return;
	}
	cell(f, 0, 1, STR("ok"));
	*row = (struct row_job){ .exists = true, .epoch = epoch, .status = JOB_PENDING };
	text_into(row->id, sizeof row->id, element(f, 0, 0));
	text_into(row->user, sizeof row->user, element(f, 1, 0));
	row->price = element_int(f, 2, 0);
	row->held = row->user_held = row->price;
	row->num_images = (unsigned)element_int(f, 10, 0);
	row->parts_count = (unsigned)element_int(f, 11, 0);
	row->deadline_ms = loop_now_ms(&w.loop) + (uint64_t)element_int(f, 13, 0) * 1000;
	for (unsigned i = 1; i <= row->parts_count; i++) {
		struct row_part *p = &row->parts[i];

		p->images = (unsigned)element_int(f, 12, 0);
		p->step = step_named(element(f, 14, 0));
		if (strcmp(p->step, "ADMIT") != 0)
			attempt_begin(p, 1, epoch);
	}
}

/* ---- attempt.sql ---- */

static bool attempt_is_ok(const struct row_attempt *a, uint64_t epoch)
{
	return w.row.exists && !w.row.completed && w.row.epoch == epoch &&
	       (!a->exists || (!a->outcome[0] && a->epoch == epoch));
}

static void attempt_execute(struct flight *f)
{
	uint64_t epoch = epoch_of(f->params[12]);

	for (unsigned i = 0; i < elements(f, 1); i++) {
		struct row_part *p = part_at(f, 2, i);
		int64_t end = element_int(f, 3, i), begin = element_int(f, 6, i);
		bool was_there = attempt_at(p, begin)->exists;
		bool ok = attempt_is_ok(begin ? attempt_at(p, begin) : &(struct row_attempt){ 0 }, epoch);

		cell(f, i, 2, ok ? STR("t") : STR("f"));
		if (!ok)
			continue;
		if (end > 0 && !attempt_at(p, end)->outcome[0])
			text_into(attempt_at(p, end)->outcome, sizeof p->attempts->outcome, element(f, 4, i));
		if (begin > 0)
			attempt_begin(p, begin, epoch);
		if (!begin || !was_there)
			p->step = step_named(element(f, 9, i));
	}
}

/* ---- record.sql ---- */

static void record_execute(struct flight *f)
{
	uint64_t epoch = epoch_of(f->params[7]);

	for (unsigned i = 0; i < elements(f, 1); i++) {
		struct row_part *p = part_at(f, 2, i);
		bool ok = !w.row.completed && w.row.epoch == epoch && element_int(f, 3, i) == p->newest;

		cell(f, i, 2, ok ? STR("t") : STR("f"));
		if (!ok)
			continue;
		p->step = "WAIT";
		text_into(p->handle, sizeof p->handle, element(f, 4, i));
		CHECK(p->handle[0]);
	}
}

/* ---- settle.sql ---- */

static void job_close(enum job_status status, int64_t charged, struct str error)
{
	struct row_job *row = &w.row;

	row->status = status;
	row->completed = true;
	row->ends++;
	row->captured += charged;
	row->returned += row->price - charged;
	row->user_held -= row->price;
	text_into(row->error, sizeof row->error, error);
	for (unsigned i = 1; i <= row->parts_count; i++)
		for (unsigned n = 1; n <= row->parts[i].newest; n++)
			if (!row->parts[i].attempts[n].outcome[0])
				text_into(row->parts[i].attempts[n].outcome, 8, STR("unknown"));
	trace("the row ends as %s, %lld charged", job_status_name(status), (long long)charged);
}

static void settle_pictures(const struct flight *f, enum job_status status, int64_t charged)
{
	unsigned pictures = elements(f, 11);
	bool seen[PICTURES + 1] = { false };

	for (unsigned i = 0; i < pictures; i++) {
		int64_t n = element_int(f, 12, i);

		if (n < 1 || n > w.row.num_images || seen[n])
			violated("picture %lld twice or out of range", (long long)n);
		else if (!w.picture[n])
			violated("picture %lld is charged but was never stored", (long long)n);
		else
			seen[n] = true;
	}
	w.row.pictures = pictures;
	if (charged != w.row.price / w.row.num_images * pictures)
		violated("%lld charged for %u pictures", (long long)charged, pictures);
	if ((status == JOB_COMPLETED) != (pictures > 0))
		violated("%s with %u pictures", job_status_name(status), pictures);
}

static void settle_attempts(const struct flight *f)
{
	for (unsigned i = 0; i < elements(f, 21); i++) {
		struct row_attempt *a = attempt_at(part_at(f, 22, i), element_int(f, 23, i));

		if (!a->exists)
			violated("an attempt ends that never began");
		if (!a->outcome[0])
			text_into(a->outcome, sizeof a->outcome, element(f, 24, i));
	}
}

static void settle_execute(struct flight *f)
{
	struct row_job *row = &w.row;
	int64_t charged = element_int(f, 3, 0);
	enum job_status status = JOB_FAILED;

	cell(f, 0, 0, element(f, 1, 0));
	cell_int(f, 0, 2, 100);
	if (row->completed) {
		cell(f, 0, 1, STR("already"));
		cell(f, 0, 3, str_from(job_status_name(row->status)));
		return;
	}
	if (row->epoch != epoch_of(f->params[29])) {
		cell(f, 0, 1, STR("stale"));
		return;
	}
	cell(f, 0, 1, STR("ok"));
	CHECK(elements(f, 1) == 1 && job_status_from(element(f, 2, 0), &status));
	if (charged < 0 || charged > row->price)
		violated("%lld charged of %lld", (long long)charged, (long long)row->price);
	settle_pictures(f, status, charged);
	settle_attempts(f);
	job_close(status, charged, element(f, 4, 0));
}

/* ---- reap_one.sql ---- */

void db_sweep(void)
{
	if (!w.row.exists || w.row.completed)
		return;
	w.swept = true;
	job_close(JOB_FAILED, 0, STR("deadline"));
}

/* ---- take_over.sql ---- */

static void attempts_json(struct buf *b, const struct row_part *p)
{
	for (unsigned n = 1; n <= p->newest; n++) {
		const char *outcome = p->attempts[n].outcome;

		buf_printf(b, "%s{\"n\":%u,\"provider_id\":\"p_default\",\"outcome\":", n > 1 ? "," : "", n);
		if (outcome[0])
			buf_printf(b, "\"%s\"}", outcome);
		else
			buf_cstr(b, "null}");
	}
}

static struct str parts_json(void)
{
	struct buf b;
	struct str s;

	buf_init(&b, 16 * 1024);
	for (unsigned i = 1; i <= w.row.parts_count; i++) {
		const struct row_part *p = &w.row.parts[i];

		buf_printf(&b, "%s{\"part\":%u,\"images\":%u,\"step\":\"%s\",\"handle\":\"%s\",\"attempts\":[",
		           i > 1 ? "," : "[", i, p->images, p->step, p->handle);
		attempts_json(&b, p);
		buf_cstr(&b, "]}");
	}
	buf_byte(&b, ']');
	s = arena_copy(&w.arena, buf_view(&b));
	buf_clear(&b);
	return s;
}

static void take_over_execute(struct flight *f)
{
	struct row_job *row = &w.row;
	struct str texts[COLUMNS] = { str_from(row->user),  str_from(row->id), STR("PENDING"),
		                      STR("text_to_image"), STR("a cat"),      STR("{}"),
		                      model.name,           STR("p_default"),  STR("imagen4") };

	if (!row->exists || row->completed || row->epoch >= epoch_of(f->params[1]))
		return;
	row->epoch = epoch_of(f->params[1]);
	for (unsigned i = 0; i < 9; i++)
		cell(f, 0, i, texts[i]);
	cell_int(f, 0, 9, row->num_images);
	cell_int(f, 0, 10, row->price);
	cell_int(f, 0, 11, (int64_t)row->deadline_ms * 1000);
	cell_int(f, 0, 12, (int64_t)w.started_ms * 1000);
	cell(f, 0, 13, row->cancel_wished ? STR("t") : STR("f"));
	cell(f, 0, 14, model.upstream);
	cell(f, 0, 15, parts_json());
}

void db_execute(struct flight *f)
{
	if (f->alt->answer == ANSWER_LOCKED) {
		cell(f, 0, 0, element(f, 1, 0));
		cell(f, 0, 1, STR("locked"));
		return;
	}
	if (f->alt->answer == ANSWER_REFUSED_ROW)
		return;
	f->result->rows = 0;
	switch ((int)f->kind) {
	case KIND_ACCEPT: accept_execute(f); break;
	case KIND_ATTEMPT: attempt_execute(f); break;
	case KIND_RECORD: record_execute(f); break;
	case KIND_SETTLE: settle_execute(f); break;
	case KIND_TAKE_OVER: take_over_execute(f); break;
	default: check_failed(__FILE__, __LINE__, "not a statement");
	}
}
