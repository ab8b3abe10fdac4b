#pragma once
/*
 * doctor_priv - what the doctor_*.c files share; nobody else includes it.
 *
 * Each check uses the very code that the server uses, on a loop of the doctor's own.
 */
#include "app/app.h"
#include "app/cli.h"

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };
enum { DOCTOR_LINES_MAX = 128 };

struct doctor_line {
	enum verdict verdict;
	const char *name;
	struct str text, advice;
};

struct doctor {
	struct cli *cli;
	const struct config *config;
	struct app *app; /* loop, log, catalog and accounts of it are used */
	struct arena *arena;
	struct doctor_line lines[DOCTOR_LINES_MAX];
	unsigned count;
	struct timer watchdog;
	bool timed_out;
};

/* A line; advice NULL: nothing to do. */
void doctor_say(struct doctor *d, enum verdict verdict, const char *name, const char *advice, const char *format, ...)
	PRINTF_LIKE(5, 6);
/* Runs the loop until loop_break, at most so long. False: the time is up. */
bool doctor_run(struct doctor *d, unsigned ms);
/* For op_init: ends doctor_run. */
void doctor_op_done(struct op *op);
/* Some turns more, for what was freed to close. */
void doctor_settle(struct doctor *d);

void doctor_settings(struct doctor *d);
void doctor_postgres(struct doctor *d);
void doctor_redis(struct doctor *d, struct names *names);
void doctor_disk(struct doctor *d);
void doctor_pixels(struct doctor *d);
void doctor_providers(struct doctor *d, struct names *names);
