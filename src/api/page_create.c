/*
 * page_create - from the form to a job, once for each form: who double-clicks pays for one picture.
 *
 *   POST /   new form            -> accept -> 303 to the page with the new job, or the page with what was wrong
 *            same, being accepted -> takes over the wait for its answer: the browser has dropped the first request
 *            same, was accepted   -> 303 to the page with that job
 *
 * Each form carries a token; the same token with the same description is the same click. The description
 * is part of it because a browser may bring back an old form, token and all, for somebody to write something
 * new in. A ring in memory is enough: a second click comes within a second, to the instance that took the first.
 */
#include "api/images.h"
#include "api/page.h"
#include "base/hash.h"
#include "base/mem.h"

enum { ONCE_ENTRIES = 512 };

struct creation;

struct once_entry {
	bool used;
	uint8_t name[SHA256_BYTES]; /* of user, token and description */
	struct creation *running;   /* NULL: over */
	char job_id[UID_SIZE];      /* when over */
};

struct page_once {
	unsigned next; /* the oldest */
	struct once_entry entries[ONCE_ENTRIES];
};

/* Outlives the request, because the job does. */
struct creation {
	struct jobs_accept accept;
	struct page_once *once;
	struct api_req *r; /* NULL: the client has gone */
	uint8_t name[SHA256_BYTES];
};

/* ---- once ---- */

struct page_once *page_once_new(void)
{
	return mem_new(struct page_once);
}

void page_once_free(struct page_once **o)
{
	mem_release(*o);
	*o = NULL;
}

static void once_name(struct str user_id, struct str token, struct str prompt, uint8_t out[SHA256_BYTES])
{
	struct sha256 h;

	sha256_init(&h);
	sha256_update(&h, user_id.p, user_id.n);
	sha256_update(&h, "|", 1);
	sha256_update(&h, token.p, token.n);
	sha256_update(&h, "|", 1);
	sha256_update(&h, prompt.p, prompt.n);
	sha256_final(&h, out);
}

static struct once_entry *once_find(struct page_once *o, const uint8_t name[SHA256_BYTES])
{
	for (unsigned i = 0; i < ONCE_ENTRIES; i++)
		if (o->entries[i].used && !memcmp(o->entries[i].name, name, SHA256_BYTES))
			return &o->entries[i];
	return NULL;
}

static void once_add(struct page_once *o, struct creation *c)
{
	struct once_entry *e = &o->entries[o->next];

	o->next = (o->next + 1) % ONCE_ENTRIES;
	*e = (struct once_entry){ .used = true, .running = c };
	memcpy(e->name, c->name, SHA256_BYTES);
}

/* A form that was refused may be sent again. */
static void once_end(const struct creation *c)
{
	struct once_entry *e = once_find(c->once, c->name);
	const struct job_record *record = c->accept.record;

	if (!e || e->running != c)
		return;
	e->running = NULL;
	e->used = record && str_to_cstr(record->id, e->job_id, sizeof e->job_id);
}

/* ---- answers ---- */

static void refuse(struct api_req *r, int status, struct str prompt, struct str error)
{
	page_new(r, status, prompt, error);
	page_show(r);
}

/* The page does not wait for the database again. */
static void refuse_without_store(struct api_req *r, struct str prompt)
{
	page_new(r, 503, prompt, TEXT_FILL(r, PAGE_REFUSED, text_fault(r->language, FAULT_STORE_DOWN)));
	page_show_failed(r);
}

static void to_made(struct api_req *r, struct str job_id)
{
	page_redirect(r, arena_printf(&r->http->arena, "/?made=%.*s#pictures", STRF(job_id)), (struct str){ NULL, 0 });
}

static void create_answer(struct api_req *r, const struct jobs_accept *accept)
{
	enum fault_code code = accept->op.fault.code;
	struct str prompt = page_field(r, "prompt");

	if (code == FAULT_NONE)
		to_made(r, accept->record->id);
	else if (code == FAULT_INSUFFICIENT)
		refuse(r, 402, prompt,
		       TEXT_FILL(r, CREDITS_SHORT, TEXT_COUNTED(r, CREDITS, accept->price),
		                 TEXT_COUNTED(r, CREDITS, accept->credits)));
	else if (code == FAULT_NOT_CONFIGURED)
		refuse(r, 503, prompt, page_text(r, TEXT_PROVIDER_MISSING));
	else if (code == FAULT_STORE_DOWN)
		refuse_without_store(r, prompt);
	else
		refuse(r, fault_status(code), prompt, TEXT_FILL(r, PAGE_REFUSED, text_fault(r->language, code)));
}

/* ---- the creation ---- */

static void creation_drop(struct api_req *r)
{
	((struct creation *)r->state)->r = NULL;
}

static void creation_done(struct op *op)
{
	struct jobs_accept *accept = CONTAINER_OF(op, struct jobs_accept, op);
	struct creation *c = CONTAINER_OF(accept, struct creation, accept);

	once_end(c);
	if (c->r) {
		c->r->drop = NULL;
		create_answer(c->r, accept);
	}
	jobs_accept_clear(accept);
	mem_release(c);
}

static void creation_wait(struct creation *c, struct api_req *r)
{
	struct api_req *before = c->r;

	c->r = r;
	r->state = c;
	r->drop = creation_drop;
	if (before) {
		before->drop = NULL;
		page_redirect(before, STR("/#pictures"), (struct str){ NULL, 0 });
	}
}

static void creation_start(struct api_req *r, struct str prompt, const uint8_t name[SHA256_BYTES], bool is_form)
{
	struct creation *c = mem_new(struct creation);
	struct job_spec spec = {
		.user_id = str_from(r->who.user_id), .operation = IMAGO_TEXT_TO_IMAGE, .prompt = prompt, .num_images = 1
	};

	spec.params = (struct job_params){ .width = 1024,
		                           .height = 1024,
		                           .size = STR("1024x1024"),
		                           .format = IMAGO_PNG,
		                           .style = STR("photorealistic"),
		                           .quality = STR("high") };
	c->once = r->api->once;
	memcpy(c->name, name, SHA256_BYTES);
	creation_wait(c, r);
	if (is_form)
		once_add(c->once, c);
	jobs_accept_init(&c->accept, r->api->core, creation_done);
	jobs_accept(r->api->core, &c->accept, &spec);
}

static void create_once(struct api_req *r, struct str prompt)
{
	struct str token = page_field(r, "once");
	bool is_form = uid_is_valid(token, "one_");
	uint8_t name[SHA256_BYTES];
	struct once_entry *e;

	once_name(str_from(r->who.user_id), token, prompt, name);
	e = is_form ? once_find(r->api->once, name) : NULL;
	if (!e)
		creation_start(r, prompt, name, is_form);
	else if (e->running)
		creation_wait(e->running, r);
	else
		to_made(r, str_from(e->job_id));
}

void page_create(struct http_req *http)
{
	struct api_req *r = api_of(http);
	struct str prompt = page_field(r, "prompt");
	size_t length = str_code_points(prompt);

	if (!r->has_identity)
		page_for_nobody(r, 401, prompt);
	else if (str_is_blank(prompt))
		refuse(r, 400, STR(""), page_text(r, TEXT_PAGE_MISSING));
	else if (length > IMAGES_PROMPT_MAX)
		refuse(r, 400, prompt, TEXT_FILL(r, PAGE_TOO_LONG, text_number(r, (int64_t)length)));
	else
		create_once(r, prompt);
}
