/*
 * page - the gallery as one page made on the server; it needs no script.
 *
 *   GET /      identity? -> the job just made? -> balance -> gallery -> page      nobody: the sign-in form
 *   POST /     page_create.c; a refusal is this page again, with what was typed
 *
 * The page never reloads by itself: somebody may be typing.
 */
#include "api/page.h"

#include "api/gallery.h"
#include "api/listing.h"
#include "base/url.h"
#include "web/web.h"

/* A picture that is made in a moment is on the page at once. */
enum { MADE_PATIENCE_MS = 700 };

/* ---- sending ---- */

void page_send(struct api_req *r, int status, struct str cookie, const struct buf *html)
{
	resp_start(r->http, status);
	resp_header(r->http, "Cache-Control", STR("no-store"));
	resp_header(r->http, "Content-Language", str_from(language_code(r->language)));
	resp_header(r->http, "Vary", STR("Accept-Language, Cookie"));
	resp_header(r->http, "Referrer-Policy", STR("same-origin"));
	resp_header(
		r->http, "Content-Security-Policy",
		STR("default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"));
	if (status == 503 || status == 429)
		resp_header(r->http, "Retry-After", STR("2"));
	if (cookie.n)
		resp_header(r->http, "Set-Cookie", cookie);
	resp_send(r->http, "text/html; charset=utf-8", buf_view(html));
}

void page_redirect(struct api_req *r, struct str to, struct str cookie)
{
	resp_start(r->http, 303);
	resp_header(r->http, "Location", to);
	resp_header(r->http, "Cache-Control", STR("no-store"));
	if (cookie.n)
		resp_header(r->http, "Set-Cookie", cookie);
	resp_empty(r->http);
}

struct str page_asset_href(struct api_req *r, const char *file)
{
	const struct web_file *f = web_find(str_from(file));

	CHECK(f);
	return arena_printf(&r->http->arena, "/assets/%s?v=%s", file, f->etag);
}

void page_put_error(struct buf *out, const char *id, struct str text)
{
	if (text.n)
		WEB_FILL(out, "error.html", { "id", str_from(id) }, { "text", text });
}

/* ---- forms ---- */

/* Forms send "\r\n"; what was typed was one character, and is counted and kept as one. */
static size_t without_returns(char *p, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (p[i] != '\r' || i + 1 == n || p[i + 1] != '\n')
			p[kept++] = p[i];
	return kept;
}

struct str page_field(struct api_req *r, const char *name)
{
	struct str raw = url_query_get(r->http->body, name);
	char *out = arena_alloc(&r->http->arena, raw.n + 1, 1);
	size_t n;

	if (!raw.p)
		return raw;
	if (!url_decode_form(raw, out, &n) || !str_is_utf8((struct str){ out, n }) || memchr(out, '\0', n))
		return (struct str){ NULL, 0 };
	return (struct str){ out, without_returns(out, n) };
}

/* ---- the page ---- */

void page_show_failed(struct api_req *r)
{
	struct gallery g = { .failed = true };

	if (!gallery_type(r, &g.type))
		g.type = (struct str){ NULL, 0 };
	page_view(r, &g);
}

static void page_load_gallery(struct api_req *r)
{
	struct str type, before_id = { NULL, 0 };
	int64_t before_us = 0;

	if (!gallery_type(r, &type))
		type = (struct str){ NULL, 0 };
	r->page->older = api_cursor_read(r, &before_us, &before_id);
	gallery_load(r, type, r->page->older ? &before_us : NULL, before_id, PAGE_PICTURES + 1, page_view);
}

static void page_me(struct api_req *r, const struct pg_call *rows)
{
	struct page *p = r->page;

	if (pg_rows(rows) != 1) { /* the user is gone, the cookie is not */
		r->who = (struct identity){ .anonymous = false };
		page_sign_in_form(r, 401, p->prompt, page_text(r, TEXT_PAGE_SIGNED_OUT));
		return;
	}
	p->credits = pg_int(rows, 0, 3);
	p->knows_credits = true;
	page_load_gallery(r);
}

struct page *page_new(struct api_req *r, int status, struct str prompt, struct str error)
{
	struct page *p = arena_new(&r->http->arena, struct page);
	struct str nearest;

	*p = (struct page){ .status = status, .prompt = prompt, .error = error };
	p->can_create = jobs_price(r->api->core, (struct str){ NULL, 0 }, 1, &p->price, &nearest) == FAULT_NONE;
	r->page = p;
	return p;
}

void page_show(struct api_req *r)
{
	struct str user = str_from(r->who.user_id);

	listing_ask_or(r, PG_READ, STMT_ME, &user, 1, page_me, page_show_failed);
}

/* ---- the job that was just made ---- */

static void made_judge(struct api_req *r, const struct job_record *job)
{
	struct arena *a = &r->http->arena;
	struct page *p = r->page;

	p->made_id = arena_copy(a, job->id);
	if (!job_status_is_final(job->status)) {
		p->made = MADE_WAITS;
	} else if (job->images_stored > 0) {
		p->made = MADE_READY;
	} else {
		p->made = MADE_FAILED;
		p->made_error = arena_copy(a, text_fault_slug(r->language, job->error_code));
		p->prompt = arena_copy(a, job->prompt);
	}
}

/* What is not found, or not to be had now, is not talked about. */
static void made_found(struct page_wait *w, const struct job_record *job, enum fault_code code)
{
	struct api_req *r = w->r;

	(void)code;
	if (job)
		made_judge(r, job);
	page_show(r);
}

void page_for_nobody(struct api_req *r, int status, struct str prompt)
{
	if (r->api->settings.anonymous) {
		page_new(r, 503, prompt, (struct str){ NULL, 0 });
		page_show_failed(r);
	} else if (!api_host_is_allowed(r)) {
		page_sign_in_form(r, 421, prompt, page_text(r, TEXT_HOST_UNKNOWN));
	} else {
		page_sign_in_form(r, status, prompt, (struct str){ NULL, 0 });
	}
}

void page_get(struct http_req *http)
{
	struct api_req *r = api_of(http);
	struct str made = api_query(r, "made");

	if (!r->has_identity) {
		page_for_nobody(r, 200, (struct str){ NULL, 0 });
		return;
	}
	page_new(r, 200, (struct str){ NULL, 0 }, (struct str){ NULL, 0 });
	if (uid_is_valid(made, "img_"))
		page_wait_for(arena_new(&http->arena, struct page_wait), r, made, MADE_PATIENCE_MS, made_found);
	else
		page_show(r);
}

/* ---- assets ---- */

void page_asset(struct http_req *http)
{
	struct api_req *r = api_of(http);
	const struct web_file *f = web_find(http->params[0]);
	struct str tag;

	if (!f || str_starts(str_from(f->type), STR("text/html"))) {
		api_fail(r, FAULT_NOT_FOUND, (struct str){ NULL, 0 });
		return;
	}
	tag = arena_printf(&http->arena, "\"%s\"", f->etag);
	if (str_find(http_field(http, "If-None-Match"), tag) != SIZE_MAX) {
		resp_start(http, 304);
		resp_header(http, "ETag", tag);
		resp_empty(http);
		return;
	}
	resp_start(http, 200);
	resp_header(http, "ETag", tag);
	resp_header(http, "Cache-Control",
	            str_is(api_query(r, "v"), f->etag) ? STR("public, max-age=31536000, immutable")
	                                               : STR("public, max-age=300"));
	resp_header(http, "Content-Security-Policy", STR("default-src 'none'; style-src 'unsafe-inline'; sandbox"));
	resp_send(http, f->type, (struct str){ f->bytes, f->size });
}
