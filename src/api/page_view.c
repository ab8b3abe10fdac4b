/*
 * page_view - the page's parts and their order: description, filters, pictures.
 *
 * Three different empty states: nothing yet, nothing under this filter, could not be read. An empty
 * gallery that meant "broken" once went unnoticed for 33 hours; so nothing that is not known is shown as 0.
 */
#include "api/gallery.h"
#include "api/page.h"
#include "web/web.h"

enum { PAGE_MAX = 2 * 1024 * 1024, PAGE_CAPTION_MAX = 300 };

/* ---- filters ---- */

static const struct {
	const char *type, *icon;
	enum text_id word;
} filters[] = {
	{ "avatar", "📸", TEXT_PAGE_AVATAR },
	{ "imagen4", "🖼️", TEXT_PAGE_IMAGEN4 },
	{ "video", "🎥", TEXT_PAGE_VIDEO },
	{ "all", "📋", TEXT_PAGE_ALL },
};

static struct str chosen_type(const struct gallery *g)
{
	return g->type.n ? g->type : STR("all");
}

static void put_filters(struct api_req *r, const struct gallery *g, struct buf *out)
{
	const int64_t counts[] = { g->avatar, g->imagen4, g->video, g->all };

	for (size_t i = 0; i < COUNT_OF(filters); i++)
		WEB_FILL(out, "filter.html", { "href", arena_printf(&r->http->arena, "/?type=%s", filters[i].type) },
		         { "current",
		           str_is(chosen_type(g), filters[i].type) ? STR(" aria-current=\"page\"") : STR("") },
		         { "icon", str_from(filters[i].icon) }, { "word", page_text(r, filters[i].word) },
		         { "count", g->failed ? STR("–") : text_number(r, counts[i]) });
}

/* ---- tiles ---- */

/* Jobs that still run belong on top of the newest pictures, and under a filter only those of its type. */
static bool job_is_shown(const struct api_req *r, const struct gallery *g, const struct gallery_job *job)
{
	return !r->page->older && (g->type.n == 0 || str_eq(g->type, job->generation_type));
}

static unsigned jobs_shown(const struct api_req *r, const struct gallery *g)
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->unfinished_count; i++)
		n += job_is_shown(r, g, &g->unfinished[i]);
	return n;
}

/* One more than a page was asked for, to know whether there is another. */
static unsigned pictures_shown(const struct gallery *g)
{
	return g->count < PAGE_PICTURES ? g->count : PAGE_PICTURES;
}

static enum text_id stage_text(struct str status)
{
	return str_is(status, "SAVING")         ? TEXT_JOB_SAVING
	       : str_is(status, "GENERATING")   ? TEXT_JOB_GENERATING
	       : str_is(status, "INITIALIZING") ? TEXT_JOB_INITIALIZING
	                                        : TEXT_JOB_PENDING;
}

static struct str caption(struct api_req *r, struct str prompt)
{
	struct str clipped = str_clip(prompt, PAGE_CAPTION_MAX);

	return clipped.n == prompt.n ? prompt : arena_printf(&r->http->arena, "%.*s…", STRF(clipped));
}

static void put_waiting(struct api_req *r, const struct gallery_job *job, struct buf *out)
{
	struct buf picture;

	buf_init(&picture, 8192);
	if (r->page->made == MADE_WAITS && str_eq(job->id, r->page->made_id))
		WEB_FILL(&picture, "arriving.html",
		         { "href", arena_printf(&r->http->arena, "/tiles/%.*s", STRF(job->id)) },
		         { "prompt", caption(r, job->prompt) });
	WEB_FILL(out, "waiting.html", { "stage", page_text(r, stage_text(job->status)) },
	         { "picture", buf_view(&picture) }, { "prompt", caption(r, job->prompt) });
	buf_clear(&picture);
}

static void put_tiles(struct api_req *r, const struct gallery *g, struct buf *out)
{
	struct arena *a = &r->http->arena;

	for (unsigned i = 0; i < g->unfinished_count; i++)
		if (job_is_shown(r, g, &g->unfinished[i]))
			put_waiting(r, &g->unfinished[i], out);
	for (unsigned i = 0; i < pictures_shown(g); i++)
		WEB_FILL(out, "tile.html", { "href", arena_printf(a, "/%.*s", STRF(g->items[i].key)) },
		         { "prompt", caption(r, g->items[i].prompt) }, { "width", text_number(r, g->items[i].width) },
		         { "height", text_number(r, g->items[i].height) });
}

static void put_pager(struct api_req *r, const struct gallery *g, struct buf *out)
{
	struct arena *a = &r->http->arena;
	const struct gallery_item *last;
	struct buf links, cursor;

	buf_init(&links, 8192);
	buf_init(&cursor, 4096);
	if (r->page->older)
		WEB_FILL(&links, "button.html",
		         { "href", arena_printf(a, "/?type=%.*s#pictures", STRF(chosen_type(g))) },
		         { "icon", STR("⬅️") }, { "word", page_text(r, TEXT_PAGE_NEWEST) });
	if (g->count > PAGE_PICTURES) {
		last = &g->items[PAGE_PICTURES - 1];
		api_cursor_write(r, &cursor, last->created_us, last->id);
		WEB_FILL(&links, "button.html",
		         { "href", arena_printf(a, "/?type=%.*s&cursor=%.*s#pictures", STRF(chosen_type(g)),
		                                STRF(buf_view(&cursor))) },
		         { "icon", STR("➡️") }, { "word", page_text(r, TEXT_PAGE_OLDER) });
	}
	if (buf_len(&links))
		WEB_FILL(out, "pager.html", { "label", page_text(r, TEXT_PAGE_PAGES) }, { "links", buf_view(&links) });
	buf_clear(&links);
	buf_clear(&cursor);
}

/* ---- what there is to say about the pictures ---- */

struct notice {
	const char *kind;
	struct str text, href, word; /* href empty: no link */
};

/* Another address each time: a link to the page's own, with a fragment, would only scroll. */
static struct str look_again(struct api_req *r, const char *name, struct str value)
{
	uint64_t looks;

	if (!str_to_u64(api_query(r, "look"), &looks))
		looks = 0;
	return arena_printf(&r->http->arena, "/?%s=%.*s&look=%u#pictures", name, STRF(value),
	                    (unsigned)(looks + 1) % 1000);
}

/* No link where something was typed: it would be lost, and the form is there to be sent again. */
static struct notice notice_failed(struct api_req *r, const struct gallery *g)
{
	struct str words = TEXT_FILL(r, PAGE_FAILED, str_from(r->http->id));

	if (r->page->prompt.n)
		return (struct notice){ .kind = "bad", .text = words };
	return (struct notice){ "bad", words, arena_printf(&r->http->arena, "/?type=%.*s", STRF(chosen_type(g))),
		                page_text(r, TEXT_PAGE_TRY_AGAIN) };
}

static struct notice notice_made(struct api_req *r)
{
	const struct page *p = r->page;

	if (p->made == MADE_READY)
		return (struct notice){ .kind = "good", .text = page_text(r, TEXT_PAGE_READY) };
	if (p->made == MADE_FAILED)
		return (struct notice){ "bad", TEXT_FILL(r, PAGE_NOT_MADE, p->made_error), STR("#prompt"),
			                page_text(r, TEXT_PAGE_CHANGE) };
	return (struct notice){ "quiet", page_text(r, TEXT_PAGE_ONE_WAITS), look_again(r, "made", p->made_id),
		                page_text(r, TEXT_PAGE_LOOK_AGAIN) };
}

static struct notice notice_empty(struct api_req *r, const struct gallery *g)
{
	if (r->page->older)
		return (struct notice){ .kind = "quiet", .text = page_text(r, TEXT_PAGE_NO_OLDER) };
	if (g->all == 0)
		return (struct notice){ .kind = "quiet", .text = page_text(r, TEXT_PAGE_NOTHING) };
	return (struct notice){ "quiet", TEXT_FILL(r, PAGE_FILTERED, TEXT_COUNTED(r, PICTURES, g->all)), STR("/"),
		                page_text(r, TEXT_PAGE_SHOW_ALL) };
}

static void put_notice(struct api_req *r, const struct gallery *g, struct buf *out)
{
	unsigned jobs = jobs_shown(r, g);
	struct notice n = { .kind = NULL };
	struct buf link;

	if (g->failed)
		n = notice_failed(r, g);
	else if (r->page->made != MADE_NONE)
		n = notice_made(r);
	else if (jobs > 0)
		n = (struct notice){ "quiet", page_text(r, TEXT_PAGE_SOME_WAIT), look_again(r, "type", chosen_type(g)),
			             page_text(r, TEXT_PAGE_LOOK_AGAIN) };
	else if (g->count == 0)
		n = notice_empty(r, g);
	if (!n.kind)
		return;
	buf_init(&link, 4096);
	if (n.href.n)
		WEB_FILL(&link, "button.html", { "href", n.href }, { "icon", STR("") }, { "word", n.word });
	WEB_FILL(out, "notice.html", { "kind", str_from(n.kind) }, { "text", n.text }, { "link", buf_view(&link) });
	buf_clear(&link);
}

/* ---- the description, its price, and who pays ---- */

static void put_account(struct api_req *r, struct buf *out)
{
	if (r->by_cookie)
		WEB_FILL(out, "account.html", { "who", TEXT_FILL(r, PAGE_SIGNED_IN, str_from(r->who.name)) },
		         { "sign_out", page_text(r, TEXT_PAGE_SIGN_OUT) });
}

static void put_form(struct api_req *r, struct buf *out)
{
	const struct page *p = r->page;
	struct uid once = uid_new("one_");
	struct buf error;

	buf_init(&error, 8192);
	page_put_error(&error, "prompt-error", p->error);
	WEB_FILL(out, "create.html", { "by_description", page_text(r, TEXT_PAGE_BY_DESCRIPTION) },
	         { "hint", page_text(r, TEXT_PAGE_HINT) }, { "prompt", p->prompt },
	         { "state",
	           p->error.n ? STR("aria-describedby=\"prompt-hint prompt-error\" aria-invalid=\"true\" autofocus")
	                      : STR("aria-describedby=\"prompt-hint\"") },
	         { "error", buf_view(&error) }, { "once", str_from(once.text) },
	         { "create", p->can_create ? TEXT_FILL(r, PAGE_CREATE, TEXT_COUNTED(r, CREDITS, p->price))
	                                   : page_text(r, TEXT_PAGE_CREATE_PLAIN) },
	         { "balance",
	           p->knows_credits ? TEXT_FILL(r, PAGE_BALANCE, TEXT_COUNTED(r, CREDITS, p->credits)) : STR("") });
	buf_clear(&error);
}

/* ---- the page ---- */

enum { PART_ACCOUNT, PART_FORM, PART_FILTERS, PART_NOTICE, PART_TILES, PART_PAGER, PARTS };

void page_view(struct api_req *r, const struct gallery *g)
{
	const struct page *p = r->page;
	struct buf html, parts[PARTS];

	buf_init(&html, PAGE_MAX);
	for (int i = 0; i < PARTS; i++)
		buf_init(&parts[i], PAGE_MAX);
	put_account(r, &parts[PART_ACCOUNT]);
	put_form(r, &parts[PART_FORM]);
	put_filters(r, g, &parts[PART_FILTERS]);
	put_notice(r, g, &parts[PART_NOTICE]);
	put_tiles(r, g, &parts[PART_TILES]);
	put_pager(r, g, &parts[PART_PAGER]);
	WEB_FILL(&html, "page.html", { "lang", str_from(language_code(r->language)) },
	         { "title", page_text(r, TEXT_PAGE_TITLE) }, { "icon", page_asset_href(r, "icon.svg") },
	         { "style", page_asset_href(r, "page.css") }, { "skip", page_text(r, TEXT_PAGE_SKIP) },
	         { "account", buf_view(&parts[PART_ACCOUNT]) }, { "create", buf_view(&parts[PART_FORM]) },
	         { "filters_label", page_text(r, TEXT_PAGE_FILTERS) }, { "filters", buf_view(&parts[PART_FILTERS]) },
	         { "pictures_label", page_text(r, TEXT_PAGE_PICTURES) }, { "notice", buf_view(&parts[PART_NOTICE]) },
	         { "tiles", buf_view(&parts[PART_TILES]) }, { "pager", buf_view(&parts[PART_PAGER]) });
	page_send(r, g->failed && p->status == 200 ? 503 : p->status, p->cookie, &html);
	buf_clear(&html);
	for (int i = 0; i < PARTS; i++)
		buf_clear(&parts[i]);
}
