/*
 * page_wait - looking at a job until it has ended; and the place of a picture that is still being made.
 *
 *   GET /tiles/{id}   ended: 303 to its picture, or to the sign of failure
 *                     not yet: after ROUND_MS 303 to here, because proxies have less patience than we
 *
 * A browser that is given this as a picture waits until there is something to show. So a page without
 * script fills by itself, and nobody who types is disturbed. Only the page that has just made a job has such a
 * picture, so a browser holds one connection for it.
 */
#include "api/page.h"

enum { LOOK_HERE_MS = 50, LOOK_ELSEWHERE_MS = 1000, ROUND_MS = 25000, ROUNDS = 15 };

/* ---- waiting ---- */

static void wait_look(struct page_wait *w);

static void wait_drop(struct api_req *r)
{
	struct page_wait *w = r->state;

	timer_stop(r->api->core->loop, &w->timer);
	jobs_find_clear(&w->find);
}

static void wait_end(struct page_wait *w, const struct job_record *job, enum fault_code code)
{
	w->r->drop = NULL;
	w->done(w, job, code);
}

static void wait_fire(struct timer *timer)
{
	wait_look(CONTAINER_OF(timer, struct page_wait, timer));
}

/* False: there is no time left. */
static bool wait_more(struct page_wait *w, unsigned ms)
{
	struct loop *l = w->r->api->core->loop;

	if (loop_now_ms(l) >= w->until_ms || w->r->http->server->draining)
		return false;
	timer_start(l, &w->timer, ms, wait_fire);
	return true;
}

static void wait_found(struct op *op)
{
	struct jobs_find *find = CONTAINER_OF(op, struct jobs_find, op);
	struct page_wait *w = CONTAINER_OF(find, struct page_wait, find);
	enum fault_code code = op->fault.code;
	bool ended = code == FAULT_NONE ? job_status_is_final(find->record->status) : code == FAULT_NOT_FOUND;

	if (ended || !wait_more(w, LOOK_ELSEWHERE_MS))
		wait_end(w, code == FAULT_NONE ? find->record : NULL, code);
	jobs_find_clear(find);
}

static void wait_look(struct page_wait *w)
{
	struct core *core = w->r->api->core;
	struct str user = str_from(w->r->who.user_id);
	const struct job_record *here = jobs_peek(core, user, w->id);

	if (!here) {
		jobs_find_init(&w->find, core, wait_found);
		jobs_find(core, &w->find, user, w->id, false);
	} else if (job_status_is_final(here->status) || !wait_more(w, LOOK_HERE_MS)) {
		wait_end(w, here, FAULT_NONE);
	}
}

void page_wait_for(struct page_wait *w, struct api_req *r, struct str id, unsigned ms,
                   void (*done)(struct page_wait *w, const struct job_record *job, enum fault_code code))
{
	struct core *core = r->api->core;

	*w = (struct page_wait){ .r = r, .id = id, .until_ms = loop_now_ms(core->loop) + ms, .done = done };
	jobs_find_init(&w->find, core, wait_found);
	r->state = w;
	r->drop = wait_drop;
	wait_look(w);
}

/* ---- the tile ---- */

static void tile_again(struct api_req *r, struct str id)
{
	uint64_t round;

	if (!str_to_u64(api_query(r, "round"), &round))
		round = 1;
	if (round < ROUNDS)
		page_redirect(r, arena_printf(&r->http->arena, "/tiles/%.*s?round=%u", STRF(id), (unsigned)round + 1),
		              (struct str){ NULL, 0 });
	else
		page_redirect(r, page_asset_href(r, "failed.svg"), (struct str){ NULL, 0 });
}

static void tile_judge(struct page_wait *w, const struct job_record *job, enum fault_code code)
{
	struct api_req *r = w->r;

	if (code == FAULT_NOT_FOUND)
		api_fail(r, code, page_text(r, TEXT_JOB_NOT_FOUND));
	else if (!job || !job_status_is_final(job->status))
		tile_again(r, w->id);
	else if (job->images_stored > 0)
		page_redirect(r, arena_printf(&r->http->arena, "/%.*s", STRF(job->pictures[0].key)),
		              (struct str){ NULL, 0 });
	else
		page_redirect(r, page_asset_href(r, "failed.svg"), (struct str){ NULL, 0 });
}

void page_tile(struct http_req *http)
{
	struct api_req *r = api_of(http);

	page_wait_for(arena_new(&http->arena, struct page_wait), r, http->params[0], ROUND_MS, tile_judge);
}
