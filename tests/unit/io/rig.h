#pragma once
/*
 * rig - what the tests against real servers share: a loop that runs until something is
 * true, control of the servers (tests/stores), and the count of our threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "loop/op.h"

struct rig {
	struct loop loop;
	struct timer tick;
};

static void rig_tick(struct timer *t)
{
	struct rig *r = CONTAINER_OF(t, struct rig, tick);

	timer_start(&r->loop, t, 2, rig_tick);
}

/* Runs the loop until *what reaches `want`; false when that took longer than `ms`. */
static bool rig_until(struct rig *r, const volatile unsigned *what, unsigned want, uint64_t ms)
{
	uint64_t end;

	uv_update_time(&r->loop.uv);
	end = loop_now_ms(&r->loop) + ms;
	timer_start(&r->loop, &r->tick, 2, rig_tick);
	while (*what < want && loop_now_ms(&r->loop) < end)
		uv_run(&r->loop.uv, UV_RUN_ONCE);
	timer_stop(&r->loop, &r->tick);
	return *what >= want;
}

static inline void rig_pass(struct rig *r, uint64_t ms)
{
	unsigned never = 0;

	rig_until(r, &never, 1, ms);
}

static inline void rig_close(struct rig *r)
{
	rig_pass(r, 5); /* close callbacks, completions that were queued */
	loop_close(&r->loop);
}

/* "postgres kill", "redis freeze", … */
static inline void stores(const char *what)
{
	char command[512];

	snprintf(command, sizeof command, "\"$STORES\" %s", what);
	assert_int_equal(system(command), 0);
}

static inline unsigned threads_of_this_process(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/task");

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static inline const char *env_or_skip(const char *name)
{
	const char *value = getenv(name);

	if (!value) {
		fprintf(stderr, "%s is not set: run by tests/stores run -- PROGRAM\n", name);
		exit(77);
	}
	return value;
}
