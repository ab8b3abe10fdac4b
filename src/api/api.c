/*
 * api - dispatch: the same few questions for every request, in an order that spends nothing on
 * what will be refused.
 */
#include "api/api.h"

#include "api/page.h"
#include "api/texts.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/url.h"
#include "core/links.h"

static const struct route routes[] = {
#define ROUTE(method_, pattern_, access_, flags_, body_, handler, metric_) \
	{ .method = HTTP_##method_##_, \
	  .pattern = pattern_, \
	  .access = ACCESS_##access_, \
	  .flags = flags_, \
	  .body_limit = body_, \
	  .handle = handler, \
	  .metric = metric_ },
#include "api/routes.def"
#undef ROUTE
};

bool api_is_legacy(const struct http_req *http)
{
	/* What the edge refuses may have a target only. */
	return str_starts(http->path.n ? http->path : http->target, STR("/api/images/"));
}

static void api_gone(struct http_req *http)
{
	struct api_req *r = api_of(http);

	if (r && r->drop)
		r->drop(r);
}

/* ---- cross-origin ---- */

static bool origin_is_listed(const struct api *a, struct str origin)
{
	struct str list = a->settings.cors_origins;

	while (list.p) {
		struct str one = str_trim(str_cut(&list, ','));

		if (one.n && str_eq(one, origin))
			return true;
	}
	return false;
}

/* The listed origin of this request, or empty. */
static struct str cors_origin(const struct api_req *r)
{
	struct str origin = http_field(r->http, "Origin");

	return origin.n && origin_is_listed(r->api, origin) ? origin : (struct str){ NULL, 0 };
}

static void preflight(struct api_req *r, struct str origin)
{
	resp_start(r->http, 204);
	resp_header(r->http, "Access-Control-Allow-Origin", origin);
	resp_header(r->http, "Access-Control-Allow-Methods", STR("GET, POST, PUT, PATCH, DELETE"));
	resp_header(r->http, "Access-Control-Allow-Headers",
	            STR("Authorization, Content-Type, Idempotency-Key, Prefer, Accept-Language"));
	resp_header(r->http, "Access-Control-Max-Age", STR("600"));
	resp_header(r->http, "Vary", STR("Origin"));
	resp_empty(r->http);
}

/* ---- body ---- */

static bool type_is_json(struct str type)
{
	struct str rest = type;
	struct str media = str_trim(str_cut(&rest, ';'));

	if (!str_eq_nocase(media, STR("application/json")))
		return false;
	while (rest.p) {
		struct str parameter = str_trim(str_cut(&rest, ';'));

		if (parameter.n && !str_eq_nocase(parameter, STR("charset=utf-8")) &&
		    !str_eq_nocase(parameter, STR("charset=\"utf-8\"")))
			return false;
	}
	return true;
}

static bool type_is_form(struct str type)
{
	struct str rest = type;

	return str_eq_nocase(str_trim(str_cut(&rest, ';')), STR("application/x-www-form-urlencoded"));
}

static void api_handle(struct http_req *http)
{
	const struct route *route = http->route;

	route->handle(http);
}

static void api_read_body(struct api_req *r)
{
	const struct route *route = r->http->route;
	struct str type = http_field(r->http, "Content-Type");

	if ((route->flags & API_JSON) && !type_is_json(type)) {
		api_fail(r, FAULT_MEDIA_TYPE, str_from(text_get(r->language, TEXT_JSON_TYPE)));
		return;
	}
	if ((route->flags & API_FORM) && !type_is_form(type)) {
		api_fail(r, FAULT_MEDIA_TYPE, (struct str){ NULL, 0 });
		return;
	}
	if (r->http->content_length == 0 && !(route->flags & (API_JSON | API_FORM)))
		route->handle(r->http);
	else
		http_read_body(r->http, route->body_limit, api_handle);
}

/* ---- dispatch ---- */

/* A key in a URL ends up in logs, histories and Referer: refused, so that nobody gets used to it. */
static bool query_has_key(struct http_req *http)
{
	static const char *const names[] = { "api_key", "apikey", "key", "access_token", "token" };
	char *decoded;
	size_t n;

	if (!http->query.n)
		return false;
	decoded = arena_alloc(&http->arena, http->query.n, 1);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (url_query_get(http->query, names[i]).p)
			return true;
	return str_find(http->query, STR("imago_sk_")) != SIZE_MAX ||
	       (url_decode(http->query, decoded, &n) &&
	        str_find((struct str){ decoded, n }, STR("imago_sk_")) != SIZE_MAX);
}

static void api_no_route(struct api_req *r, struct str allow)
{
	if (allow.n == 0) {
		api_fail(r, FAULT_NOT_FOUND, (struct str){ NULL, 0 });
		return;
	}
	r->allow = allow;
	api_fail(r, FAULT_METHOD, (struct str){ NULL, 0 });
}

static void api_request(struct http_req *http)
{
	struct api *a = http->server->hooks.user;
	struct api_req *r = arena_new(&http->arena, struct api_req);
	struct str origin, allow;
	const struct route *route;

	r->api = a;
	r->http = http;
	http->user = r;
	http->on_gone = api_gone;
	r->language = language_from(http_field(http, "Accept-Language"), api_is_legacy(http) ? LANG_FR : LANG_EN);
	origin = cors_origin(r);
	if (http->method == HTTP_OPTIONS_ && origin.n && http_field(http, "Access-Control-Request-Method").n) {
		preflight(r, origin);
		return;
	}
	r->origin = origin;
	if (query_has_key(http)) {
		api_fail(r, FAULT_KEY_IN_URL, str_from(text_get(r->language, TEXT_KEY_IN_URL)));
		return;
	}
	route = router_match(&a->router, http, &allow);
	if (!route) {
		api_no_route(r, allow);
		return;
	}
	http->route = route;
	api_identify(r, route->access, api_read_body);
}

static void api_finished(struct http_req *http, int status, uint64_t sent_bytes)
{
	static const char *const classes[] = { "other", "1xx", "2xx", "3xx", "4xx", "5xx" };
	const struct route *route = http->route;
	const char *name = route ? route->metric : "none";
	uint64_t us = uv_hrtime() / 1000 - http->started_us;

	metric_inc(http_requests_total, name, classes[status >= 100 && status < 600 ? status / 100 : 0]);
	metric_observe_us(METRIC_ID_http_request_duration_seconds, name, NULL, us);
	LOG_INFO(&http->log, "http.request", KV_STR("method", http->method_text), KV_CSTR("route", name),
	         KV_INT("status", status), KV_INT("us", us), KV_INT("bytes", sent_bytes));
}

struct http_hooks api_hooks(struct api *a)
{
	return (struct http_hooks){
		.request = api_request,
		.problem = api_problem,
		.finished = api_finished,
		.user = a,
	};
}

void api_init(struct api *a, struct core *core, const struct api_settings *settings, const struct route *more,
              size_t count)
{
	struct str why;

	*a = (struct api){ .core = core, .settings = *settings };
	a->routes = mem_alloc((COUNT_OF(routes) + count) * sizeof *a->routes);
	memcpy(a->routes, routes, sizeof routes);
	memcpy(a->routes + COUNT_OF(routes), more, count * sizeof *more);
	a->once = page_once_new();
	CHECK(router_init(&a->router, a->routes, COUNT_OF(routes) + count, &why));
}

void api_clear(struct api *a)
{
	mem_release(a->routes);
	a->routes = NULL;
	page_once_free(&a->once);
}

/* ---- small things for handlers ---- */

struct str api_base_url(struct api_req *r)
{
	if (r->api->settings.public_url.n)
		return r->api->settings.public_url;
	return arena_printf(&r->http->arena, "http://%.*s", STRF(r->http->host));
}

void api_link(struct api_req *r, struct buf *out, struct str path)
{
	links_write(r->api->core->links, out, api_base_url(r), path);
}

void api_send_json(struct api_req *r, int status, const struct buf *body)
{
	resp_start(r->http, status);
	api_common_headers(r);
	resp_header(r->http, "Cache-Control", STR("no-store"));
	resp_send(r->http, "application/json; charset=utf-8", buf_view(body));
}

void api_common_headers(struct api_req *r)
{
	if (r->origin.n) {
		resp_header(r->http, "Access-Control-Allow-Origin", r->origin);
		resp_header(r->http, "Access-Control-Expose-Headers", STR("Location, Retry-After, X-Request-Id"));
	}
	if (r->api->settings.cors_origins.n)
		resp_header(r->http, "Vary", STR("Origin"));
}

struct str api_query(struct api_req *r, const char *name)
{
	struct str raw = url_query_get(r->http->query, name);
	char *text;
	size_t n;

	if (!raw.p)
		return raw;
	text = arena_alloc(&r->http->arena, raw.n + 1, 1);
	if (!url_decode(raw, text, &n))
		return STR(""); /* not what was asked, but not nothing either: to be refused */
	return (struct str){ text, n };
}

bool api_limit(struct api_req *r, unsigned *limit)
{
	struct str text = api_query(r, "limit");
	uint64_t n = 20;

	if (text.p && (!str_to_u64(text, &n) || n < 1 || n > 100)) {
		api_fail_field(r, "limit", str_from(text_get(r->language, TEXT_LIMIT_RANGE)));
		return false;
	}
	*limit = (unsigned)n;
	return true;
}

/* "{created_us}_{id}" with a MAC: a cursor that was made up is refused. */
void api_cursor_write(struct api_req *r, struct buf *out, int64_t created_us, struct str id)
{
	struct str payload = arena_printf(&r->http->arena, "%lld_%.*s", (long long)created_us, STRF(id));

	links_seal(r->api->core->links, out, payload);
}

bool api_cursor_read(struct api_req *r, int64_t *created_us, struct str *id)
{
	struct str text = api_query(r, "cursor");

	if (!text.n || !links_open(r->api->core->links, text, id))
		return false;
	return str_to_i64(str_cut(id, '_'), created_us) && id->n;
}

bool api_cursor(struct api_req *r, int64_t *created_us, struct str *id, bool *given)
{
	*given = api_query(r, "cursor").p != NULL;
	if (!*given || api_cursor_read(r, created_us, id))
		return true;
	api_fail_field(r, "cursor", str_from(text_get(r->language, TEXT_CURSOR_BROKEN)));
	return false;
}
