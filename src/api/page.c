/*
 * page - the gallery as one page made on the server; it needs no script.
 *
 *   GET /      identity? -> balance -> gallery -> page         none: the sign-in form
 *   POST /     prompt -> accept -> 303 to the page, which looks again while that job runs
 *
 * Three different empty states: nothing yet, nothing under this filter, could not be read. An empty
 * gallery that meant "broken" once went unnoticed for 33 hours.
 */
#include "api/gallery.h"
#include "api/images.h"
#include "api/listing.h"
#include "api/texts.h"
#include "base/url.h"
#include "web/web.h"

enum { PAGE_MAX = 2 * 1024 * 1024, PAGE_PICTURES = 40, PAGE_PROMPT_MAX = 300 };

struct page {
	int64_t credits, price;
	bool can_create;
	struct str prompt, error; /* what was typed, and what is wrong with it */
	int status;
};

static struct str text(const struct api_req *r, enum text_id id)
{
	return str_from(text_get(r->language, id));
}

/* ---- sending ---- */

static void page_headers(struct api_req *r, int status)
{
	resp_start(r->http, status);
	resp_header(r->http, "Cache-Control", STR("no-store"));
	resp_header(r->http, "Content-Language", str_from(language_code(r->language)));
	resp_header(r->http, "Vary", STR("Accept-Language, Cookie"));
	resp_header(r->http, "Referrer-Policy", STR("same-origin"));
	resp_header(
		r->http, "Content-Security-Policy",
		STR("default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"));
}

static void send_html(struct api_req *r, int status, const struct buf *html)
{
	page_headers(r, status);
	resp_send(r->http, "text/html; charset=utf-8", buf_view(html));
}

static void redirect(struct api_req *r, struct str to, struct str cookie)
{
	resp_start(r->http, 303);
	resp_header(r->http, "Location", to);
	resp_header(r->http, "Cache-Control", STR("no-store"));
	if (cookie.n)
		resp_header(r->http, "Set-Cookie", cookie);
	resp_empty(r->http);
}

/* ---- signing in ---- */

static void send_sign_in(struct api_req *r, int status, struct str error)
{
	struct buf html, line;

	buf_init(&html, PAGE_MAX);
	buf_init(&line, 4096);
	if (error.n) {
		buf_cstr(&line, "<p class=\"error\" role=\"alert\">");
		web_escape(&line, error);
		buf_cstr(&line, "</p>");
	}
	WEB_FILL(&html, "sign_in.html", { "lang", str_from(language_code(r->language)) },
	         { "title", text(r, TEXT_PAGE_TITLE) }, { "key_label", text(r, TEXT_PAGE_KEY) },
	         { "sign_in", text(r, TEXT_PAGE_SIGN_IN) }, { "error", buf_view(&line) });
	send_html(r, status, &html);
	buf_clear(&html);
	buf_clear(&line);
}

/* A field of a form; p NULL when absent or broken. */
static struct str form_field(struct api_req *r, const char *name)
{
	struct str raw = url_query_get(r->http->body, name);
	char *out = arena_alloc(&r->http->arena, raw.n + 1, 1);
	size_t n;

	if (!raw.p)
		return raw;
	if (!url_decode_form(raw, out, &n) || !str_is_utf8((struct str){ out, n }))
		return (struct str){ NULL, 0 };
	return (struct str){ out, n };
}

static void signed_in(struct api_req *r)
{
	struct buf cookie;

	buf_init(&cookie, 2048);
	api_session_write(r, &r->who, &cookie);
	redirect(r, STR("/"), buf_view(&cookie));
	buf_clear(&cookie);
}

static void sign_in_answered(struct op *op)
{
	struct users_call *auth = CONTAINER_OF(op, struct users_call, op);
	struct api_req *r = CONTAINER_OF(auth, struct api_req, auth);

	r->drop = NULL;
	r->who = auth->who;
	if (op->fault.code == FAULT_NONE)
		signed_in(r);
	else if (op->fault.code == FAULT_UNAUTHORIZED)
		send_sign_in(r, 401, text(r, TEXT_PAGE_KEY_WRONG));
	else
		send_sign_in(r, 503, text_fault(r->language, FAULT_STORE_DOWN));
}

static void sign_in_drop(struct api_req *r)
{
	users_call_drop(&r->auth);
}

void page_sign_in(struct http_req *http)
{
	struct api_req *r = api_of(http);
	struct str key = str_trim(form_field(r, "key"));
	enum fault_code code;

	if (!api_origin_is_ours(r)) {
		api_fail(r, FAULT_FORBIDDEN, (struct str){ NULL, 0 });
		return;
	}
	if (users_peek(r->api->core->users, key, &r->who, &code)) {
		if (code == FAULT_NONE)
			signed_in(r);
		else
			send_sign_in(r, 401, text(r, TEXT_PAGE_KEY_WRONG));
		return;
	}
	op_init(&r->auth.op, r->api->core->loop, sign_in_answered);
	r->drop = sign_in_drop;
	users_by_key(r->api->core->users, &r->auth, key);
}

void page_sign_out(struct http_req *http)
{
	redirect(api_of(http), STR("/"), STR("imago_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"));
}

/* ---- the parts of the page ---- */

static const struct {
	const char *type, *icon;
	enum text_id word;
} filters[] = {
	{ "avatar", "📸", TEXT_PAGE_AVATAR },
	{ "imagen4", "🖼️", TEXT_PAGE_IMAGEN4 },
	{ "video", "🎥", TEXT_PAGE_VIDEO },
	{ "all", "📋", TEXT_PAGE_ALL },
};

static void put_filters(struct api_req *r, const struct gallery *g, struct buf *out)
{
	const int64_t counts[] = { g->avatar, g->imagen4, g->video, g->all };
	struct str chosen = g->type.n ? g->type : STR("all");

	for (size_t i = 0; i < COUNT_OF(filters); i++)
		WEB_FILL(out, "filter.html", { "href", arena_printf(&r->http->arena, "/?type=%s", filters[i].type) },
		         { "current", str_is(chosen, filters[i].type) ? STR(" aria-current=\"page\"") : STR("") },
		         { "icon", str_from(filters[i].icon) }, { "word", text(r, filters[i].word) },
		         { "count", text_number(r, counts[i]) });
}

static enum text_id stage_text(struct str status)
{
	return str_is(status, "SAVING")         ? TEXT_JOB_SAVING
	       : str_is(status, "GENERATING")   ? TEXT_JOB_GENERATING
	       : str_is(status, "INITIALIZING") ? TEXT_JOB_INITIALIZING
	                                        : TEXT_JOB_PENDING;
}

static void put_tiles(struct api_req *r, const struct gallery *g, struct buf *out)
{
	struct arena *a = &r->http->arena;

	for (unsigned i = 0; i < g->unfinished_count; i++)
		WEB_FILL(out, "waiting.html", { "stage", text(r, stage_text(g->unfinished[i].status)) },
		         { "prompt", str_clip(g->unfinished[i].prompt, PAGE_PROMPT_MAX) });
	for (unsigned i = 0; i < g->count; i++)
		WEB_FILL(out, "tile.html", { "href", arena_printf(a, "/%.*s", STRF(g->items[i].key)) },
		         { "prompt", str_clip(g->items[i].prompt, PAGE_PROMPT_MAX) },
		         { "width", text_number(r, g->items[i].width) },
		         { "height", text_number(r, g->items[i].height) });
}

static void put_notice(struct api_req *r, const struct gallery *g, struct buf *out)
{
	struct str words, link = STR("");
	const char *kind = "quiet";

	if (g->failed) {
		words = TEXT_FILL(r, PAGE_FAILED, str_from(r->http->id));
		kind = "bad";
	} else if (g->count + g->unfinished_count > 0) {
		return;
	} else if (g->all == 0) {
		words = text(r, TEXT_PAGE_NOTHING);
	} else {
		words = TEXT_FILL(r, PAGE_FILTERED, text_number(r, g->all));
		link = arena_printf(&r->http->arena, " <a href=\"/\">%s</a>",
		                    text_get(r->language, TEXT_PAGE_SHOW_ALL));
	}
	WEB_FILL(out, "notice.html", { "kind", str_from(kind) }, { "text", words }, { "link", link });
}

static void put_more(struct api_req *r, const struct gallery *g, struct buf *out)
{
	const struct gallery_item *last;

	if (g->count == 0 || g->count < g->limit)
		return;
	last = &g->items[g->count - 1];
	buf_cstr(out, "<a class=\"more\" href=\"/?type=");
	buf_str(out, g->type.n ? g->type : STR("all"));
	buf_cstr(out, "&amp;cursor=");
	api_cursor_write(r, out, last->created_us, last->id);
	buf_cstr(out, "\">");
	web_escape(out, text(r, TEXT_PAGE_MORE));
	buf_cstr(out, "</a>");
}

/* Look again while something is under way, but never while somebody may be typing: only right after a job was made. */
static struct str refresh_tag(struct api_req *r, const struct gallery *g)
{
	bool waits = api_query(r, "made").p && g->unfinished_count > 0;

	return waits ? STR("<meta http-equiv=\"refresh\" content=\"2\">") : STR("");
}

static void page_send(struct api_req *r, const struct gallery *g)
{
	const struct page *p = r->page;
	struct buf html, tiles, chosen, notice, more, error;
	struct str create = p->can_create ? TEXT_FILL(r, PAGE_CREATE, text_number(r, p->price))
	                                  : text(r, TEXT_PAGE_CREATE_PLAIN);

	buf_init(&html, PAGE_MAX);
	buf_init(&tiles, PAGE_MAX);
	buf_init(&chosen, 16 * 1024);
	buf_init(&notice, 16 * 1024);
	buf_init(&more, 4096);
	buf_init(&error, 4096);
	put_filters(r, g, &chosen);
	put_tiles(r, g, &tiles);
	put_notice(r, g, &notice);
	put_more(r, g, &more);
	if (p->error.n) {
		buf_cstr(&error, "<p class=\"error\" id=\"prompt-error\" role=\"alert\">");
		web_escape(&error, p->error);
		buf_cstr(&error, "</p>");
	}
	WEB_FILL(&html, "page.html", { "lang", str_from(language_code(r->language)) },
	         { "title", text(r, TEXT_PAGE_TITLE) }, { "refresh", refresh_tag(r, g) },
	         { "skip", text(r, TEXT_PAGE_SKIP) },
	         { "balance", TEXT_FILL(r, PAGE_BALANCE, text_number(r, p->credits)) },
	         { "sign_out",
	           r->by_cookie ? arena_printf(&r->http->arena,
	                                       "<form method=\"post\" action=\"/sign-out\"><button>%s</button></form>",
	                                       text_get(r->language, TEXT_PAGE_SIGN_OUT))
	                        : STR("") },
	         { "by_description", text(r, TEXT_PAGE_BY_DESCRIPTION) }, { "prompt", p->prompt },
	         { "prompt_describedby",
	           p->error.n ? STR(" aria-describedby=\"prompt-error\" aria-invalid=\"true\"") : STR("") },
	         { "error", buf_view(&error) }, { "create", create }, { "filters_label", text(r, TEXT_PAGE_FILTERS) },
	         { "filters", buf_view(&chosen) }, { "pictures_label", text(r, TEXT_PAGE_PICTURES) },
	         { "notice", buf_view(&notice) }, { "tiles", buf_view(&tiles) }, { "more", buf_view(&more) });
	send_html(r, g->failed && p->status == 200 ? 503 : p->status, &html);
	buf_clear(&html);
	buf_clear(&tiles);
	buf_clear(&chosen);
	buf_clear(&notice);
	buf_clear(&more);
	buf_clear(&error);
}

static void page_load_gallery(struct api_req *r)
{
	struct str type, before_id = { NULL, 0 };
	int64_t before_us = 0;
	bool given;

	if (!gallery_type(r, &type))
		type = (struct str){ NULL, 0 };
	if (api_cursor(r, &before_us, &before_id, &given))
		gallery_load(r, type, given ? &before_us : NULL, before_id, PAGE_PICTURES, page_send);
}

static void page_me(struct api_req *r, const struct pg_call *rows)
{
	if (pg_rows(rows) == 1)
		r->page->credits = pg_int(rows, 0, 3);
	page_load_gallery(r);
}

/* The whole page for whoever asks, with what was typed and what was wrong with it. */
static void page_show(struct api_req *r, int status, struct str prompt, struct str error)
{
	struct str nearest, user = str_from(r->who.user_id);

	r->page = arena_new(&r->http->arena, struct page);
	*r->page = (struct page){ .prompt = prompt, .error = error, .status = status };
	r->page->can_create = jobs_price(r->api->core, (struct str){ NULL, 0 }, 1, &r->page->price, &nearest) ==
	                      FAULT_NONE;
	listing_ask_or(r, PG_READ, STMT_ME, &user, 1, page_me, page_load_gallery);
}

void page_get(struct http_req *http)
{
	struct api_req *r = api_of(http);

	if (!r->has_identity)
		send_sign_in(r, 200, (struct str){ NULL, 0 });
	else
		page_show(r, 200, (struct str){ "", 0 }, (struct str){ NULL, 0 });
}

/* ---- creating ---- */

static void create_answer(struct api_req *r, const struct jobs_accept *accept)
{
	const struct fault *fault = &accept->op.fault;
	struct str prompt = form_field(r, "prompt");

	if (fault->code == FAULT_NONE)
		redirect(r, arena_printf(&r->http->arena, "/?made=%.*s", STRF(accept->record->id)),
		         (struct str){ NULL, 0 });
	else if (fault->code == FAULT_INSUFFICIENT)
		page_show(r, 402, prompt,
		          TEXT_FILL(r, CREDITS_SHORT, text_number(r, accept->price), text_number(r, accept->credits)));
	else if (fault->code == FAULT_NOT_CONFIGURED)
		page_show(r, 503, prompt, text(r, TEXT_PROVIDER_MISSING));
	else
		page_show(r, fault_status(fault->code), prompt, text_fault(r->language, fault->code));
}

void page_create(struct http_req *http)
{
	struct api_req *r = api_of(http);
	struct job_spec spec = { .operation = IMAGO_TEXT_TO_IMAGE, .num_images = 1 };

	if (!r->has_identity) {
		send_sign_in(r, 401, (struct str){ NULL, 0 });
		return;
	}
	spec.user_id = str_from(r->who.user_id);
	spec.prompt = form_field(r, "prompt");
	spec.params = (struct job_params){ .width = 1024,
		                           .height = 1024,
		                           .size = STR("1024x1024"),
		                           .format = IMAGO_PNG,
		                           .style = STR("photorealistic"),
		                           .quality = STR("high") };
	if (str_is_blank(spec.prompt))
		page_show(r, 400, STR(""), text(r, TEXT_PROMPT_REQUIRED));
	else if (str_code_points(spec.prompt) > IMAGES_PROMPT_MAX)
		page_show(r, 400, spec.prompt, text(r, TEXT_PROMPT_TOO_LONG));
	else
		images_create(r, NULL, &spec, create_answer);
}

/* ---- assets ---- */

void page_asset(struct http_req *http)
{
	struct api_req *r = api_of(http);
	const struct web_file *f = web_find(http->params[0]);

	if (!f || str_starts(str_from(f->type), STR("text/html"))) {
		api_fail(r, FAULT_NOT_FOUND, (struct str){ NULL, 0 });
		return;
	}
	if (str_find(http_field(http, "If-None-Match"), str_from(f->etag)) != SIZE_MAX) {
		resp_start(http, 304);
		resp_header(http, "ETag", arena_printf(&http->arena, "\"%s\"", f->etag));
		resp_empty(http);
		return;
	}
	resp_start(http, 200);
	resp_header(http, "ETag", arena_printf(&http->arena, "\"%s\"", f->etag));
	resp_header(http, "Cache-Control", STR("public, max-age=300"));
	resp_header(http, "Content-Security-Policy", STR("default-src 'none'; style-src 'unsafe-inline'; sandbox"));
	resp_send(http, f->type, (struct str){ f->bytes, f->size });
}
