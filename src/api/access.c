/*
 * access - who asks: a key in the Authorization header, a session cookie, a signed link, or, where the
 * operator wants it, nobody.
 *
 * Guard rule G12: what is served without a key is served under our own names only. A page
 * of a stranger can make a browser send requests to 127.0.0.1, and by rebinding its own name even with an
 * Origin that equals Host; but it cannot make it say "Host: localhost".
 */
#include "api/api.h"
#include "api/texts.h"
#include "base/hash.h"
#include "base/url.h"
#include "base/wall.h"
#include "core/links.h"

#define SESSION_COOKIE "imago_session"

enum { SESSION_SIZE = 512 };

static struct str host_name(struct str host)
{
	size_t i;

	if (host.n && host.p[0] == '[') {
		i = str_find_byte(host, ']');
		return i == SIZE_MAX ? host : str_sub(host, 0, i + 1);
	}
	i = str_find_byte(host, ':');
	return i == SIZE_MAX ? host : str_sub(host, 0, i);
}

bool api_host_is_allowed(const struct api_req *r)
{
	struct str host = r->http->host, name = host_name(host);
	struct url own;

	if (str_is(name, "localhost") || str_is(name, "127.0.0.1") || str_is(name, "[::1]"))
		return true;
	if (r->api->settings.public_url.n && url_parse(r->api->settings.public_url, &own) &&
	    str_eq_nocase(name, own.host))
		return true;
	return r->api->settings.anonymous_anywhere && !r->by_cookie;
}

struct str api_cookie(const struct http_req *http, const char *name)
{
	struct str list = http_field(http, "Cookie");

	while (list.p) {
		struct str value = str_trim(str_cut(&list, ';'));
		struct str key = str_cut(&value, '=');

		if (str_is(key, name))
			return value;
	}
	return (struct str){ NULL, 0 };
}

/* "expiry_s|user_id|hash of the key|name" in base64url, sealed: a name may have characters that a cookie may not. It
 * says who it was that signed in; whether the key still counts is looked up. */
static bool session_open(struct api_req *r)
{
	struct str sealed = api_cookie(r->http, SESSION_COOKIE), encoded, payload, until, id, hash;
	uint8_t plain[SESSION_SIZE];
	int64_t until_s;
	size_t n;

	if (!sealed.p || !links_open(r->api->core->links, sealed, &encoded) ||
	    !base64url_decode(encoded, plain, sizeof plain, &n))
		return false;
	payload = (struct str){ (const char *)plain, n };
	until = str_cut(&payload, '|');
	id = str_cut(&payload, '|');
	hash = str_cut(&payload, '|');
	if (!payload.p || !hex_decode(hash, r->who.key_hash, SHA256_BYTES) || !str_to_i64(until, &until_s) ||
	    until_s * 1000000 < wall_us())
		return false;
	r->by_cookie = true;
	return str_to_cstr(id, r->who.user_id, sizeof r->who.user_id) &&
	       str_to_cstr(payload, r->who.name, sizeof r->who.name);
}

void api_session_write(struct api_req *r, const struct identity *who, struct buf *out)
{
	char payload[SESSION_SIZE], encoded[SESSION_SIZE * 2], hash[SHA256_HEX + 1] = "";
	struct buf sealed;
	size_t n;

	hex_encode(who->key_hash, SHA256_BYTES, hash);
	snprintf(payload, sizeof payload, "%lld|%s|%s|%s", (long long)(wall_us() / 1000000 + API_SESSION_S),
	         who->user_id, hash, who->name);
	buf_init(&sealed, 1024);
	n = base64url_encode((const uint8_t *)payload, strlen(payload), encoded);
	links_seal(r->api->core->links, &sealed, (struct str){ encoded, n });
	buf_cstr(out, SESSION_COOKIE "=");
	buf_str(out, buf_view(&sealed));
	buf_printf(out, "; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d%s", API_SESSION_S,
	           r->api->settings.secure_cookies ? "; Secure" : "");
	buf_clear(&sealed);
}

/* A form sent by a page of somebody else must not act with our cookie, or as `local`. */
bool api_origin_is_ours(struct api_req *r)
{
	struct str origin = http_field(r->http, "Origin");
	struct str site = http_field(r->http, "Sec-Fetch-Site");

	if (r->http->method == HTTP_GET_ || r->http->method == HTTP_HEAD_)
		return true;
	if (origin.n)
		return str_eq(origin, api_base_url(r)) || r->origin.n ||
		       str_eq(origin, arena_printf(&r->http->arena, "http://%.*s", STRF(r->http->host)));
	if (r->by_cookie)
		return false;
	return site.n == 0 || str_is(site, "same-origin") || str_is(site, "none");
}

static void identified(struct api_req *r)
{
	r->has_identity = true;
	if ((r->by_cookie || r->who.anonymous) && !api_host_is_allowed(r)) {
		api_fail(r, FAULT_MISDIRECTED, str_from(text_get(r->language, TEXT_HOST_UNKNOWN)));
		return;
	}
	if ((r->by_cookie || r->who.anonymous) && !api_origin_is_ours(r)) {
		api_fail(r, FAULT_FORBIDDEN, (struct str){ NULL, 0 });
		return;
	}
	r->next(r);
}

/* ---- by nothing ---- */

static void identify_nobody(struct api_req *r)
{
	if (r->api->settings.anonymous && users_local(r->api->core->users, &r->who))
		identified(r);
	else if (r->access == ACCESS_PAGE)
		r->next(r);
	else
		api_fail_with(
			r,
			&(struct fault){ .code = r->api->settings.anonymous ? FAULT_STORE_DOWN : FAULT_UNAUTHORIZED,
		                         .retry_after_s = 1 },
			NULL);
}

/* ---- by key ---- */

static void auth_drop(struct api_req *r)
{
	users_call_drop(&r->auth);
}

static void key_judged(struct api_req *r, enum fault_code code)
{
	if (code == FAULT_NONE)
		identified(r);
	else
		api_fail_with(r, &(struct fault){ .code = code, .retry_after_s = 1 }, NULL);
}

static void key_answered(struct op *op)
{
	struct users_call *auth = CONTAINER_OF(op, struct users_call, op);
	struct api_req *r = CONTAINER_OF(auth, struct api_req, auth);
	enum fault_code code = op->fault.code;

	r->drop = NULL;
	r->who = auth->who;
	key_judged(r, code == FAULT_NONE || code == FAULT_UNAUTHORIZED ? code : FAULT_STORE_DOWN);
}

static void identify_by_key(struct api_req *r, struct str key)
{
	struct users *users = r->api->core->users;
	enum fault_code code;

	if (users_peek(users, key, &r->who, &code)) {
		key_judged(r, code);
		return;
	}
	op_init(&r->auth.op, r->api->core->loop, key_answered);
	r->drop = auth_drop;
	users_by_key(users, &r->auth, key);
}

/* ---- by session ---- */

/* Revoked or disabled since: the session has ended with it, and its cookie counts for nothing. While the database is
 * not there the seal alone is believed: nothing can be read or changed then. */
static void session_judged(struct api_req *r, enum fault_code code, const struct identity *who)
{
	if (code != FAULT_UNAUTHORIZED) {
		if (code == FAULT_NONE)
			r->who = *who;
		identified(r);
		return;
	}
	r->by_cookie = false;
	identify_nobody(r);
}

static void session_answered(struct op *op)
{
	struct users_call *auth = CONTAINER_OF(op, struct users_call, op);
	struct api_req *r = CONTAINER_OF(auth, struct api_req, auth);

	r->drop = NULL;
	session_judged(r, op->fault.code, &auth->who);
}

static void identify_by_session(struct api_req *r)
{
	struct users *users = r->api->core->users;
	struct identity who;
	enum fault_code code;

	if (users_peek_hash(users, r->who.key_hash, &who, &code)) {
		session_judged(r, code, &who);
		return;
	}
	op_init(&r->auth.op, r->api->core->loop, session_answered);
	r->drop = auth_drop;
	users_by_hash(users, &r->auth, r->who.key_hash);
}

/* "Bearer KEY": the scheme in any case, one blank or more. p NULL: another scheme, or nothing behind it. */
static struct str bearer(struct str authorization)
{
	if (!str_eq_nocase(str_sub(authorization, 0, 7), STR("bearer ")))
		return (struct str){ NULL, 0 };
	return str_trim(str_skip(authorization, 7));
}

void api_identify(struct api_req *r, enum api_access access, void (*next)(struct api_req *r))
{
	struct str authorization = http_field(r->http, "Authorization");

	r->next = next;
	r->access = access;
	if (access == ACCESS_OPEN) {
		next(r);
	} else if (access == ACCESS_LINK &&
	           links_check(r->api->core->links, r->http->path, r->http->query, wall_us())) {
		r->by_link = true; /* whoever asks: clients send their key along with everything */
		next(r);
	} else if (authorization.p) {
		struct str key = bearer(authorization);

		if (key.n)
			identify_by_key(r, key);
		else
			key_judged(r, FAULT_UNAUTHORIZED);
	} else if (session_open(r)) {
		identify_by_session(r);
	} else {
		identify_nobody(r);
	}
}
