/*
 * doctor - one line for each thing that has to be right, and what to do when it is not.
 *
 * The order is that of a start: settings, stores, disk, workers, providers. Everything is looked at, whatever
 * was wrong before it. Nothing that is found is changed; what is written for a trial is taken away.
 */
#include <poll.h>
#include <stdio.h>

#include "app/doctor_priv.h"
#include "base/mem.h"
#include "core/accounts.h"
#include "io/names.h"
#include "providers/catalog.h"

enum { JSON_MAX = 1 << 20, SETTLE_TURNS = 200 };

static const char *const verdicts[] = { [VERDICT_OK] = "ok", [VERDICT_WARN] = "warn", [VERDICT_FAIL] = "fail" };

void doctor_say(struct doctor *d, enum verdict verdict, const char *name, const char *advice, const char *format, ...)
{
	struct doctor_line *line;
	va_list ap;

	if (d->count == DOCTOR_LINES_MAX)
		return;
	line = &d->lines[d->count++];
	*line = (struct doctor_line){ .verdict = verdict, .name = name, .advice = str_from(advice) };
	va_start(ap, format);
	line->text = arena_vprintf(d->arena, format, ap);
	va_end(ap);
}

/* ---- the loop ---- */

static void watchdog_fired(struct timer *t)
{
	struct doctor *d = CONTAINER_OF(t, struct doctor, watchdog);

	d->timed_out = true;
	loop_break(&d->app->loop);
}

bool doctor_run(struct doctor *d, unsigned ms)
{
	d->timed_out = false;
	timer_start(&d->app->loop, &d->watchdog, ms, watchdog_fired);
	loop_run(&d->app->loop);
	timer_stop(&d->app->loop, &d->watchdog);
	return !d->timed_out;
}

void doctor_op_done(struct op *op)
{
	loop_break(op->loop);
}

void doctor_settle(struct doctor *d)
{
	for (int i = 0; i < SETTLE_TURNS && uv_run(&d->app->loop.uv, UV_RUN_NOWAIT) != 0; i++)
		poll(NULL, 0, 1);
}

/* ---- the answer ---- */

static void print_text(const struct doctor *d)
{
	for (unsigned i = 0; i < d->count; i++) {
		const struct doctor_line *line = &d->lines[i];

		printf("%-5s %-12s %.*s\n", verdicts[line->verdict], line->name, STRF(line->text));
		if (line->advice.n)
			printf("%-18s -> %.*s\n", "", STRF(line->advice));
	}
}

static void print_json(const struct doctor *d, bool healthy)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, JSON_MAX);
	w = json_writer(&b);
	jw_object(&w);
	jw_kv_bool(&w, "ok", healthy);
	jw_key(&w, "checks");
	jw_array(&w);
	for (unsigned i = 0; i < d->count; i++) {
		jw_object(&w);
		jw_kv_cstr(&w, "name", d->lines[i].name);
		jw_kv_cstr(&w, "verdict", verdicts[d->lines[i].verdict]);
		jw_kv_str(&w, "text", d->lines[i].text);
		if (d->lines[i].advice.n)
			jw_kv_str(&w, "advice", d->lines[i].advice);
		jw_end_object(&w);
	}
	jw_end_array(&w);
	jw_end_object(&w);
	cli_print_json(&b);
}

static int answer(const struct doctor *d)
{
	unsigned counts[COUNT_OF(verdicts)] = { 0 };

	for (unsigned i = 0; i < d->count; i++)
		counts[d->lines[i].verdict]++;
	if (d->cli->json) {
		print_json(d, counts[VERDICT_FAIL] == 0);
	} else {
		print_text(d);
		printf("\n%u ok, %u to look at, %u wrong\n", counts[VERDICT_OK], counts[VERDICT_WARN],
		       counts[VERDICT_FAIL]);
	}
	return counts[VERDICT_FAIL] ? CLI_FAILED : CLI_OK;
}

/* ---- the round ---- */

static void visit(struct doctor *d)
{
	struct names *names;
	struct str why;

	doctor_settings(d);
	doctor_postgres(d);
	names = names_new(&d->app->loop, d->config->dns, &why);
	if (!names)
		doctor_say(d, VERDICT_FAIL, "names", "correct IMAGO_DNS", "%.*s", STRF(why));
	if (names)
		doctor_redis(d, names);
	doctor_disk(d);
	doctor_pixels(d);
	if (names)
		doctor_providers(d, names);
	names_free(&names);
	doctor_settle(d);
}

int command_doctor(struct cli *cli)
{
	struct app *app = mem_new(struct app);
	struct doctor *d = mem_new(struct doctor);
	int code;

	/* What adapters log is said here in better words. */
	log_configure(LOG_LEVEL_ERROR, false);
	*d = (struct doctor){ .cli = cli, .config = cli->config, .app = app, .arena = &cli->arena };
	app->config = cli->config;
	loop_init(&app->loop);
	accounts_init(&app->accounts, &app->loop);
	visit(d);
	code = answer(d);
	accounts_clear(&app->accounts);
	catalog_free(&app->catalog);
	loop_close(&app->loop);
	mem_release(d);
	mem_release(app);
	return code;
}
