/*
 * flight - how each kind of call may go, and calls on their way.
 *
 * Alternative 0 of each table is what usually happens. TIMEOUT and CLOSED come three times, since they mean
 * unknown: nothing happened, it happened, it happens after the caller has given up.
 */
#include "world.h"

enum { FOREVER = 100000000, OUTAGE_MS = 60000, PG_MS = 4000, HTTP_MS = 27000, LATE_MS = 1500, LATE_HUNG_MS = 40000 };

/* Statements: STORE_DOWN was not sent; Postgres' own deadline makes a hung one a TIMEOUT. */
#define SENT_AND_LOST \
	{ "lost before", FAULT_CLOSED, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 }, \
		{ "lost after", FAULT_CLOSED, EFFECT_NOW, LATENCY_MS, BENIGN, 0, 0 }, \
		{ "lost, late", FAULT_CLOSED, EFFECT_LATE, LATENCY_MS, BENIGN, 0, 0 }, \
		{ "timeout before", FAULT_TIMEOUT, EFFECT_NEVER, PG_MS, BENIGN, 0, 0 }, \
		{ "timeout after", FAULT_TIMEOUT, EFFECT_NOW, PG_MS, BENIGN, 0, 0 }, \
	{ \
		"timeout, late", FAULT_TIMEOUT, EFFECT_LATE, PG_MS, BENIGN, 0, 0 \
	}

static const struct alternative accept_ways[] = {
	{ "ok", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, 0 },
	{ "not sent", FAULT_STORE_DOWN, EFFECT_NEVER, LATENCY_MS, HARMFUL, 0, 0 },
	{ "refused", FAULT_INTERNAL, EFFECT_NEVER, LATENCY_MS, HARMFUL, 0, ANSWER_REFUSED_ROW },
	{ "lost before", FAULT_CLOSED, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "lost after", FAULT_CLOSED, EFFECT_NOW, LATENCY_MS, BENIGN, 0, 0 },
	{ "lost, late", FAULT_CLOSED, EFFECT_LATE, LATENCY_MS, BENIGN, 0, 0 },
	{ "timeout before", FAULT_TIMEOUT, EFFECT_NEVER, PG_MS, HARMFUL, 0, 0 },
	{ "timeout after", FAULT_TIMEOUT, EFFECT_NOW, PG_MS, HARMFUL, 0, 0 },
	{ "timeout, late", FAULT_TIMEOUT, EFFECT_LATE, PG_MS, HARMFUL, 0, 0 },
};

static const struct alternative attempt_ways[] = {
	{ "ok", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, 0 },
	{ "not sent", FAULT_STORE_DOWN, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "database down", FAULT_STORE_DOWN, EFFECT_NEVER, LATENCY_MS, HARMFUL, OUTAGE_MS, 0 },
	{ "refused", FAULT_INTERNAL, EFFECT_NEVER, LATENCY_MS, HARMFUL, 0, ANSWER_REFUSED_ROW },
	{ "slow", FAULT_NONE, EFFECT_NOW, 3000, BENIGN, 0, 0 },
	SENT_AND_LOST,
};

static const struct alternative record_ways[] = {
	{ "ok", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, 0 },
	{ "not sent", FAULT_STORE_DOWN, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "database down", FAULT_STORE_DOWN, EFFECT_NEVER, LATENCY_MS, BENIGN, OUTAGE_MS, 0 },
	{ "database gone", FAULT_STORE_DOWN, EFFECT_NEVER, LATENCY_MS, HARMFUL, (DEADLINE_S + 60) * 1000, 0 },
	{ "refused", FAULT_INTERNAL, EFFECT_NEVER, LATENCY_MS, HARMFUL, 0, ANSWER_REFUSED_ROW },
	{ "slow", FAULT_NONE, EFFECT_NOW, 3000, BENIGN, 0, 0 },
	SENT_AND_LOST,
};

static const struct alternative settle_ways[] = {
	{ "ok", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, 0 },
	{ "not sent", FAULT_STORE_DOWN, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "database down", FAULT_STORE_DOWN, EFFECT_NEVER, LATENCY_MS, BENIGN, OUTAGE_MS, 0 },
	{ "refused", FAULT_INTERNAL, EFFECT_NEVER, LATENCY_MS, HARMFUL, 0, ANSWER_REFUSED_ROW },
	{ "always refused", FAULT_INTERNAL, EFFECT_NEVER, LATENCY_MS, HARMFUL, FOREVER, ANSWER_REFUSED_ROW },
	{ "locked", FAULT_NONE, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, ANSWER_LOCKED },
	{ "locked for long", FAULT_NONE, EFFECT_NEVER, LATENCY_MS, BENIGN, 8000, ANSWER_LOCKED },
	SENT_AND_LOST,
};

static const struct alternative take_over_ways[] = {
	{ "ok", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, 0 },
	{ "not sent", FAULT_STORE_DOWN, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "lost before", FAULT_CLOSED, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
};

static const struct alternative submit_ways[] = {
	{ "ok", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, ANSWER_USUAL },
	{ "not sent", FAULT_NOT_SENT, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "never sent", FAULT_NOT_SENT, EFFECT_NEVER, LATENCY_MS, HARMFUL, FOREVER, 0 },
	{ "rate limited", FAULT_NONE, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, ANSWER_FAILED + IMAGO_RATE_LIMITED },
	{ "overloaded", FAULT_NONE, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, ANSWER_FAILED + IMAGO_OVERLOADED },
	{ "always overloaded", FAULT_NONE, EFFECT_NEVER, LATENCY_MS, HARMFUL, FOREVER,
	  ANSWER_FAILED + IMAGO_OVERLOADED },
	{ "content refused", FAULT_NONE, EFFECT_NEVER, LATENCY_MS, HARMFUL, 0, ANSWER_FAILED + IMAGO_REFUSED },
	{ "key refused", FAULT_NONE, EFFECT_NEVER, LATENCY_MS, HARMFUL, 0, ANSWER_FAILED + IMAGO_CREDENTIALS },
	{ "task failed", FAULT_NONE, EFFECT_NEVER, LATENCY_MS, HARMFUL, 0, ANSWER_FAILED + IMAGO_TASK_FAILED },
	{ "not understood", FAULT_NONE, EFFECT_NOW, LATENCY_MS, HARMFUL, 0, ANSWER_FAILED + IMAGO_UNKNOWN },
	{ "no handle", FAULT_NONE, EFFECT_NOW, LATENCY_MS, HARMFUL, 0, ANSWER_EMPTY },
	{ "not built", FAULT_NONE, EFFECT_NEVER, LATENCY_MS, HARMFUL, 0, ANSWER_NOT_BUILT },
	{ "lost before", FAULT_CLOSED, EFFECT_NEVER, LATENCY_MS, HARMFUL, 0, 0 },
	{ "lost after", FAULT_CLOSED, EFFECT_NOW, LATENCY_MS, HARMFUL, 0, 0 },
	{ "lost, late", FAULT_CLOSED, EFFECT_LATE, LATENCY_MS, HARMFUL, 0, 0 },
	{ "timeout after", FAULT_TIMEOUT, EFFECT_NOW, HTTP_MS, HARMFUL, 0, 0 },
	{ "hung before", FAULT_TIMEOUT, EFFECT_NEVER, NEVER_MS, HARMFUL, 0, 0 },
	{ "hung after", FAULT_TIMEOUT, EFFECT_NOW, NEVER_MS, HARMFUL, 0, 0 },
	{ "hung, late", FAULT_TIMEOUT, EFFECT_LATE, NEVER_MS, HARMFUL, 0, 0 },
	{ "slow", FAULT_NONE, EFFECT_NOW, 20000, BENIGN, 0, ANSWER_USUAL },
};

static const struct alternative poll_ways[] = {
	{ "ready", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, ANSWER_USUAL },
	{ "running", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, ANSWER_RUNNING },
	{ "always running", FAULT_NONE, EFFECT_NOW, LATENCY_MS, HARMFUL, FOREVER, ANSWER_RUNNING },
	{ "done at once", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, ANSWER_AT_ONCE },
	{ "not sent", FAULT_NOT_SENT, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "rate limited", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, ANSWER_FAILED + IMAGO_RATE_LIMITED },
	{ "lost", FAULT_CLOSED, EFFECT_NOW, LATENCY_MS, BENIGN, 0, 0 },
	{ "always lost", FAULT_CLOSED, EFFECT_NOW, LATENCY_MS, HARMFUL, FOREVER, 0 },
	{ "hung", FAULT_TIMEOUT, EFFECT_NOW, NEVER_MS, BENIGN, 0, 0 },
	{ "failed", FAULT_NONE, EFFECT_NOW, LATENCY_MS, HARMFUL, 0, ANSWER_FAILED + IMAGO_TASK_FAILED },
	{ "key refused", FAULT_NONE, EFFECT_NOW, LATENCY_MS, HARMFUL, 0, ANSWER_FAILED + IMAGO_CREDENTIALS },
	{ "nothing", FAULT_NONE, EFFECT_NOW, LATENCY_MS, HARMFUL, 0, ANSWER_EMPTY },
};

static const struct alternative result_ways[] = {
	{ "done", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, ANSWER_USUAL },
	{ "not yet", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, ANSWER_RUNNING },
	{ "not sent", FAULT_NOT_SENT, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "overloaded", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, ANSWER_FAILED + IMAGO_OVERLOADED },
	{ "lost", FAULT_CLOSED, EFFECT_NOW, LATENCY_MS, BENIGN, 0, 0 },
	{ "always lost", FAULT_CLOSED, EFFECT_NOW, LATENCY_MS, HARMFUL, FOREVER, 0 },
	{ "hung", FAULT_TIMEOUT, EFFECT_NOW, NEVER_MS, BENIGN, 0, 0 },
	{ "failed", FAULT_NONE, EFFECT_NOW, LATENCY_MS, HARMFUL, 0, ANSWER_FAILED + IMAGO_TASK_FAILED },
	{ "key refused", FAULT_NONE, EFFECT_NOW, LATENCY_MS, HARMFUL, 0, ANSWER_FAILED + IMAGO_CREDENTIALS },
	{ "nothing", FAULT_NONE, EFFECT_NOW, LATENCY_MS, HARMFUL, 0, ANSWER_EMPTY },
	{ "withheld", FAULT_NONE, EFFECT_NOW, LATENCY_MS, HARMFUL, 0, ANSWER_WITHHELD },
};

static const struct alternative cancel_ways[] = {
	{ "accepted", FAULT_NONE, EFFECT_NOW, LATENCY_MS, ASIDE, 0, ANSWER_USUAL },
	{ "too late", FAULT_NONE, EFFECT_NEVER, LATENCY_MS, ASIDE, 0, ANSWER_RUNNING },
	{ "not sent", FAULT_NOT_SENT, EFFECT_NEVER, LATENCY_MS, ASIDE, 0, 0 },
	{ "never sent", FAULT_NOT_SENT, EFFECT_NEVER, LATENCY_MS, ASIDE, FOREVER, 0 },
	{ "key refused", FAULT_NONE, EFFECT_NEVER, LATENCY_MS, ASIDE, 0, ANSWER_FAILED + IMAGO_CREDENTIALS },
	{ "lost after", FAULT_CLOSED, EFFECT_NOW, LATENCY_MS, ASIDE, 0, 0 },
	{ "hung", FAULT_TIMEOUT, EFFECT_LATE, NEVER_MS, ASIDE, 0, 0 },
};

/* A refusal is harmless to both kinds of driver, all else only to one that may be asked again. */
static const struct alternative call_ways[] = {
	{ "drawn", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, 0 },
	{ "not sent", FAULT_NOT_SENT, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "never sent", FAULT_NOT_SENT, EFFECT_NEVER, LATENCY_MS, HARMFUL, FOREVER, 0 },
	{ "overloaded", FAULT_OVERLOADED, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "busy", FAULT_BUSY, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "refused", FAULT_REFUSED, EFFECT_NEVER, LATENCY_MS, HARMFUL, 0, 0 },
	{ "bad picture", FAULT_BAD_PICTURE, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "not built", FAULT_NONE, EFFECT_NEVER, LATENCY_MS, HARMFUL, 0, ANSWER_NOT_BUILT },
	{ "lost before", FAULT_CLOSED, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "lost after", FAULT_CLOSED, EFFECT_NOW, LATENCY_MS, BENIGN, 0, 0 },
	{ "lost, late", FAULT_CLOSED, EFFECT_LATE, LATENCY_MS, BENIGN, 0, 0 },
	{ "hung before", FAULT_TIMEOUT, EFFECT_NEVER, NEVER_MS, BENIGN, 0, 0 },
	{ "hung after", FAULT_TIMEOUT, EFFECT_NOW, NEVER_MS, BENIGN, 0, 0 },
	{ "slow", FAULT_NONE, EFFECT_NOW, 30000, BENIGN, 0, 0 },
};

static const struct alternative store_ways[] = {
	{ "stored", FAULT_NONE, EFFECT_NOW, LATENCY_MS, BENIGN, 0, 0 },
	{ "bad picture", FAULT_BAD_PICTURE, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "always bad", FAULT_BAD_PICTURE, EFFECT_NEVER, LATENCY_MS, HARMFUL, FOREVER, 0 },
	{ "not sent", FAULT_NOT_SENT, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "lost", FAULT_CLOSED, EFFECT_NOW, LATENCY_MS, BENIGN, 0, 0 },
	{ "store down", FAULT_STORAGE, EFFECT_NEVER, LATENCY_MS, BENIGN, 0, 0 },
	{ "not allowed", FAULT_FORBIDDEN, EFFECT_NEVER, LATENCY_MS, HARMFUL, 0, 0 },
	{ "hung", FAULT_TIMEOUT, EFFECT_NEVER, NEVER_MS, BENIGN, 0, 0 },
	{ "slow", FAULT_NONE, EFFECT_NOW, 40000, BENIGN, 0, 0 },
};

static const struct alternative lease_ways[] = {
	{ "held", FAULT_NONE, EFFECT_NOW, 0, BENIGN, 0, 0 },
	{ "not held", FAULT_NOT_SENT, EFFECT_NOW, 0, BENIGN, 0, 0 },
	{ "lost for long", FAULT_NOT_SENT, EFFECT_NOW, 0, HARMFUL, FOREVER, 0 },
};

static const struct {
	const char *name;
	const struct alternative *ways;
	unsigned n;
} kinds[KINDS] = {
	[KIND_ACCEPT] = { "accept", accept_ways, COUNT_OF(accept_ways) },
	[KIND_ATTEMPT] = { "attempt", attempt_ways, COUNT_OF(attempt_ways) },
	[KIND_RECORD] = { "record", record_ways, COUNT_OF(record_ways) },
	[KIND_SETTLE] = { "settle", settle_ways, COUNT_OF(settle_ways) },
	[KIND_TAKE_OVER] = { "take_over", take_over_ways, COUNT_OF(take_over_ways) },
	[KIND_SUBMIT] = { "submit", submit_ways, COUNT_OF(submit_ways) },
	[KIND_POLL] = { "poll", poll_ways, COUNT_OF(poll_ways) },
	[KIND_RESULT] = { "result", result_ways, COUNT_OF(result_ways) },
	[KIND_CANCEL] = { "cancel", cancel_ways, COUNT_OF(cancel_ways) },
	[KIND_CALL] = { "call", call_ways, COUNT_OF(call_ways) },
	[KIND_STORE] = { "store", store_ways, COUNT_OF(store_ways) },
	[KIND_LEASE] = { "lease", lease_ways, COUNT_OF(lease_ways) },
};

/* A call that may not be repeated is only saved by an answer that says "not taken". */
static bool is_harmful(enum kind kind, const struct alternative *alt)
{
	bool refusal = alt->fault == FAULT_NOT_SENT || alt->fault == FAULT_OVERLOADED;

	if (kind == KIND_CALL && w.scenario->provider == PAID_CALL)
		return alt->tone == HARMFUL || (alt->fault != FAULT_NONE && !refusal);
	return alt->tone == HARMFUL;
}

const struct alternative *alternative_choose(enum kind kind)
{
	const struct alternative *alt = w.sticky[kind].alt;
	uint64_t now = loop_now_ms(&w.loop);
	unsigned taken;

	if (alt && now < w.sticky[kind].until_ms)
		return alt;
	taken = explore_choose(&w.explorer, kinds[kind].n);
	alt = &kinds[kind].ways[taken];
	w.sticky[kind].alt = NULL;
	if (taken == 0)
		return alt;
	trace("%s goes: %s", kinds[kind].name, alt->name);
	w.deviations[kind]++;
	w.harmful += is_harmful(kind, alt);
	if (alt->sticky_ms) {
		w.sticky[kind].alt = alt;
		w.sticky[kind].until_ms = now + alt->sticky_ms;
	}
	return alt;
}

static void flight_effect(struct flight *f)
{
	if (f->kind <= KIND_TAKE_OVER)
		db_execute(f);
	else if (f->kind == KIND_CALL || f->kind == KIND_STORE)
		store_effect(f);
	else
		provider_effect(f);
}

static void on_effect(struct timer *t)
{
	struct flight *f = CONTAINER_OF(t, struct flight, effect);

	trace("late effect: %s", kinds[f->kind].name);
	flight_effect(f);
}

static void on_report(struct timer *t)
{
	struct flight *f = CONTAINER_OF(t, struct flight, report);

	if (!f->slot)
		return; /* nobody listens any more */
	trace("answer: %s %s", kinds[f->kind].name, f->alt->name);
	if (f->kind <= KIND_TAKE_OVER)
		db_report(f);
	else if (f->kind == KIND_CALL || f->kind == KIND_STORE)
		store_report(f);
	else
		provider_report(f);
}

struct flight *flight_new(enum kind kind, struct op *op, const struct alternative *alt)
{
	struct flight *f = &w.flights[w.flight_count++];

	CHECK(w.flight_count < FLIGHTS);
	*f = (struct flight){ .kind = kind, .alt = alt, .life = w.life, .part = w.part, .n = w.attempt };
	op_begin(op, &f->slot, 0);
	return f;
}

void flight_go(struct flight *f)
{
	unsigned after = f->alt->after_ms;

	if (f->alt->effect == EFFECT_NOW)
		flight_effect(f);
	else if (f->alt->effect == EFFECT_LATE)
		timer_start(&w.loop, &f->effect, after == NEVER_MS ? LATE_HUNG_MS : after + LATE_MS, on_effect);
	if (after != NEVER_MS)
		timer_start(&w.loop, &f->report, after, on_report);
}
