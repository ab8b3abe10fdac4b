/*
 * pg_call - calls and their slots, results, array texts.
 *
 * A slot is the connection's side of a call: it holds the copied parameters until they
 * are sent and the result until its sync is read. An owner that cancels or forgets its op only cuts
 * the slot's pointer; the slot keeps its place in the pipeline, and its deadline, until the
 * answer came or the connection is given up.
 */
#include <stdio.h>

#include "base/mem.h"
#include "base/metric.h"
#include "io/pg_priv.h"

static PGresult *result_of(const struct pg_call *call)
{
	return (PGresult *)call->result;
}

/* ---- slots ---- */

static void slot_end(struct pg_slot *slot, enum fault_code code, const char *cause)
{
	if (slot->op)
		op_finish_with(slot->op, (struct fault){ .code = code, .cause = str_from(cause) });
	pg_slot_free(slot);
}

static void on_slot_due(struct timer *t)
{
	struct pg_slot *slot = CONTAINER_OF(t, struct pg_slot, timer);
	struct pg_conn *c = slot->conn;

	if (slot->place != SLOT_SENT) {
		metric_inc(postgres_failures_total, pg_class_name(c->which), "not_sent");
		slot_end(slot, FAULT_STORE_DOWN, "no connection to Postgres in time");
		return;
	}
	slot_end(slot, FAULT_TIMEOUT, "Postgres did not answer in time");
	pg_conn_lost(c, "timeout", "no answer in time");
}

static void slot_arm(struct pg_slot *slot, uint64_t wait_max_ms)
{
	struct loop *loop = slot->conn->pg->loop;
	uint64_t now = loop_now_ms(loop);
	uint64_t wait = slot->due_ms > now ? slot->due_ms - now : 0;

	timer_start(loop, &slot->timer, wait < wait_max_ms ? wait : wait_max_ms, on_slot_due);
}

static struct pg_slot *slot_new(struct pg_conn *c, unsigned timeout_ms, uint64_t due_ms)
{
	struct pg_slot *slot = slab_get(&c->pg->slots);

	CHECK(slot); /* the slab is larger than what all bounds allow */
	list_init(&slot->link);
	slot->conn = c;
	slot->params = slot->room;
	slot->timeout_ms = timeout_ms;
	slot->due_ms = due_ms;
	return slot;
}

struct pg_slot *pg_slot_before(const struct pg_slot *next, unsigned kind)
{
	struct pg_slot *slot = slot_new(next->conn, next->timeout_ms, next->due_ms);

	slot->kind = kind;
	slot->stmt = next->stmt;
	return slot;
}

static void params_release(struct pg_slot *slot)
{
	if (slot->params != slot->room)
		mem_release(slot->params);
	slot->params = slot->room;
}

static void slot_leave(struct pg_slot *slot)
{
	struct pg_conn *c = slot->conn;

	list_remove(&slot->link);
	switch (slot->place) {
	case SLOT_NEW: break;
	case SLOT_QUEUED:
		c->queued_count--;
		c->queued_bytes -= slot->size;
		break;
	case SLOT_SENT: c->sent_count--; break;
	}
	slot->place = SLOT_NEW;
}

void pg_slot_sent(struct pg_slot *slot)
{
	struct pg_conn *c = slot->conn;

	slot_leave(slot);
	params_release(slot);
	slot->place = SLOT_SENT;
	c->sent_count++;
	list_append(&c->sent, &slot->link);
	/* What goes before a call is watched over by the call's own deadline. */
	if (slot->kind == SLOT_CALL && slot->timer.due_ms != slot->due_ms)
		slot_arm(slot, UINT64_MAX);
}

void pg_slot_free(struct pg_slot *slot)
{
	struct pg *pg = slot->conn->pg;

	slot_leave(slot);
	timer_stop(pg->loop, &slot->timer);
	PQclear(slot->result);
	params_release(slot);
	slab_put(&pg->slots, slot);
}

void pg_slots_fail(struct pg_conn *c, struct link *list, enum fault_code code, const char *cause)
{
	struct link *first;

	(void)c;
	while ((first = list_first(list)))
		slot_end(CONTAINER_OF(first, struct pg_slot, link), code, cause);
}

void pg_slots_rearm(struct pg_conn *c)
{
	LIST_EACH(&c->queue, l)
		slot_arm(CONTAINER_OF(l, struct pg_slot, link), c->state == PG_UP ? UINT64_MAX : PG_WAIT_MS);
}

/* ---- answers ---- */

static bool sqlstate_is(const char *state, const char *prefix)
{
	return str_starts(str_from(state), str_from(prefix));
}

/* Nothing happened, and later it may: no room, shutting down, cancelled, a disk that fails, read-only. */
static bool is_outage(const char *state)
{
	static const char *const outages[] = { "53", "57", "58", "25006" };

	for (size_t i = 0; i < COUNT_OF(outages); i++)
		if (sqlstate_is(state, outages[i]))
			return true;
	return false;
}

/* Statement, code and Postgres' first words only: its details quote values. */
static void log_refused(struct pg_slot *slot, const char *state, const char *words)
{
	struct pg_conn *c = slot->conn;
	struct pg *pg = c->pg;
	uint64_t now = loop_now_ms(pg->loop);

	metric_inc(postgres_failures_total, pg_class_name(c->which), "refused");
	if (pg->refused_logged_ms && now - pg->refused_logged_ms < 1000) {
		pg->refused_unlogged++;
		return;
	}
	LOG_WARN(&pg->log, "postgres.refused", KV_CSTR("class", pg_class_name(c->which)),
	         KV_CSTR("statement", slot->kind == SLOT_SET ? "SET" : pg->config.statements[slot->stmt].name),
	         KV_CSTR("sqlstate", state), KV_CSTR("cause", words), KV_INT("unlogged", pg->refused_unlogged));
	pg->refused_logged_ms = now;
	pg->refused_unlogged = 0;
}

static void slot_refused(struct pg_slot *slot)
{
	const char *state = PQresultErrorField(slot->result, PG_DIAG_SQLSTATE);
	const char *words = PQresultErrorField(slot->result, PG_DIAG_MESSAGE_PRIMARY);
	struct pg_call *call;

	if (!state)
		state = "XX000";
	if (!words)
		words = "no result";
	log_refused(slot, state, words);
	if (slot->kind == SLOT_PREPARE)
		slot->conn->prepared[slot->stmt] = false;
	/* The schema changed under a prepared statement, or a pooler gave us another session. */
	if (sqlstate_is(state, "26000") ||
	    (sqlstate_is(state, "0A000") && str_starts(str_from(words), STR("cached plan"))))
		slot->conn->stale = true;
	if (!slot->op)
		return;
	call = CONTAINER_OF(slot->op, struct pg_call, op);
	snprintf(call->sqlstate, sizeof call->sqlstate, "%.5s", state);
	call->result = (struct pg_result *)slot->result;
	slot->result = NULL; /* `words` lives in it */
	op_finish_with(slot->op, (struct fault){ .code = is_outage(state) ? FAULT_STORE_DOWN : FAULT_INTERNAL,
	                                         .cause = str_from(words) });
}

void pg_slot_answered(struct pg_slot *slot)
{
	ExecStatusType status = PQresultStatus(slot->result);

	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
		slot_refused(slot);
	} else if (slot->op) {
		CONTAINER_OF(slot->op, struct pg_call, op)->result = (struct pg_result *)slot->result;
		slot->result = NULL;
		op_finish(slot->op, FAULT_NONE);
	}
	pg_slot_free(slot);
}

/* ---- calls ---- */

void pg_call_init(struct pg_call *call, struct loop *loop, void (*done)(struct op *op))
{
	*call = (struct pg_call){ 0 };
	op_init(&call->op, loop, done);
}

void pg_call_clear(struct pg_call *call)
{
	op_forget(&call->op);
	PQclear(result_of(call));
	call->result = NULL;
	call->sqlstate[0] = '\0';
}

static void end_at_once(struct pg_call *call, enum fault_code code, const char *cause)
{
	op_begin(&call->op, NULL, 0);
	op_finish_with(&call->op, (struct fault){ .code = code, .cause = str_from(cause) });
}

/* Room for all texts with a NUL each; SIZE_MAX when one holds a NUL that would cut it short. */
static size_t params_size(const struct str *params, unsigned count)
{
	size_t size = 0;

	for (unsigned i = 0; i < count; i++) {
		if (params[i].n && memchr(params[i].p, '\0', params[i].n))
			return SIZE_MAX;
		size += params[i].n + 1;
	}
	return size;
}

static void params_copy(struct pg_slot *slot, const struct str *params)
{
	char *to;

	if (slot->size > sizeof slot->room)
		slot->params = mem_alloc(slot->size);
	to = slot->params;
	for (unsigned i = 0; i < slot->count; i++) {
		if (!params[i].p)
			slot->nulls |= (uint64_t)1 << i;
		if (params[i].n)
			memcpy(to, params[i].p, params[i].n);
		to[params[i].n] = '\0';
		to += params[i].n + 1;
	}
}

void pg_call_within(struct pg *pg, enum pg_class which, struct pg_call *call, enum stmt_id stmt,
                    const struct str *params, unsigned count, unsigned timeout_ms)
{
	struct pg_conn *c = &pg->conns[which];
	struct pg_slot *slot;
	size_t size;

	CHECK((unsigned)stmt < pg->config.statement_count && count <= PG_PARAMS_MAX);
	CHECK(count == pg->config.statements[stmt].params && op_is_idle(&call->op));
	pg_call_clear(call);
	size = params_size(params, count);
	if (size == SIZE_MAX) {
		memcpy(call->sqlstate, "22021", 6);
		end_at_once(call, FAULT_INTERNAL, "a parameter holds a NUL byte");
		return;
	}
	if (c->queued_count + c->sent_count >= pg->config.pending_max || c->queued_bytes + size > PG_PENDING_BYTES) {
		metric_inc(postgres_failures_total, pg_class_name(which), "busy");
		end_at_once(call, FAULT_BUSY, "too many calls wait for Postgres");
		return;
	}
	slot = slot_new(c, timeout_ms, loop_now_ms(pg->loop) + timeout_ms);
	slot->stmt = (unsigned)stmt;
	slot->count = count;
	slot->size = size;
	params_copy(slot, params);
	slot->place = SLOT_QUEUED;
	c->queued_count++;
	c->queued_bytes += size;
	list_append(&c->queue, &slot->link);
	slot_arm(slot, c->state == PG_UP ? UINT64_MAX : PG_WAIT_MS);
	op_begin(&call->op, &slot->op, 0);
	loop_at_turn_end(&c->flush);
}

void pg_call(struct pg *pg, enum pg_class which, struct pg_call *call, enum stmt_id stmt, const struct str *params,
             unsigned count)
{
	pg_call_within(pg, which, call, stmt, params, count, pg->config.call_timeout_ms);
}

/* ---- results ---- */

struct str pg_detail(const struct pg_call *call)
{
	return call->result ? str_from(PQresultErrorField(result_of(call), PG_DIAG_MESSAGE_DETAIL)) : STR("");
}

unsigned pg_rows(const struct pg_call *call)
{
	return (unsigned)PQntuples(result_of(call));
}

static bool has_cell(const struct pg_call *call, unsigned row, unsigned column)
{
	return row < pg_rows(call) && column < (unsigned)PQnfields(result_of(call));
}

bool pg_is_null(const struct pg_call *call, unsigned row, unsigned column)
{
	return !has_cell(call, row, column) || PQgetisnull(result_of(call), (int)row, (int)column);
}

struct str pg_text(const struct pg_call *call, unsigned row, unsigned column)
{
	if (pg_is_null(call, row, column))
		return (struct str){ NULL, 0 };
	return (struct str){ PQgetvalue(result_of(call), (int)row, (int)column),
		             (size_t)PQgetlength(result_of(call), (int)row, (int)column) };
}

int64_t pg_int(const struct pg_call *call, unsigned row, unsigned column)
{
	int64_t v;

	return str_to_i64(pg_text(call, row, column), &v) ? v : 0;
}

bool pg_bool(const struct pg_call *call, unsigned row, unsigned column)
{
	return str_is(pg_text(call, row, column), "t");
}

int64_t pg_affected(const struct pg_call *call)
{
	int64_t v;

	return str_to_i64(str_from(PQcmdTuples(result_of(call))), &v) ? v : 0;
}

/* ---- array parameters ---- */

void pg_array_start(struct buf *b)
{
	buf_byte(b, '{');
}

static void array_comma(struct buf *b)
{
	struct str s = buf_view(b);

	/* No element ends with a bare brace: strings end with a quote. */
	if (s.n && s.p[s.n - 1] != '{')
		buf_byte(b, ',');
}

void pg_array_str(struct buf *b, struct str s)
{
	array_comma(b);
	if (!s.p) {
		buf_cstr(b, "NULL");
		return;
	}
	buf_byte(b, '"');
	while (s.n) {
		size_t plain = 0;

		while (plain < s.n && s.p[plain] != '"' && s.p[plain] != '\\')
			plain++;
		buf_put(b, s.p, plain);
		if (plain < s.n) {
			buf_byte(b, '\\');
			buf_byte(b, s.p[plain++]);
		}
		s = str_skip(s, plain);
	}
	buf_byte(b, '"');
}

void pg_array_int(struct buf *b, int64_t v)
{
	array_comma(b);
	buf_i64(b, v);
}

void pg_array_end(struct buf *b)
{
	buf_byte(b, '}');
}
