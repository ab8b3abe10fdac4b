/*
 * health - three questions, three answers:
 *
 *   /health/live    does the loop turn? Whoever reads an answer knows.
 *   /health/ready   can work be accepted: database, lease
 *   /health         seed 003's body, and what is behind it
 */
#include "admin/admin.h"
#include "admin/metrics.h"
#include "base/json.h"
#include "core/accounts.h"
#include "core/engine.h"
#include "core/lease.h"
#include "core/users.h"
#include "io/pg.h"
#include "io/pixels.h"
#include "io/redis.h"

static struct admin *admin_of(const struct http_req *http)
{
	const struct route *route = http->route;

	return route->context;
}

static void send_json(struct http_req *http, int status, const struct buf *body)
{
	resp_start(http, status);
	resp_header(http, "Cache-Control", STR("no-store"));
	if (status == 503)
		resp_header(http, "Retry-After", STR("1"));
	resp_send(http, "application/json; charset=utf-8", buf_view(body));
}

bool admin_is_ready(const struct admin *a, const char **why)
{
	const struct core *core = a->core;
	struct identity local;

	*why = NULL;
	if (!pg_is_up(core->pg, PG_READ) || !pg_is_up(core->pg, PG_ACCEPT) || !pg_is_up(core->pg, PG_SETTLE))
		*why = "postgres";
	else if (!lease_is_held(core->lease))
		*why = "lease";
	else if (core->settings.anonymous && !users_local(core->users, &local))
		*why = "local user";
	else if (core->engine->parking)
		*why = "shutting down";
	return *why == NULL;
}

static void health_live(struct http_req *http)
{
	resp_start(http, 200);
	resp_header(http, "Cache-Control", STR("no-store"));
	resp_send(http, "application/json; charset=utf-8", STR("{\"status\":\"live\"}"));
}

static void health_ready(struct http_req *http)
{
	const char *why;
	bool ready = admin_is_ready(admin_of(http), &why);
	struct json_writer w;
	struct buf body;

	buf_init(&body, 1024);
	w = json_writer(&body);
	jw_object(&w);
	jw_kv_cstr(&w, "status", ready ? "ready" : "not_ready");
	if (!ready)
		jw_kv_cstr(&w, "waiting_for", why);
	jw_end_object(&w);
	send_json(http, ready ? 200 : 503, &body);
	buf_clear(&body);
}

/* ---- /health ---- */

static void kv_check(struct json_writer *w, const char *name, const char *status)
{
	jw_key(w, name);
	jw_object(w);
	jw_kv_cstr(w, "status", status);
	jw_end_object(w);
}

static const char *redis_status(const struct core *core)
{
	if (!core->redis)
		return "not_configured";
	return redis_is_up(core->redis) ? "up" : "down";
}

static void write_providers(const struct core *core, struct json_writer *w)
{
	jw_key(w, "providers");
	jw_array(w);
	LIST_EACH(&core->accounts->all, l) {
		const struct account *a = CONTAINER_OF(l, struct account, link);

		jw_object(w);
		jw_kv_str(w, "id", a->at.id);
		jw_kv_cstr(w, "type", a->driver->type);
		jw_kv_int(w, "in_use", a->in_use);
		jw_kv_int(w, "concurrency", a->concurrency);
		jw_end_object(w);
	}
	jw_end_array(w);
}

/* Books and blogs belong to the product that seed 003's API was part of; here there are pictures. */
static void write_features(const struct core *core, struct json_writer *w)
{
	jw_key(w, "features");
	jw_object(w);
	jw_kv_bool(w, "book_generation", false);
	jw_kv_bool(w, "blog_generation", false);
	jw_kv_bool(w, "image_generation", !list_is_empty(&core->accounts->all));
	jw_end_object(w);
}

/* Healthy: all that is configured works. Degraded: work goes on without something. */
static const char *overall(const struct admin *a)
{
	const struct core *core = a->core;
	const char *why;

	if (!admin_is_ready(a, &why))
		return "unhealthy";
	if (list_is_empty(&core->accounts->all) || (core->redis && !redis_is_up(core->redis)))
		return "degraded";
	return "healthy";
}

static void health_get(struct http_req *http)
{
	const struct admin *a = admin_of(http);
	const struct core *core = a->core;
	struct json_writer w;
	struct buf body;

	buf_init(&body, 16 * 1024);
	w = json_writer(&body);
	jw_object(&w);
	jw_kv_cstr(&w, "status", overall(a));
	write_features(core, &w);
	jw_kv_cstr(&w, "service", "imago");
	jw_kv_cstr(&w, "version", a->version);
	jw_kv_int(&w, "uptime_seconds", (int64_t)(loop_now_ms(core->loop) - a->started_ms) / 1000);
	jw_kv_int(&w, "live_jobs", core->engine->live);
	jw_key(&w, "checks");
	jw_object(&w);
	kv_check(&w, "postgres", pg_is_up(core->pg, PG_ACCEPT) ? "up" : "down");
	kv_check(&w, "lease", lease_is_held(core->lease) ? "held" : "not_held");
	kv_check(&w, "redis", redis_status(core));
	kv_check(&w, "pixels", pixels_ready(core->pixels) > 0 ? "up" : "starting");
	jw_end_object(&w);
	write_providers(core, &w);
	jw_end_object(&w);
	send_json(http, 200, &body);
	buf_clear(&body);
}

/* ---- wiring ---- */

void admin_init(struct admin *a, struct core *core, const char *version)
{
	*a = (struct admin){ .core = core, .started_ms = loop_now_ms(core->loop), .version = version };
}

void admin_routes(struct admin *a, unsigned access, struct route out[ADMIN_ROUTES])
{
	const struct route rows[ADMIN_ROUTES] = {
		{ .pattern = "/health", .handle = health_get, .metric = "health" },
		{ .pattern = "/health/live", .handle = health_live, .metric = "health.live" },
		{ .pattern = "/health/ready", .handle = health_ready, .metric = "health.ready" },
		{ .pattern = "/metrics", .handle = metrics_get, .metric = "metrics" },
	};

	for (int i = 0; i < ADMIN_ROUTES; i++) {
		out[i] = rows[i];
		out[i].method = HTTP_GET_;
		out[i].access = access;
		out[i].context = a;
	}
}
