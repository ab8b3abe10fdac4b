/*
 * pg_pipe - what goes through one connection while it is up.
 *
 *   queue --hand_over (end of turn)--> libpq --> socket --> results_read --sync--> answered
 *
 * Invariants
 *  1. Each call is one statement and one sync (so is a PREPARE before its first use), so an error stays inside its call, and the syncs
 *     come back in the order of `sent`.
 *  2. A result is kept in its slot until the sync behind it is read. A COMMAND_OK without its
 *     sync is no answer: the commit may still fail.
 *  3. At most PG_WINDOW calls are in flight, and none is handed over while the socket is full: what
 *     is in `queue` when a connection breaks was certainly not executed.
 *  4. PQgetResult is called only when PQisBusy says no: then it does not block.
 *
 * libpq 15 writes to the socket at every PQpipelineSync; there is no way to hold that back.
 */
#include <stdio.h>

#include "base/metric.h"
#include "io/pg_priv.h"

enum { RESULTS_A_TURN = 64, NULLS_MAX = 3 };

static bool send_prepare(struct pg_conn *c, unsigned stmt)
{
	const struct pg_statement *s = &c->pg->config.statements[stmt];

	c->prepared[stmt] = true;
	return PQsendPrepare(c->pq, s->name, s->text, 0, NULL) == 1;
}

/* Write what libpq holds and watch for what comes next. A connection has a watch from its first
 * flush on, so that a loss is noticed also where nothing is asked. */
static bool flush(struct pg_conn *c)
{
	int left = PQflush(c->pq);

	if (left < 0) {
		pg_conn_lost(c, "lost", PQerrorMessage(c->pq));
		return false;
	}
	if (c->watch && c->blocked == (left > 0))
		return true;
	c->blocked = left > 0;
	pg_conn_watch(c, UV_READABLE | (c->blocked ? UV_WRITABLE : 0));
	return c->state != PG_DOWN;
}

/* ---- preparing ---- */

/* Every statement is prepared and reads by key. A plan made while the tables were empty would scan them for
 * ever: one generic plan, by index, never compiled. By a statement, since poolers refuse start-up options. */
static const char settings_text[] = "DO $$BEGIN "
				    "PERFORM set_config('plan_cache_mode', 'force_generic_plan', false), "
				    "set_config('jit', 'off', false), "
				    "set_config('enable_seqscan', 'off', false), "
				    "set_config('enable_hashjoin', 'off', false), "
				    "set_config('enable_mergejoin', 'off', false), "
				    "set_config('lock_timeout', '1500', false), "
				    "set_config('statement_timeout', '%u', false); END$$";

static bool send_all(struct pg_conn *c)
{
	const struct pg_config *config = &c->pg->config;
	char set[sizeof settings_text + 16];

	c->answers = 0;
	c->server_timeout_ms = config->call_timeout_ms;
	snprintf(set, sizeof set, settings_text, config->call_timeout_ms);
	if (!PQsendQueryParams(c->pq, set, 0, NULL, NULL, NULL, NULL, 0))
		return false;
	for (unsigned i = c->which; !c->checked && i < config->statement_count; i += PG_CLASSES)
		if (!send_prepare(c, i))
			return false;
	return PQpipelineSync(c->pq) == 1;
}

void pg_pipe_prepare(struct pg_conn *c)
{
	if (!send_all(c))
		pg_conn_lost(c, "prepare", PQerrorMessage(c->pq));
	else
		flush(c);
}

static void prepare_failed(struct pg_conn *c, const PGresult *r)
{
	const struct pg_config *config = &c->pg->config;
	unsigned stmt = c->which + (c->answers - 1) * PG_CLASSES;
	const char *words = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	char text[PG_WHY];

	if (!words)
		words = PQerrorMessage(c->pq);
	/* Past the last one it is the session that ended, not a statement that is wrong. */
	if (!c->checked && c->answers > 0 && stmt < config->statement_count)
		snprintf(text, sizeof text, "statement %s: %s", config->statements[stmt].name, words);
	else
		snprintf(text, sizeof text, "%s", words);
	pg_conn_lost(c, "prepare", text);
}

/* Reads what is there. True: nothing more to do with c, it went up or was lost. */
static bool prepare_results(struct pg_conn *c)
{
	for (unsigned nulls = 0; nulls < NULLS_MAX && !PQisBusy(c->pq);) {
		PGresult *r = PQgetResult(c->pq);
		ExecStatusType status = PQresultStatus(r);

		if (!r) {
			nulls++;
			continue;
		}
		nulls = 0;
		if (status == PGRES_COMMAND_OK)
			c->answers++;
		else if (status == PGRES_PIPELINE_SYNC)
			pg_conn_ready(c);
		else
			prepare_failed(c, r);
		PQclear(r);
		if (status != PGRES_COMMAND_OK)
			return true;
	}
	return false;
}

void pg_pipe_prepare_io(struct pg_conn *c)
{
	bool alive = PQconsumeInput(c->pq) == 1;

	if (prepare_results(c))
		return;
	if (!alive)
		pg_conn_lost(c, "prepare", PQerrorMessage(c->pq));
	else
		flush(c);
}

/* Nothing is asked yet: only a loss can come. */
void pg_pipe_ready_io(struct pg_conn *c)
{
	if (PQconsumeInput(c->pq) != 1)
		pg_conn_lost(c, "lost", PQerrorMessage(c->pq));
	else if (c->blocked)
		flush(c);
}

/* ---- sending ---- */

static bool transmit_call(struct pg_conn *c, const struct pg_slot *slot)
{
	const char *values[PG_PARAMS_MAX];
	const char *p = slot->params;

	for (unsigned i = 0; i < slot->count; i++) {
		values[i] = slot->nulls >> i & 1 ? NULL : p;
		p += strlen(p) + 1;
	}
	return PQsendQueryPrepared(c->pq, c->pg->config.statements[slot->stmt].name, (int)slot->count, values, NULL,
	                           NULL, 0) == 1;
}

static bool transmit(struct pg_conn *c, const struct pg_slot *slot)
{
	char set[64];
	bool ok = false;

	switch (slot->kind) {
	case SLOT_CALL: ok = transmit_call(c, slot); break;
	case SLOT_PREPARE: ok = send_prepare(c, slot->stmt); break;
	case SLOT_SET:
		snprintf(set, sizeof set, "SET statement_timeout = %u", c->server_timeout_ms);
		ok = PQsendQueryParams(c->pq, set, 0, NULL, NULL, NULL, NULL, 0) == 1;
		break;
	}
	return ok && PQpipelineSync(c->pq) == 1;
}

static bool transmit_before(struct pg_conn *c, const struct pg_slot *next, unsigned kind)
{
	struct pg_slot *slot = pg_slot_before(next, kind);

	if (!transmit(c, slot)) {
		pg_slot_free(slot);
		return false;
	}
	pg_slot_sent(slot);
	return true;
}

static bool transmit_whole(struct pg_conn *c, const struct pg_slot *slot)
{
	unsigned least = c->pg->config.call_timeout_ms;
	unsigned wanted = slot->timeout_ms > least ? slot->timeout_ms : least;

	/* The session's statement_timeout follows the calls: a longer deadline needs a longer one. */
	if (wanted != c->server_timeout_ms) {
		c->server_timeout_ms = wanted;
		if (!transmit_before(c, slot, SLOT_SET))
			return false;
	}
	if (!c->prepared[slot->stmt] && !transmit_before(c, slot, SLOT_PREPARE))
		return false;
	return transmit(c, slot);
}

void pg_pipe_hand_over(struct turn_hook *h)
{
	struct pg_conn *c = CONTAINER_OF(h, struct pg_conn, flush);
	struct link *first;

	if (c->state == PG_UP && c->stale && c->sent_count == 0)
		pg_conn_lost(c, "stale", "statements must be prepared anew");
	if (c->state != PG_UP || c->stale)
		return;
	while (!c->blocked && c->sent_count < PG_WINDOW && (first = list_first(&c->queue))) {
		struct pg_slot *slot = CONTAINER_OF(first, struct pg_slot, link);

		if (!slot->op) {
			pg_slot_free(slot); /* cancelled before it was sent */
			continue;
		}
		if (!transmit_whole(c, slot)) {
			pg_conn_lost(c, "lost", PQerrorMessage(c->pq));
			return;
		}
		pg_slot_sent(slot);
		if (!flush(c))
			return;
	}
	/* While the socket was full libpq may have read: then answers lie in its buffer, and no event
	 * of the socket will tell. */
	if (c->sent_count > 0 && !PQisBusy(c->pq))
		timer_start(c->pg->loop, &c->more, 0, pg_pipe_read_more);
}

/* ---- reading ---- */

static void result_keep(struct pg_slot *slot, PGresult *r)
{
	ExecStatusType had = PQresultStatus(slot->result);

	/* The first error says most. */
	if (slot->result && had != PGRES_COMMAND_OK && had != PGRES_TUPLES_OK) {
		PQclear(r);
		return;
	}
	PQclear(slot->result);
	slot->result = r;
}

/* At most `limit` answers; what is left waits in libpq's buffer for the next turn. */
static void results_read(struct pg_conn *c, unsigned limit)
{
	unsigned nulls = 0, answered = 0;

	while (c->sent_count > 0 && nulls < NULLS_MAX && !PQisBusy(c->pq)) {
		struct pg_slot *slot = CONTAINER_OF(list_first(&c->sent), struct pg_slot, link);
		PGresult *r;

		if (answered == limit) {
			timer_start(c->pg->loop, &c->more, 0, pg_pipe_read_more);
			return;
		}
		r = PQgetResult(c->pq);
		if (!r) {
			nulls++;
			continue;
		}
		nulls = 0;
		if (PQresultStatus(r) != PGRES_PIPELINE_SYNC) {
			result_keep(slot, r);
			continue;
		}
		PQclear(r);
		pg_slot_answered(slot);
		answered++;
	}
}

static void notifications_read(struct pg_conn *c)
{
	const struct pg_config *config = &c->pg->config;
	PGnotify *n;

	while ((n = PQnotifies(c->pq))) {
		if (config->notified)
			config->notified(config->user, str_from(n->relname), str_from(n->extra));
		PQfreemem(n);
	}
}

static void read_on(struct pg_conn *c, bool alive)
{
	results_read(c, alive ? RESULTS_A_TURN : UINT32_MAX);
	notifications_read(c);
	if (!alive) {
		pg_conn_lost(c, "lost", PQerrorMessage(c->pq));
		return;
	}
	if (c->blocked && !flush(c))
		return;
	if (!list_is_empty(&c->queue) || c->stale)
		loop_at_turn_end(&c->flush);
}

void pg_pipe_io(struct pg_conn *c)
{
	read_on(c, PQconsumeInput(c->pq) == 1);
}

void pg_pipe_read_more(struct timer *t)
{
	struct pg_conn *c = CONTAINER_OF(t, struct pg_conn, more);

	read_on(c, true);
}
