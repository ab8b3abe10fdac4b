/*
 * lookup - the job of a path, for its owner. Somebody else's is as absent as one that never was.
 */
#include "api/images.h"
#include "api/texts.h"

struct lookup {
	struct jobs_find find;
	struct api_req *r;
	void (*found)(struct api_req *r, const struct job_record *record);
};

static void lookup_drop(struct api_req *r)
{
	jobs_find_clear(&((struct lookup *)r->state)->find);
}

static void lookup_missing(struct api_req *r)
{
	api_fail(r, FAULT_NOT_FOUND, str_from(text_get(r->language, TEXT_JOB_NOT_FOUND)));
}

static void lookup_done(struct op *op)
{
	struct jobs_find *find = CONTAINER_OF(op, struct jobs_find, op);
	struct lookup *l = CONTAINER_OF(find, struct lookup, find);
	struct api_req *r = l->r;

	r->drop = NULL;
	if (op->fault.code == FAULT_NONE)
		l->found(r, find->record);
	else if (op->fault.code == FAULT_NOT_FOUND)
		lookup_missing(r);
	else
		api_fail_with(r, &(struct fault){ .code = FAULT_STORE_DOWN, .retry_after_s = 1 }, NULL);
	jobs_find_clear(find);
}

void lookup_job(struct api_req *r, bool fresh, void (*found)(struct api_req *r, const struct job_record *record))
{
	struct str id = r->http->params[0], user = str_from(r->who.user_id);
	const struct job_record *here;
	struct lookup *l;

	if (!uid_is_valid(id, "img_")) {
		lookup_missing(r);
		return;
	}
	here = fresh ? NULL : jobs_peek(r->api->core, user, id);
	if (here) {
		found(r, here);
		return;
	}
	l = arena_new(&r->http->arena, struct lookup);
	l->r = r;
	l->found = found;
	r->state = l;
	r->drop = lookup_drop;
	jobs_find_init(&l->find, r->api->core, lookup_done);
	jobs_find(r->api->core, &l->find, user, id, fresh);
}
