/*
 * engine_life - making, parking and freeing the engine.
 */
#include "base/mem.h"
#include "core/engine.h"
#include "core/rows.h"

struct engine *engine_new(struct core *core)
{
	struct engine *e = mem_new(struct engine);

	e->core = core;
	list_init(&e->jobs);
	map_init(&e->by_id);
	slab_init(&e->slab, sizeof(struct job), core->settings.live_jobs_max);
	e->accept = accept_group_new(e);
	e->attempt = attempt_group_new(e);
	e->record = record_group_new(e);
	e->settle = settle_group_new(e);
	return e;
}

void engine_free(struct engine **ep)
{
	struct engine *e = *ep;

	if (!e)
		return;
	*ep = NULL;
	timer_stop(e->core->loop, &e->grace);
	group_free(&e->accept);
	group_free(&e->attempt);
	group_free(&e->record);
	group_free(&e->settle);
	map_clear(&e->by_id);
	slab_clear(&e->slab);
	mem_release(e);
}

void engine_check_drained(struct engine *e)
{
	void (*drained)(struct engine * e) = e->drained;

	if (!drained || e->slab.live > 0) /* one that is being accepted counts */
		return;
	e->drained = NULL;
	timer_stop(e->core->loop, &e->grace);
	drained(e);
}

static void grace_over(struct timer *t)
{
	struct engine *e = CONTAINER_OF(t, struct engine, grace);
	void (*drained)(struct engine * e) = e->drained;

	LOG_WARN(&e->core->log, "engine.cut_off", KV_INT("jobs", e->live));
	e->drained = NULL;
	if (drained)
		drained(e);
}

void engine_park(struct engine *e, unsigned grace_ms, void (*drained)(struct engine *e))
{
	e->parking = true;
	e->drained = drained;
	timer_start(e->core->loop, &e->grace, grace_ms, grace_over);
	LIST_EACH_SAFE(&e->jobs, l)
		job_park(CONTAINER_OF(l, struct job, link), false);
	engine_check_drained(e);
}
