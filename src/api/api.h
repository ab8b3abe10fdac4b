#pragma once
/*
 * api - from a request to core and back: who asks, in which language, what is allowed, which
 * shape an error has. One file for each resource; the table of routes is routes.def.
 *
 *   request -> host, key in URL, CORS -> route -> identity -> content type, body -> handler
 *
 * Ownership   struct api_req lives in the request's arena. A handler that waits for something
 *             sets `drop`: it is called when the client goes away, and must let go of whatever still points to the request.
 */
#include "base/json.h"
#include "core/core.h"
#include "core/jobs.h"
#include "core/users.h"
#include "http/http.h"
#include "http/router.h"

enum language { LANG_EN, LANG_FR, LANGUAGES };

/* Who may call a route. */
enum api_access {
	ACCESS_OPEN, /* anybody, no identity is looked for */
	ACCESS_USER, /* a key, a session, or the built-in user where that is allowed */
	ACCESS_LINK, /* the same, or a signed link to this very path */
	ACCESS_PAGE  /* as USER, but nobody is told so by a page and not by an error */
};

enum api_flags { API_JSON = 1, API_FORM = 2 }; /* what the body must be */

struct api_settings {
	struct str public_url;   /* "https://images.example.org"; empty: from the request */
	struct str cors_origins; /* comma-separated */
	bool anonymous, anonymous_anywhere;
	bool secure_cookies;
};

struct api {
	struct core *core;
	struct api_settings settings;
	struct router router;
	struct route *routes;
	struct page_once *once; /* of the page's form */
};

struct api_req {
	struct api *api;
	struct http_req *http;
	enum language language;
	struct identity who;
	bool has_identity, by_cookie, by_link;
	struct str origin;        /* of a page that may read the answer; empty: none */
	struct str allow;         /* for 405 */
	struct str content_range; /* for 416 */
	struct users_call auth;
	enum api_access access;          /* the route's */
	void (*next)(struct api_req *r); /* once it is known who asks */
	void (*drop)(struct api_req *r);
	void *state;           /* the handler's, for `drop` */
	unsigned limit;        /* of a listing */
	struct page *page;     /* of the page */
	struct upload *upload; /* pictures that came inside the body; NULL: none */
};

/* `more`: routes of other modules, copied. */
void api_init(struct api *a, struct core *core, const struct api_settings *settings, const struct route *more,
              size_t count);
void api_clear(struct api *a);
/* The hooks of the HTTP server that serves it. */
struct http_hooks api_hooks(struct api *a);
static inline struct api_req *api_of(struct http_req *http)
{
	return http->user;
}

/* ---- for handlers ---- */

/* Answers in the shape of the path, in the language of the request. */
void api_fail(struct api_req *r, enum fault_code code, struct str detail);
void api_fail_with(struct api_req *r, const struct fault *fault, const char *extra_json);
/* One field of the body is wrong: 400 with its name. */
void api_fail_field(struct api_req *r, const char *field, struct str message);
/* The body as JSON object, or NULL after an answer was sent. Free it by json_free. */
struct json *api_body_json(struct api_req *r);
/* CORS and Vary; each answer starts with it. */
void api_common_headers(struct api_req *r);
void api_send_json(struct api_req *r, int status, const struct buf *body);
/* "http://localhost:9006" as the client sees us. */
struct str api_base_url(struct api_req *r);
/* Signed absolute link to a path of ours. */
void api_link(struct api_req *r, struct buf *out, struct str path);
/* Is it an /api/images path: seed 003's shapes, French by default. */
bool api_is_legacy(const struct http_req *http);
/* Listing parameters. False: an answer was sent. */
MUST_CHECK bool api_limit(struct api_req *r, unsigned *limit);
MUST_CHECK bool api_cursor(struct api_req *r, int64_t *created_us, struct str *id, bool *given);
/* Quietly: false when there is none, or none of ours. */
MUST_CHECK bool api_cursor_read(struct api_req *r, int64_t *created_us, struct str *id);
void api_cursor_write(struct api_req *r, struct buf *out, int64_t created_us, struct str id);
/* A query parameter, decoded; p NULL when absent, empty when broken. */
struct str api_query(struct api_req *r, const char *name);

/* The server's hook for errors: also for what the edge refuses, which has no api_req. */
void api_problem(struct http_req *http, const struct fault *fault);

/* ---- access.c ---- */
/* Finds out who asks, then calls next; or answers 401, 421, 400 itself. */
void api_identify(struct api_req *r, enum api_access access, void (*next)(struct api_req *r));
MUST_CHECK bool api_host_is_allowed(const struct api_req *r);
/* A request that changes something was sent by a page of ours, or by no page at all. */
MUST_CHECK bool api_origin_is_ours(struct api_req *r);
/* p NULL: there is none. */
struct str api_cookie(const struct http_req *http, const char *name);
enum { API_SESSION_S = 7 * 24 * 3600 };
/* The value of a Set-Cookie field that signs `who` in. */
void api_session_write(struct api_req *r, const struct identity *who, struct buf *out);

#define ROUTE(method, pattern, access, flags, body, handler, metric) void handler(struct http_req *req);
#include "api/routes.def"
#undef ROUTE
