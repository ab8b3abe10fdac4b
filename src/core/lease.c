/*
 * lease - one statement at a time: START until it is ours, then BEAT every five seconds.
 *
 *   START -> HELD --beat--> HELD … -> stopped
 *     ^        \-- no row (a newer life has it): nothing is held, START again
 *
 * Instances on one machine share their data directory, and with it pictures and key file. A lock on the
 * file that holds the id tells them apart, which the row alone could not.
 */
#include "core/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/uid.h"
#include "core/core.h"
#include "io/pg.h"

enum { START_AGAIN_MS = 300, INSTANCES_MAX = 64 };

struct lease {
	struct core *core;
	struct uid id;
	char epoch[24];
	int lock_fd; /* flock on this instance's file in the data directory */
	struct pg_call call;
	struct timer timer;
	uint64_t asked_ms, held_until_ms;
	bool claimed, stopping;
	void (*ready)(struct core *core);
	void (*stopped)(struct core *core);
};

/* The first of the data directory's instance files that nobody else holds: `instance`, `instance.2`, ... */
static bool id_lock(struct lease *l, struct str *why)
{
	char path[4096];

	for (unsigned n = 1; n <= INSTANCES_MAX; n++) {
		if (n == 1)
			snprintf(path, sizeof path, "%.*s/instance", STRF(l->core->settings.data_dir));
		else
			snprintf(path, sizeof path, "%.*s/instance.%u", STRF(l->core->settings.data_dir), n);
		l->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		*why = STR("the file `instance` in the data directory cannot be opened");
		if (l->lock_fd < 0)
			return false;
		if (flock(l->lock_fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		close(l->lock_fd);
		l->lock_fd = -1;
	}
	*why = STR("too many imagos are running on this data directory");
	return false;
}

/* The id of that instance: kept in its file, so that a restart finds its own jobs. */
static bool id_load(struct lease *l, struct str *why)
{
	char text[UID_SIZE] = "";
	ssize_t n;

	if (!id_lock(l, why))
		return false;
	n = read(l->lock_fd, text, sizeof text - 1);
	if (n > 0 && uid_is_valid(str_from(text), "ins_")) {
		memcpy(l->id.text, text, sizeof text);
		return true;
	}
	l->id = uid_new("ins_");
	*why = STR("the file `instance` in the data directory cannot be written");
	return ftruncate(l->lock_fd, 0) == 0 &&
	       pwrite(l->lock_fd, l->id.text, strlen(l->id.text), 0) == (ssize_t)strlen(l->id.text);
}

static void lease_tick(struct timer *t);

static void lease_again(struct lease *l, unsigned ms)
{
	if (!l->stopping)
		timer_start(l->core->loop, &l->timer, ms, lease_tick);
}

/* A claim or a beat has been answered with a row. */
static void lease_renewed(struct lease *l)
{
	bool first = !l->claimed;

	l->claimed = true;
	l->held_until_ms = l->asked_ms + LEASE_MS;
	lease_again(l, LEASE_BEAT_MS);
	if (first && l->ready) {
		void (*ready)(struct core * core) = l->ready;

		l->ready = NULL;
		LOG_INFO(&l->core->log, "lease.claimed", KV_CSTR("instance", l->id.text), KV_CSTR("epoch", l->epoch));
		ready(l->core);
	}
}

static void lease_stopped(struct lease *l)
{
	void (*stopped)(struct core * core) = l->stopped;

	l->stopped = NULL;
	timer_stop(l->core->loop, &l->timer);
	if (stopped)
		stopped(l->core);
}

static void lease_answered(struct op *op)
{
	struct pg_call *call = CONTAINER_OF(op, struct pg_call, op);
	struct lease *l = CONTAINER_OF(call, struct lease, call);
	bool row = op->fault.code == FAULT_NONE && pg_rows(call) == 1;

	if (row && !l->claimed && !l->stopping)
		snprintf(l->epoch, sizeof l->epoch, "%lld", (long long)pg_int(call, 0, 0));
	if (op->fault.code == FAULT_NONE && !row && l->claimed && !l->stopping) {
		LOG_ERROR(&l->core->log, "lease.lost", KV_CSTR("instance", l->id.text), KV_CSTR("epoch", l->epoch));
		l->claimed = false;
		l->held_until_ms = 0;
	}
	pg_call_clear(call);
	if (l->stopping)
		lease_stopped(l);
	else if (row)
		lease_renewed(l);
	else
		lease_again(l, START_AGAIN_MS);
}

static void lease_tick(struct timer *t)
{
	struct lease *l = CONTAINER_OF(t, struct lease, timer);
	struct str params[2] = { str_from(l->id.text), l->claimed ? str_from(l->epoch) : l->core->settings.version };

	if (l->stopping) {
		op_forget(&l->call.op);
		lease_stopped(l);
		return;
	}
	l->asked_ms = loop_now_ms(l->core->loop);
	pg_call(l->core->pg, PG_LISTEN, &l->call, l->claimed ? STMT_INSTANCE_BEAT : STMT_INSTANCE_START, params, 2);
}

struct lease *lease_new(struct core *core, struct str *why)
{
	struct lease *l = mem_new(struct lease);

	l->core = core;
	l->lock_fd = -1;
	pg_call_init(&l->call, core->loop, lease_answered);
	if (id_load(l, why))
		return l;
	lease_free(&l);
	return NULL;
}

void lease_free(struct lease **lp)
{
	struct lease *l = *lp;

	if (!l)
		return;
	*lp = NULL;
	timer_stop(l->core->loop, &l->timer);
	op_forget(&l->call.op);
	pg_call_clear(&l->call);
	if (l->lock_fd >= 0)
		close(l->lock_fd);
	mem_release(l);
}

void lease_start(struct lease *l, void (*ready)(struct core *core))
{
	l->ready = ready;
	lease_tick(&l->timer);
}

bool lease_is_held(const struct lease *l)
{
	return l->claimed && loop_now_ms(l->core->loop) < l->held_until_ms;
}

struct str lease_id(const struct lease *l)
{
	return str_from(l->id.text);
}

struct str lease_epoch(const struct lease *l)
{
	return str_from(l->epoch[0] ? l->epoch : "0");
}

void lease_stop(struct lease *l, void (*done)(struct core *core))
{
	struct str params[2] = { lease_id(l), lease_epoch(l) };

	l->stopping = true;
	l->stopped = done;
	op_forget(&l->call.op);
	pg_call_clear(&l->call);
	timer_start(l->core->loop, &l->timer, 1000, lease_tick);
	pg_call_within(l->core->pg, PG_LISTEN, &l->call, STMT_INSTANCE_STOP, params, 2, 900);
}
