/*
 * page_sign - signing in with a key, once; from then on a cookie that no script can read and no other site can send.
 *
 *   POST /sign-in    key -> identity -> 303 to the page, with the cookie
 *   POST /sign-out   303 to the page, without it
 *
 * Who was signed out while writing a description finds it again after signing in.
 */
#include "api/page.h"
#include "web/web.h"

enum { SIGN_HTML_MAX = 256 * 1024 };

void page_sign_in_form(struct api_req *r, int status, struct str prompt, struct str error)
{
	struct buf html, alert, kept;

	buf_init(&html, SIGN_HTML_MAX);
	buf_init(&alert, 4096);
	buf_init(&kept, SIGN_HTML_MAX);
	page_put_error(&alert, "key-error", error);
	if (prompt.n)
		WEB_FILL(&kept, "kept.html", { "prompt", prompt }, { "text", page_text(r, TEXT_PAGE_KEPT) });
	WEB_FILL(&html, "sign_in.html", { "lang", str_from(language_code(r->language)) },
	         { "title", page_text(r, TEXT_PAGE_TITLE) }, { "icon", page_asset_href(r, "icon.svg") },
	         { "style", page_asset_href(r, "page.css") }, { "key_label", page_text(r, TEXT_PAGE_KEY) },
	         { "hint", page_text(r, TEXT_PAGE_KEY_HINT) }, { "sign_in", page_text(r, TEXT_PAGE_SIGN_IN) },
	         { "described", error.n ? STR("key-hint key-error\" aria-invalid=\"true") : STR("key-hint") },
	         { "error", buf_view(&alert) }, { "kept", buf_view(&kept) });
	page_send(r, status, status == 401 && r->by_cookie ? PAGE_NO_COOKIE : (struct str){ NULL, 0 }, &html);
	buf_clear(&html);
	buf_clear(&alert);
	buf_clear(&kept);
}

static void signed_in(struct api_req *r)
{
	struct str prompt = page_field(r, "prompt"), value;
	struct buf cookie;
	struct page *p;

	buf_init(&cookie, 2048);
	api_session_write(r, &r->who, &cookie);
	value = arena_copy(&r->http->arena, buf_view(&cookie));
	buf_clear(&cookie);
	if (prompt.n == 0) {
		page_redirect(r, STR("/"), value);
		return;
	}
	r->has_identity = r->by_cookie = true;
	p = page_new(r, 200, prompt, (struct str){ NULL, 0 });
	p->cookie = value;
	page_show(r);
}

static void sign_in_judged(struct api_req *r, enum fault_code code)
{
	struct str prompt = page_field(r, "prompt");

	if (code == FAULT_NONE)
		signed_in(r);
	else if (code == FAULT_UNAUTHORIZED)
		page_sign_in_form(r, 401, prompt, page_text(r, TEXT_PAGE_KEY_WRONG));
	else
		page_sign_in_form(r, 503, prompt, text_fault(r->language, FAULT_STORE_DOWN));
}

static void sign_in_answered(struct op *op)
{
	struct users_call *auth = CONTAINER_OF(op, struct users_call, op);
	struct api_req *r = CONTAINER_OF(auth, struct api_req, auth);

	r->drop = NULL;
	r->who = auth->who;
	sign_in_judged(r, op->fault.code);
}

static void sign_in_drop(struct api_req *r)
{
	users_call_drop(&r->auth);
}

void page_sign_in(struct http_req *http)
{
	struct api_req *r = api_of(http);
	struct str key = str_trim(page_field(r, "key"));
	enum fault_code code;

	if (!api_host_is_allowed(r)) { /* its cookie would not be taken */
		page_sign_in_form(r, 421, page_field(r, "prompt"), page_text(r, TEXT_HOST_UNKNOWN));
		return;
	}
	if (!api_origin_is_ours(r)) {
		api_fail(r, FAULT_FORBIDDEN, (struct str){ NULL, 0 });
		return;
	}
	if (users_peek(r->api->core->users, key, &r->who, &code)) {
		sign_in_judged(r, code);
		return;
	}
	op_init(&r->auth.op, r->api->core->loop, sign_in_answered);
	r->drop = sign_in_drop;
	users_by_key(r->api->core->users, &r->auth, key);
}

void page_sign_out(struct http_req *http)
{
	struct api_req *r = api_of(http);

	if (api_origin_is_ours(r))
		page_redirect(r, STR("/"), PAGE_NO_COOKIE);
	else
		api_fail(r, FAULT_FORBIDDEN, (struct str){ NULL, 0 });
}
