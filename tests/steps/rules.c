/*
 * rules - what has to be true at every moment, and at the end of every schedule.
 *
 * They are written from the design, not from steps.def: which steps may be begun after a stop or after
 * shutdown began, which must not be interrupted, what may be sent twice is said again here on purpose.
 */
#include <string.h>

#include "world.h"

enum { SOON_MS = 1500, LONGEST_MS = 4000000 };

/* ---- the table ---- */

/* A cell that has no effect must not look as if it had one. */
void rules_of_table(void)
{
	for (enum job_step i = 0; i < STEP_COUNT; i++) {
		const struct step *s = &steps[i];

		if (!(s->flags & STEP_PAID) && s->on_refused != s->on_fail)
			violated("%s: on_refused is for PAID steps", s->name);
		if ((s->flags & STEP_PAID) && s->on_refused != STEP_ADMIT && s->on_refused != s->on_fail)
			violated("%s: on_refused is ADMIT or what on_fail says", s->name);
		if ((s->flags & STEP_SHIELDED) && s->flags != STEP_SHIELDED)
			violated("%s: SHIELDED stands alone", s->name);
	}
}

/* ---- the step functions, seen from outside ---- */

static bool ends_things(enum job_step s)
{
	return s == STEP_ABORT || s == STEP_OVER || s == STEP_SETTLE || s == STEP_RELEASE || s == STEP_NOTIFY ||
	       s == STEP_PARK || s == STEP_GONE;
}

/* The row says all there is to know before such a step. */
static bool may_be_left(const struct run *r, enum job_step s)
{
	bool house = r->part && r->part->account && (r->part->account->driver->capabilities & IMAGO_REPEATABLE);

	return s == STEP_ADMIT || s == STEP_ATTEMPT || s == STEP_WAIT || s == STEP_POLL || s == STEP_RESULT ||
	       s == STEP_STORE || (s == STEP_CALL && house);
}

static void part_begins(struct run *r, enum job_step step)
{
	struct job *j = r->job;
	unsigned n = r->part->number;

	w.fetching[n] += step == STEP_STORE;
	if (step == STEP_ABORT && w.fetching[n])
		violated("a task is called back that is done");
	if (w.over[n])
		violated("part %u begins %s after its end", n, steps[step].name);
	if (step == STEP_OVER || step == STEP_PARK) {
		w.over[n]++;
		return;
	}
	if (w.closing_began)
		violated("part %u begins %s while the job closes", n, steps[step].name);
	if (j->stop != FAULT_NONE && !ends_things(step))
		violated("%s begins after a stop", steps[step].name);
	if (j->parking && may_be_left(r, step))
		violated("%s begins although the run can be left", steps[step].name);
	if (j->owned_elsewhere)
		violated("%s begins although the job is somebody else's", steps[step].name);
}

static void closing_begins(struct run *r, enum job_step step)
{
	for (unsigned i = 1; i <= r->job->part_count; i++)
		if (w.over[i] != 1)
			violated("%s begins, part %u is over %u times", steps[step].name, i, w.over[i]);
	if (step == STEP_RELEASE && job_stored(r->job) > 0)
		violated("%u pictures were stored, and all is given back", job_stored(r->job));
	w.closing_began = true;
	w.notified += step == STEP_NOTIFY;
	if (step == STEP_NOTIFY && !w.row.completed)
		violated("an end is told that is not in the row");
	if (step == STEP_GONE)
		rule_job_gone();
}

void rule_step_begins(struct run *r, enum job_step step)
{
	trace("%s%s begins%s", steps[step].name, r->part && r->part->number > 1 ? " of part 2" : "",
	      r->tries > 1 ? " again" : "");
	if (r->step != step)
		violated("%s begins, the run is in %s", steps[step].name, steps[r->step].name);
	w.part = r->part ? r->part->number : 0;
	w.attempt = r->part ? r->part->attempt.n : 0;
	w.step_is_checked = step == STEP_SUBMIT || step == STEP_CALL;
	if (r->part)
		part_begins(r, step);
	else
		closing_begins(r, step);
}

/* clang-format off */
#define STEP(id, fn, seconds, tries, flags, status, on_refused, on_fail)                            \
	void __real_##fn##_start(struct run *r);                                                    \
	void __wrap_##fn##_start(struct run *r);                                                    \
	void __wrap_##fn##_start(struct run *r)                                                     \
	{                                                                                           \
		rule_step_begins(r, STEP_##id);                                                     \
		__real_##fn##_start(r);                                                             \
		w.step_is_checked = false;                                                          \
	}
#include "core/steps.def"
#undef STEP
/* clang-format on */

/* ---- money leaves ---- */

void rule_paid_call_leaves(void)
{
	unsigned part = w.part, n = w.attempt;
	const struct row_attempt *a;
	struct task *t;

	if (part < 1 || part > PARTS || n < 1 || n >= ATTEMPTS) {
		violated("a paid call of part %u, attempt %u", part, n);
		return;
	}
	a = &w.row.parts[part].attempts[n];
	t = &w.tasks[part][n];
	if (!a->exists)
		violated("a paid call leaves before its attempt is committed");
	t->sent++;
	if (w.scenario->provider == HOUSE)
		return;
	if (t->sent > 1)
		violated("attempt %u of part %u is sent twice", n, part);
	if (w.may_have_paid[part])
		violated("part %u is sent again after an unknown outcome", part);
	w.may_have_paid[part] = true;
}

/* ---- at every moment ---- */

static unsigned slots_used(const struct account *a)
{
	const struct job *j = instance_job();
	unsigned used = w.outsider_has_slot;

	if (!j && w.accepting)
		j = w.accept.job;
	for (unsigned i = 0; j && i < j->part_count; i++) {
		const struct part *p = &j->parts[i];

		used += p->has_slot ||
		        (p->wait.account == a && p->wait.op.state == OP_READY && p->wait.op.fault.code == FAULT_NONE);
	}
	return used;
}

void rule_moment(void)
{
	const struct account *a = w.account;
	uint64_t now = loop_now_ms(&w.loop);

	if (now - w.started_ms > LONGEST_MS)
		violated("still not at an end");
	if (a->in_use != slots_used(a) || a->in_use > a->concurrency)
		violated("%u slots are counted, %u are used", a->in_use, slots_used(a));
	if (w.row.exists && w.row.completed && w.row.held != w.row.captured + w.row.returned)
		violated("held %lld, captured %lld, returned %lld", (long long)w.row.held, (long long)w.row.captured,
		         (long long)w.row.returned);
	if (w.quick_since_ms && deviations() != w.quick_deviations)
		w.quick_since_ms = 0;
	if (w.quick_since_ms && now > w.quick_since_ms + SOON_MS)
		violated("nothing is in the way, and it still has not ended");
}

/* A call that must be heard to its end, and goes another way than usual. */
static bool must_be_waited_for(void)
{
	for (unsigned i = 0; i < w.flight_count; i++) {
		const struct flight *f = &w.flights[i];

		if (f->slot && f->life == w.life &&
		    (f->kind <= KIND_SUBMIT || f->kind == KIND_CALL || f->kind == KIND_CANCEL) &&
		    f->alt->after_ms > LATENCY_MS)
			return true;
	}
	for (unsigned i = 0; i < KINDS; i++)
		if (w.sticky[i].alt && (i < KIND_SUBMIT || i == KIND_CANCEL))
			return true;
	return false;
}

/* A user cancelled, or the server shuts down: with nothing slow in the way, it happens soon. No promise is made
 * for what is ending already, and for a shutdown that finds a handle not yet in its row. */
void rule_wish(void)
{
	const struct job *j = instance_job();
	bool waits = !j || w.closing_began || must_be_waited_for();

	for (unsigned i = 0; j && i < j->part_count; i++) {
		enum job_step step = j->parts[i].run.step;

		waits |= step == STEP_ABORT || (j->parking && step == STEP_RECORD && w.deviations[KIND_RECORD]);
	}
	w.quick_since_ms = waits ? 0 : loop_now_ms(&w.loop);
	w.quick_deviations = deviations();
}

void rule_job_gone(void)
{
	w.quick_since_ms = 0;
	for (unsigned i = 0; i < w.flight_count; i++) {
		const struct flight *f = &w.flights[i];

		if (f->slot && f->life == w.life && f->kind != KIND_TAKE_OVER && f->kind != KIND_ACCEPT)
			violated("the job is gone while a call of it is under way");
	}
}

/* ---- at the end ---- */

static void rule_money(void)
{
	const struct row_job *row = &w.row;
	bool good = row->status == JOB_COMPLETED;

	if (!row->completed || row->ends != 1)
		violated("the job has %u ends", row->ends);
	if (row->held != row->captured + row->returned || row->user_held != 0)
		violated("held %lld, captured %lld, returned %lld", (long long)row->held, (long long)row->captured,
		         (long long)row->returned);
	if (!good && row->captured != 0)
		violated("%s, and charged", job_status_name(row->status));
	if (w.swept && !w.sweep_is_fine)
		violated("only the sweeper could end it");
	if (w.swept && w.refused_end && !w.parked_loudly)
		violated("its closing was refused, and nobody was told");
	if (w.notified > 1 || w.told > 1)
		violated("its end is told %u times", w.notified);
	/* Who could have told the next instance? */
	if (w.told_no && row->status == JOB_COMPLETED && w.life == 1)
		violated("refused, and done all the same");
}

static void rule_good_end(void)
{
	const struct row_job *row = &w.row;

	bool tries_left = w.deviations[KIND_CALL] < 3;

	if (w.harmful == 0 && tries_left && !w.cancelled && !w.stopped &&
	    (row->status != JOB_COMPLETED || row->captured != row->price))
		violated("nothing went wrong for good, and it is %s (%s), %lld charged", job_status_name(row->status),
		         row->error, (long long)row->captured);
	if (w.cancelled && !w.stopped && w.harmful == 0 && tries_left && row->status != JOB_COMPLETED &&
	    row->status != JOB_CANCELLED)
		violated("cancelled, and it is %s (%s)", job_status_name(row->status), row->error);
	if (!w.cancelled && row->status == JOB_CANCELLED)
		violated("nobody cancelled it");
}

/* The provider may not have heard us. */
static bool abort_was_lost(unsigned part, unsigned n)
{
	for (unsigned i = 0; i < w.flight_count; i++) {
		const struct flight *f = &w.flights[i];

		if (f->kind == KIND_CANCEL && f->part == part && f->n == n)
			return f->alt->fault != FAULT_NONE;
	}
	return false;
}

/* A task whose handle was told is fetched, has ended or was called back. */
static void rule_no_orphans(unsigned part, unsigned n, const struct task *t)
{
	if (w.scenario->provider != QUEUE || !t->executed || !t->answered || t->fetched || t->ended)
		return;
	if (w.crashed || w.stolen || w.reloaded)
		return;
	if (t->abort_asked == 0)
		violated("part %u, attempt %u works on at the provider for nobody", part, n);
	else if (t->abort_asked < 2 && abort_was_lost(part, n))
		violated("part %u, attempt %u is called back only once", part, n);
}

static void rule_tasks(void)
{
	for (unsigned part = 1; part <= PARTS; part++) {
		unsigned executed = 0;

		for (unsigned n = 1; n < ATTEMPTS; n++) {
			executed += w.tasks[part][n].executed;
			rule_no_orphans(part, n, &w.tasks[part][n]);
		}
		if (executed > 1 && w.scenario->provider != HOUSE)
			violated("part %u was executed %u times", part, executed);
	}
}

/* What the attempts say is what reconciliation goes by. */
static void rule_attempts(void)
{
	for (unsigned i = 0; i < w.flight_count; i++) {
		const struct flight *f = &w.flights[i];
		bool lost = f->alt->fault == FAULT_CLOSED || f->alt->fault == FAULT_TIMEOUT;
		const char *outcome = w.row.parts[f->part < 1 ? 0 : f->part].attempts[f->n % ATTEMPTS].outcome;

		if (f->kind == KIND_SUBMIT || (f->kind == KIND_CALL && w.scenario->provider == PAID_CALL)) {
			if (lost && !w.swept && strcmp(outcome, "unknown") != 0)
				violated("the outcome of part %u, attempt %u is unknown, its row says %s", f->part,
				         f->n, outcome);
			/* A part that ended before its job was left cannot write this any more: the next one says "unknown". */
			if (f->alt->fault == FAULT_NOT_SENT && f->life == w.life && !w.stolen && !w.swept &&
			    strcmp(outcome, "not_sent") != 0)
				violated("part %u, attempt %u was not sent, its row says %s", f->part, f->n, outcome);
		}
	}
	for (unsigned i = 1; i <= w.row.parts_count; i++)
		for (unsigned n = 1; n <= w.row.parts[i].newest; n++)
			if (!w.row.parts[i].attempts[n].outcome[0])
				violated("attempt %u of part %u is still open", n, i);
}

void rules_of_memory(void)
{
	const struct engine *e = w.core.engine;
	const struct account *a = w.account;

	if (e->live || e->slab.live || !list_is_empty(&e->jobs))
		violated("%u jobs are left in memory", e->live);
	if (a->in_use != w.outsider_has_slot || !list_is_empty(&a->waiting))
		violated("%u slots are still taken", a->in_use);
	if (w.watching)
		violated("a watch was never told");
}

void rules_at_end(void)
{
	if (!w.row.exists)
		return;
	rule_money();
	rule_good_end();
	rule_tasks();
	rule_attempts();
}
