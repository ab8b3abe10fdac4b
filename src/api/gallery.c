/*
 * gallery - the pictures of one user, newest first, with the counts of all types and the jobs that still run.
 *
 * Three statements, one after the other in one class, so that counts and pictures are of about
 * the same moment.
 */
#include "api/gallery.h"

#include "api/listing.h"
#include "api/render.h"
#include "api/texts.h"
#include "base/mem.h"

struct gallery_call {
	struct gallery gallery;
	struct pg_call counts, unfinished, page;
	struct api_req *r;
	struct str type, before_us, before_id, limit;
	void (*done)(struct api_req *r, const struct gallery *g);
};

static void gallery_drop(struct api_req *r)
{
	struct gallery_call *c = r->state;

	op_forget(&c->counts.op);
	op_forget(&c->unfinished.op);
	op_forget(&c->page.op);
	pg_call_clear(&c->counts);
	pg_call_clear(&c->unfinished);
	pg_call_clear(&c->page);
}

static void gallery_end(struct gallery_call *c, const struct op *op)
{
	struct api_req *r = c->r;

	r->drop = NULL;
	c->gallery.failed = op->fault.code != FAULT_NONE;
	c->done(r, &c->gallery);
	gallery_drop(r);
}

/* id, job_id, n, key, bytes, content_type, width, height, generation_type, model, prompt, created_us */
static void page_read(struct op *op)
{
	struct pg_call *call = CONTAINER_OF(op, struct pg_call, op);
	struct gallery_call *c = CONTAINER_OF(call, struct gallery_call, page);
	struct gallery *g = &c->gallery;

	g->count = op->fault.code == FAULT_NONE ? pg_rows(call) : 0;
	g->items = arena_array(&c->r->http->arena, struct gallery_item, g->count + 1);
	for (unsigned i = 0; i < g->count; i++)
		g->items[i] = (struct gallery_item){
			.id = pg_text(call, i, 0),
			.job_id = pg_text(call, i, 1),
			.n = (unsigned)pg_int(call, i, 2),
			.key = pg_text(call, i, 3),
			.bytes = (uint64_t)pg_int(call, i, 4),
			.content_type = pg_text(call, i, 5),
			.width = (unsigned)pg_int(call, i, 6),
			.height = (unsigned)pg_int(call, i, 7),
			.generation_type = pg_text(call, i, 8),
			.model = pg_text(call, i, 9),
			.prompt = pg_text(call, i, 10),
			.created_us = pg_int(call, i, 11),
		};
	gallery_end(c, op);
}

/* id, status, prompt, generation_type, num_images, width, height, created_us */
static void unfinished_read(struct op *op)
{
	struct pg_call *call = CONTAINER_OF(op, struct pg_call, op);
	struct gallery_call *c = CONTAINER_OF(call, struct gallery_call, unfinished);
	struct gallery *g = &c->gallery;

	g->unfinished_count = op->fault.code == FAULT_NONE ? pg_rows(call) : 0;
	g->unfinished = arena_array(&c->r->http->arena, struct gallery_job, g->unfinished_count + 1);
	for (unsigned i = 0; i < g->unfinished_count; i++)
		g->unfinished[i] = (struct gallery_job){
			.id = pg_text(call, i, 0),
			.status = pg_text(call, i, 1),
			.prompt = pg_text(call, i, 2),
			.generation_type = pg_text(call, i, 3),
			.num_images = (unsigned)pg_int(call, i, 4),
			.created_us = pg_int(call, i, 7),
		};
	if (op->fault.code != FAULT_NONE) {
		gallery_end(c, op);
		return;
	}
	pg_call(c->r->api->core->pg, PG_BULK, &c->page, STMT_GALLERY_PAGE,
	        (const struct str[]){ str_from(c->r->who.user_id), c->type, c->before_us, c->before_id, c->limit }, 5);
}

static void counts_read(struct op *op)
{
	struct pg_call *call = CONTAINER_OF(op, struct pg_call, op);
	struct gallery_call *c = CONTAINER_OF(call, struct gallery_call, counts);

	if (op->fault.code != FAULT_NONE || pg_rows(call) != 1) {
		gallery_end(c, op);
		return;
	}
	c->gallery.avatar = pg_int(call, 0, 0);
	c->gallery.imagen4 = pg_int(call, 0, 1);
	c->gallery.video = pg_int(call, 0, 2);
	c->gallery.all = pg_int(call, 0, 3);
	pg_call(c->r->api->core->pg, PG_BULK, &c->unfinished, STMT_GALLERY_UNFINISHED,
	        (const struct str[]){ str_from(c->r->who.user_id), STR("50") }, 2);
}

void gallery_load(struct api_req *r, struct str type, const int64_t *before_us, struct str before_id, unsigned limit,
                  void (*done)(struct api_req *r, const struct gallery *g))
{
	struct gallery_call *c = arena_new(&r->http->arena, struct gallery_call);
	struct str user = str_from(r->who.user_id);

	c->r = r;
	c->done = done;
	c->type = type;
	c->before_us = before_us ? param_int(r, *before_us) : (struct str){ NULL, 0 };
	c->before_id = before_id;
	c->limit = param_int(r, limit);
	c->gallery.limit = limit;
	c->gallery.type = type;
	pg_call_init(&c->counts, r->api->core->loop, counts_read);
	pg_call_init(&c->unfinished, r->api->core->loop, unfinished_read);
	pg_call_init(&c->page, r->api->core->loop, page_read);
	r->state = c;
	r->drop = gallery_drop;
	pg_call(r->api->core->pg, PG_BULK, &c->counts, STMT_GALLERY_COUNTS, &user, 1);
}

bool gallery_type(struct api_req *r, struct str *type)
{
	*type = api_query(r, "type");
	if (!type->p || str_is(*type, "all")) {
		*type = (struct str){ NULL, 0 };
		return true;
	}
	return str_is(*type, "avatar") || str_is(*type, "imagen4") || str_is(*type, "video");
}

/* ---- as JSON ---- */

static void item_render(struct api_req *r, const struct gallery_item *item, struct json_writer *w)
{
	struct buf link;

	buf_init(&link, 8192);
	api_link(r, &link, arena_printf(&r->http->arena, "/%.*s", STRF(item->key)));
	jw_object(w);
	jw_kv_str(w, "id", item->id);
	jw_kv_str(w, "job_id", item->job_id);
	jw_kv_str(w, "url", buf_view(&link));
	jw_kv_str(w, "prompt", item->prompt);
	jw_kv_str(w, "generation_type", item->generation_type);
	jw_kv_str(w, "model", item->model);
	jw_kv_str(w, "content_type", item->content_type);
	jw_kv_int(w, "bytes", (int64_t)item->bytes);
	jw_kv_int(w, "width", item->width);
	jw_kv_int(w, "height", item->height);
	render_time(w, "created_at", item->created_us);
	jw_end_object(w);
	buf_clear(&link);
}

static void counts_render(const struct gallery *g, struct json_writer *w)
{
	jw_key(w, "counts");
	jw_object(w);
	jw_kv_int(w, "avatar", g->avatar);
	jw_kv_int(w, "imagen4", g->imagen4);
	jw_kv_int(w, "video", g->video);
	jw_kv_int(w, "all", g->all);
	jw_end_object(w);
}

static void unfinished_render(const struct gallery *g, struct json_writer *w)
{
	jw_key(w, "unfinished");
	jw_array(w);
	for (unsigned i = 0; i < g->unfinished_count; i++) {
		const struct gallery_job *j = &g->unfinished[i];

		jw_object(w);
		jw_kv_str(w, "job_id", j->id);
		jw_kv_str(w, "status", j->status);
		jw_kv_str(w, "prompt", j->prompt);
		jw_kv_str(w, "generation_type", j->generation_type);
		jw_kv_int(w, "num_images", j->num_images);
		render_time(w, "created_at", j->created_us);
		jw_end_object(w);
	}
	jw_end_array(w);
}

static void gallery_render(struct api_req *r, const struct gallery *g)
{
	const struct gallery_item *last = g->count ? &g->items[g->count - 1] : NULL;
	struct json_writer w;
	struct buf body, cursor;

	if (g->failed) {
		api_fail_with(r, &(struct fault){ .code = FAULT_STORE_DOWN, .retry_after_s = 1 }, NULL);
		return;
	}
	buf_init(&body, 2 * 1024 * 1024);
	buf_init(&cursor, 256);
	w = json_writer(&body);
	jw_object(&w);
	jw_key(&w, "items");
	jw_array(&w);
	for (unsigned i = 0; i < g->count; i++)
		item_render(r, &g->items[i], &w);
	jw_end_array(&w);
	counts_render(g, &w);
	unfinished_render(g, &w);
	jw_key(&w, "next_cursor");
	if (last && g->count == g->limit) {
		api_cursor_write(r, &cursor, last->created_us, last->id);
		jw_str(&w, buf_view(&cursor));
	} else {
		jw_null(&w);
	}
	jw_end_object(&w);
	api_send_json(r, 200, &body);
	buf_clear(&body);
	buf_clear(&cursor);
}

void gallery_list(struct http_req *http)
{
	struct api_req *r = api_of(http);
	struct str type, before_id = { NULL, 0 };
	int64_t before_us = 0;
	unsigned limit;
	bool given;

	if (!gallery_type(r, &type)) {
		api_fail_field(r, "type",
		               TEXT_FILL(r, MUST_BE_ONE_OF, STR("type"), STR("avatar, imagen4, video, all")));
		return;
	}
	if (api_limit(r, &limit) && api_cursor(r, &before_us, &before_id, &given))
		gallery_load(r, type, given ? &before_us : NULL, before_id, limit, gallery_render);
}
