/*
 * schedule - one job from accept to its one end, on every path that differs from the usual one in a few points.
 *
 *     steps [--long] [--budget N] [--only SCENARIO]     explore; prints how many schedules ran (--long: an hour)
 *     steps --replay SCENARIO CHOICES                   one schedule, told step by step
 *
 * Between any two things that happen there is a moment: here a user may cancel, the server be shut down or
 * killed, another instance take the job over, a reload remove the provider. A schedule that breaks a rule is
 * told in full, and the exit code is 1.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/resume.h"
#include "loop/loop_priv.h"
#include "world.h"

enum { GRACE_MS = 10000 };

static const struct scenario scenarios[] = {
	{ "house", HOUSE, 1, 1, 8, false, false, 2, 4 },
	{ "house-busy", HOUSE, 1, 1, 1, true, false, 2, 3 },
	{ "house-two-parts", HOUSE, 2, 1, 8, false, false, 2, 3 },
	{ "house-ending", HOUSE, 1, 1, 8, false, true, 2, 3 },
	{ "paid-call", PAID_CALL, 1, 1, 8, false, false, 2, 4 },
	{ "paid-call-busy", PAID_CALL, 1, 1, 1, true, false, 2, 3 },
	{ "paid-call-two-parts", PAID_CALL, 2, 1, 8, false, false, 2, 3 },
	{ "queue", QUEUE, 1, 1, 8, false, false, 2, 3 },
	{ "queue-busy", QUEUE, 1, 1, 1, true, false, 2, 3 },
	{ "queue-ending", QUEUE, 1, 1, 8, false, true, 1, 3 },
	{ "queue-two-pictures", QUEUE, 1, 2, 8, false, false, 2, 3 },
	{ "queue-two-parts", QUEUE, 2, 1, 8, false, false, 2, 2 },
	{ "queue-in-turn", QUEUE, 2, 1, 1, false, false, 2, 2 },
};

struct world w;

/* ---- telling ---- */

void trace(const char *format, ...)
{
	va_list ap;

	if (!w.trace)
		return;
	printf("%8llu ms  ", (unsigned long long)(loop_now_ms(&w.loop) - w.started_ms));
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

/* The same schedule once more in a fresh process, aloud. */
static void tell(void)
{
	static char choices[EXPLORE_POINTS * 4];
	const struct explorer *x = &w.explorer;
	size_t n = 0;
	pid_t child;
	char *argv[] = { (char *)(uintptr_t) "steps", (char *)(uintptr_t) "--replay",
		         (char *)(uintptr_t)w.scenario->name, choices, NULL };

	for (unsigned i = 0; i < x->at; i++)
		n += (size_t)snprintf(choices + n, sizeof choices - n, "%s%u", i ? "," : "", x->path[i].taken);
	printf("\nsteps --replay %s %s\n", w.scenario->name, choices);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		execv("/proc/self/exe", argv);
		_exit(1);
	}
	waitpid(child, NULL, 0);
	_exit(1);
}

void violated(const char *format, ...)
{
	va_list ap;

	if (!w.trace)
		tell();
	printf("BROKEN: ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	_exit(1);
}

static void check_broken(void)
{
	if (!w.trace)
		tell();
	fflush(stdout);
}

static void on_crash(int number)
{
	(void)number;
	tell();
}

unsigned deviations(void)
{
	unsigned n = w.events;

	for (unsigned i = 0; i < KINDS; i++)
		n += w.deviations[i];
	return n;
}

/* ---- what may happen between two things ---- */

/* Each part can go on from its row alone. */
static bool rows_are_safe(void)
{
	for (unsigned i = 1; w.row.exists && !w.row.completed && i <= w.row.parts_count; i++) {
		const char *step = w.row.parts[i].step;

		if (strcmp(step, "WAIT") != 0 && strcmp(step, "ADMIT") != 0 &&
		    (strcmp(step, "CALL") != 0 || w.scenario->provider != HOUSE))
			return false;
	}
	return true;
}

/* A finished part of a job whose other parts were left is begun again. Where that must not be, it is lost: what
 * was drawn is not in the part's row. */
static bool drawn_and_lost(void)
{
	bool lost = false;

	for (unsigned i = 1; i <= w.row.parts_count; i++)
		lost |= w.scenario->provider == PAID_CALL && w.picture[i] && !strcmp(w.row.parts[i].step, "CALL");
	return lost;
}

static void restart(void)
{
	w.harmful += w.row.exists && !w.row.completed && drawn_and_lost();
	instance_kill();
	if (w.row.epoch > w.life)
		w.life = (unsigned)w.row.epoch;
	instance_start();
	w.resuming = true;
	resume_start(w.core.resume);
}

static void crash(void)
{
	w.crashed = true;
	w.quick_since_ms = 0;
	w.harmful += !rows_are_safe();
	restart();
}

static void cancel(void)
{
	struct job *j = instance_job();

	w.cancelled = w.row.cancel_wished = true;
	if (j)
		job_stop(j, FAULT_CANCELLED);
	rule_wish();
}

static void stop(void)
{
	w.stopped = true;
	job_stop(instance_job(), FAULT_DEADLINE);
	rule_wish();
}

static void drained(struct engine *e)
{
	w.drained = true;
	w.cut = e->live > 0;
}

static void park(void)
{
	w.parked = true;
	engine_park(w.core.engine, GRACE_MS, drained);
	rule_wish();
}

static void taken(void)
{
	w.stolen = true;
	w.harmful += !rows_are_safe();
	w.row.epoch = w.life + 1;
}

static void reload(void)
{
	struct str why;

	w.reloaded = true;
	w.harmful++;
	CHECK(accounts_replace(&w.accounts, NULL, 0, &why));
}

static bool can_cancel(void)
{
	return w.row.exists && !w.row.completed && !w.accepting && !w.told_no && !w.cancelled;
}

static bool can_stop(void)
{
	return instance_job() && !w.stopped;
}

static bool can_park(void)
{
	return !w.parked && (instance_job() || w.accepting);
}

static bool can_crash(void)
{
	return w.row.exists || w.accepting;
}

static bool can_be_taken(void)
{
	return w.row.exists && !w.row.completed && !w.stolen && instance_job();
}

static bool can_reload(void)
{
	return !w.reloaded && instance_job();
}

static const struct {
	const char *name;
	bool (*possible)(void);
	void (*happen)(void);
} events[] = {
	{ "the user cancels", can_cancel, cancel },
	{ "the deadline passes", can_stop, stop },
	{ "shutdown", can_park, park },
	{ "crash", can_crash, crash },
	{ "taken over", can_be_taken, taken },
	{ "the account is removed", can_reload, reload },
};

static void moment(void)
{
	unsigned possible[COUNT_OF(events)], n = 0, choice;

	rule_moment();
	for (unsigned i = 0; i < COUNT_OF(events); i++)
		if (events[i].possible())
			possible[n++] = i;
	choice = explore_choose(&w.explorer, n + 1);
	if (choice == 0)
		return;
	trace("%s", events[possible[choice - 1]].name);
	w.events++;
	events[possible[choice - 1]].happen();
}

/* ---- one schedule ---- */

/* One batch of completions, or one timer; false: nothing will ever happen again. */
static bool turn(void)
{
	struct loop *l = &w.loop;

	if (!list_is_empty(&l->ready) || !list_is_empty(&l->batch)) {
		ready_run(l);
		hooks_run(l);
		return true;
	}
	if (hooks_run(l) > 0)
		return true;
	if (l->timers == 0)
		return false;
	if (l->heap[0]->due_ms > l->fake_now_ms)
		l->fake_now_ms = l->heap[0]->due_ms;
	return timer_fire_next(l, l->fake_now_ms);
}

static void world_reset(const struct scenario *s)
{
	arena_reset(&w.arena);
	memset(&w.sticky, 0, sizeof w.sticky);
	memset(&w.row, 0, sizeof w.row);
	memset(w.tasks, 0, sizeof w.tasks);
	memset((char *)&w + offsetof(struct world, may_have_paid), 0, sizeof w - offsetof(struct world, may_have_paid));
	w.scenario = s;
	w.flight_count = 0;
	w.started_ms = loop_now_ms(&w.loop);
	w.random = 1;
	w.life = 0;
	w.resuming = w.told_no = w.cut = w.reloaded = w.outsider_has_slot = false;
	for (unsigned i = 1; i <= PARTS; i++)
		w.row.parts[i].step = "";
}

/* True: this instance has done all it will do. */
static bool life_is_over(void)
{
	if (w.resuming && (instance_job() || w.row.completed || !w.row.exists)) {
		w.resuming = false;
		resume_stop(w.core.resume);
	}
	if (w.cut) {
		w.cut = false;
		trace("cut off");
		crash();
		return false;
	}
	if (w.resuming || !instance_is_empty())
		return false;
	if (w.row.exists && !w.row.completed && (w.parked || w.row.epoch != w.life)) {
		trace("the next instance");
		restart();
		return false;
	}
	return true;
}

/* What was on its way when the last instance had nothing more to do. */
static void flights_land(void)
{
	unsigned armed = 0;

	for (unsigned i = 0; i < w.flight_count; i++)
		armed += timer_is_armed(&w.flights[i].report) + timer_is_armed(&w.flights[i].effect);
	if (armed != w.loop.timers)
		violated("%u timers are left behind", (unsigned)w.loop.timers - armed);
	while (turn())
		;
}

static void life_goes_on(void)
{
	if (!turn())
		violated("it waits for ever");
}

static void run_schedule(const struct scenario *s)
{
	world_reset(s);
	instance_start();
	if (s->ending)
		park();
	instance_accept();
	while (!life_is_over()) {
		moment();
		if (w.resuming || !instance_is_empty())
			life_goes_on();
	}
	if (w.parked && !w.drained)
		violated("nothing lives, and the shutdown still waits");
	rules_of_memory();
	instance_kill();
	flights_land();
	w.sweep_is_fine = w.told_no || w.buried || w.refused_end;
	db_sweep();
	rules_at_end();
}

/* ---- all of them ---- */

static unsigned long explore(const struct scenario *s, unsigned budget)
{
	unsigned long n = 0;

	explore_start(&w.explorer, budget);
	do {
		run_schedule(s);
		n++;
	} while (explore_next(&w.explorer));
	return n;
}

static const struct scenario *scenario_named(const char *name)
{
	for (unsigned i = 0; i < COUNT_OF(scenarios); i++)
		if (!strcmp(scenarios[i].name, name))
			return &scenarios[i];
	fprintf(stderr, "steps: there is no scenario %s\n", name);
	exit(2);
}

static int replay(const char *name, const char *choices)
{
	struct explorer *x = &w.explorer;
	struct str rest = str_from(choices);

	w.trace = true;
	while (rest.p && rest.n) {
		int64_t taken;

		if (!str_to_i64(str_cut(&rest, ','), &taken) || x->length == EXPLORE_POINTS)
			return 2;
		x->path[x->length++].taken = (uint8_t)taken;
		x->budget += taken > 0;
	}
	run_schedule(scenario_named(name));
	printf("every rule holds\n");
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: steps [--long] [--budget N] [--only SCENARIO]\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *only = NULL;
	bool longer = false;
	unsigned long total = 0;
	int64_t budget = 0;

	loop_init(&w.loop);
	loop_fake_clock(&w.loop);
	arena_init(&w.arena, 16 * 1024 * 1024);
	w.trace = true; /* there is no schedule to tell */
	rules_of_table();
	w.trace = false;
	if (argc == 4 && !strcmp(argv[1], "--replay"))
		return replay(argv[2], argv[3]);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--long"))
			longer = true;
		else if (!strcmp(argv[i], "--only") && i + 1 < argc)
			only = scenario_named(argv[++i])->name;
		else if (strcmp(argv[i], "--budget") || i + 1 >= argc || !str_to_i64(str_from(argv[++i]), &budget))
			return usage();
	}
	check_hook = check_broken;
	sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = on_crash, .sa_flags = SA_NODEFER }, NULL);
	for (unsigned i = 0; i < COUNT_OF(scenarios); i++) {
		const struct scenario *s = &scenarios[i];
		unsigned usual = longer ? s->budget_long : s->budget;
		unsigned long n;

		if (only && only != s->name)
			continue;
		n = explore(s, budget > 0 ? (unsigned)budget : usual);
		printf("%-22s %9lu schedules\n", s->name, n);
		fflush(stdout);
		total += n;
	}
	printf("%-22s %9lu schedules, every rule held\n", "all", total);
	arena_clear(&w.arena);
	loop_close(&w.loop);
	return 0;
}
