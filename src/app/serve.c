/*
 * serve - one server from start to end.
 *
 *   start   helpers while the process is small, stores, core, HTTP; listening before the database has
 *           answered, so that /health/live tells the truth
 *   run     schema -> connections -> lease -> resume, sweeper: ready
 *   end     stop listening, let requests and jobs come to a resting place, give up the lease, leave
 */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/app.h"
#include "app/serve.h"
#include "base/mem.h"
#include "core/archive.h"
#include "core/engine.h"
#include "core/lease.h"
#include "core/links.h"
#include "core/resume.h"
#include "core/sweeper.h"
#include "io/disk.h"
#include "io/names.h"
#include "io/objects.h"
#include "io/outbound.h"
#include "io/pg.h"
#include "io/pixels.h"
#include "io/redis.h"
#include "providers/catalog.h"
#include "providers/registry.h"
#include "version.h"

enum {
	SYNC_HELPERS = 4,
	READY_LOOK_MS = 20,
	LAST_TURNS = 100,
	LEAVE_MS = 1000,
	STORE_CALL_MS = 4000,
};

/* ---- end ---- */

static void serve_left(struct core *core)
{
	loop_break(core->loop);
}

static void serve_rested(struct app *app)
{
	if (!app->http_drained || !app->engine_drained)
		return;
	resume_stop(app->core.resume);
	sweeper_stop(app->core.sweeper);
	lease_stop(app->core.lease, serve_left);
}

static void http_rested(struct http_server *http)
{
	struct app *app = CONTAINER_OF(http, struct app, http);

	app->http_drained = true;
	serve_rested(app);
}

static void engine_rested(struct engine *engine)
{
	struct app *app = CONTAINER_OF(engine->core, struct app, core);

	app->engine_drained = true;
	serve_rested(app);
}

/* What has not come to rest by now never will. */
static void serve_cut(struct timer *t)
{
	struct app *app = CONTAINER_OF(t, struct app, drain_end);

	LOG_WARN(&app->log, "serve.cut_off", KV_INT("connections", app->http.conn_count),
	         KV_INT("jobs", app->core.engine->live));
	app->http_drained = app->engine_drained = true;
	serve_rested(app);
}

static void serve_stop(struct signals *signals, bool now)
{
	struct app *app = CONTAINER_OF(signals, struct app, signals);

	LOG_INFO(&app->log, "serve.stop", KV_BOOL("now", now), KV_INT("jobs", app->core.engine->live));
	if (now) {
		loop_break(&app->loop);
		return;
	}
	timer_start(&app->loop, &app->drain_end, app->config->drain_ms, serve_cut);
	resume_stop(app->core.resume);
	http_server_drain(&app->http, http_rested);
	engine_park(app->core.engine, app->config->drain_ms, engine_rested);
}

static void serve_reload(struct signals *signals)
{
	app_reload(CONTAINER_OF(signals, struct app, signals));
}

/* ---- run ---- */

static void lease_claimed(struct core *core)
{
	resume_start(core->resume);
	sweeper_start(core->sweeper);
}

static void schema_ready(struct app *app)
{
	lease_start(app->core.lease, lease_claimed);
	if (app->core.settings.anonymous)
		users_load_local(app->core.users);
}

static void ready_look(struct timer *t)
{
	struct app *app = CONTAINER_OF(t, struct app, ready_watch);
	const char *why;

	if (admin_is_ready(&app->admin, &why))
		LOG_INFO(&app->log, "serve.ready", KV_INT("port", http_server_port(&app->http)));
	else
		timer_start(&app->loop, &app->ready_watch, READY_LOOK_MS, ready_look);
}

static void pg_changed(void *user, enum pg_class which, bool up)
{
	struct app *app = user;

	LOG_INFO(&app->log, up ? "postgres.up" : "postgres.down", KV_INT("class", which));
}

static void redis_changed(void *user, bool up)
{
	struct app *app = user;

	LOG_INFO(&app->log, up ? "redis.up" : "redis.down");
}

static void redis_message(void *user, struct str payload)
{
	struct app *app = user;

	jobs_woken(&app->core, payload);
}

/* ---- start: each returns false with *why ---- */

static void settings_from(struct app *app)
{
	const struct config *c = app->config;

	app->core.settings = (struct core_settings){
		.version = STR(IMAGO_VERSION),
		.data_dir = c->data_dir,
		.link_ttl_s = c->link_ttl_s,
		.live_jobs_max = c->live_jobs_max,
		.attempts_max = 1 + c->retries_max,
		.retry_delay_ms = c->retry_delay_ms,
		.anonymous = c->anonymous != CONFIG_ANONYMOUS_OFF,
		.local_credits = c->local_credits,
	};
}

static bool start_io(struct app *app, struct str *why)
{
	const struct config *c = app->config;
	struct core *core = &app->core;

	/* Helpers first: a fork costs by the size of the process. */
	app->sync = sync_pool_new(&app->loop, &app->log, SYNC_HELPERS);
	core->pixels = pixels_new(&app->loop, &app->log,
	                          &(struct pixels_config){
					  .program = c->pixel_program.p,
					  .workers = c->pixel_workers,
					  .queue_max = 1000,
					  .timeout_ms = 10000,
				  });
	core->disk = disk_new(&app->loop,
	                      &(struct disk_config){
				      .data_dir = c->data_dir.p,
				      .spool_bytes_max = 4ull << 30,
				      .sync = app->sync,
			      },
	                      why);
	if (!core->disk)
		return false;
	core->names = names_new(&app->loop, c->dns, why);
	if (!core->names)
		return false;
	core->outbound = outbound_new(&app->loop, &app->log,
	                              &(struct outbound_config){
					      .names = core->names,
					      .allow_hosts = c->allow_hosts,
					      .connections_max = 1024,
					      .connections_per_host = 256,
					      .queued_max = 20000,
				      });
	outbound_warm(core->outbound);
	core->objects = objects_new(&app->loop, &app->log, core->disk, core->outbound, &(struct objects_config){ 0 });
	return true;
}

static bool start_stores(struct app *app, struct str *why)
{
	const struct config *c = app->config;
	struct core *core = &app->core;

	core->pg = pg_new(&app->loop, &app->log,
	                  &(struct pg_config){
				  .url = c->database_url.p,
				  .connect_timeout_ms = 5000,
				  .call_timeout_ms = STORE_CALL_MS,
				  .pending_max = 4096,
				  .names = core->names,
				  .changed = pg_changed,
				  .user = app,
			  });
	if (c->redis_url.n == 0)
		return true;
	core->redis = redis_new(&app->loop, &app->log,
	                        &(struct redis_config){
					.url = c->redis_url.p,
					.names = core->names,
					.channel = JOBS_CHANNEL,
					.message = redis_message,
					.changed = redis_changed,
					.user = app,
				},
	                        why);
	return core->redis != NULL;
}

static bool start_core(struct app *app, struct str *why)
{
	struct core *core = &app->core;

	core->log.parent = &app->log;
	core->loop = &app->loop;
	settings_from(app);
	if (!start_io(app, why) || !start_stores(app, why))
		return false;
	core->catalog = app->catalog = catalog_load(app->config, &app->config->arena, why);
	if (!app->catalog)
		return false;
	accounts_init(&app->accounts, &app->loop);
	core->accounts = &app->accounts;
	if (!providers_configure(app, app->config, why))
		return false;
	core->lease = lease_new(core, why);
	if (!core->lease)
		return false;
	core->links = links_new(core, app->config->key_file, why);
	if (!core->links)
		return false;
	core->users = users_new(core);
	core->archive = archive_new(core);
	core->engine = engine_new(core);
	core->resume = resume_new(core);
	core->sweeper = sweeper_new(core);
	return true;
}

static bool start_http(struct app *app, struct str *why)
{
	const struct config *c = app->config;
	struct route routes[ADMIN_ROUTES];
	struct str list = c->listen;
	struct http_hooks hooks;

	admin_init(&app->admin, &app->core, IMAGO_VERSION);
	admin_routes(&app->admin, ACCESS_OPEN, routes);
	api_init(&app->api, &app->core,
	         &(struct api_settings){
			 .public_url = c->public_url,
			 .cors_origins = c->cors_origins,
			 .anonymous = c->anonymous != CONFIG_ANONYMOUS_OFF,
			 .anonymous_anywhere = c->anonymous == CONFIG_ANONYMOUS_PUBLIC,
			 .secure_cookies = str_starts(c->public_url, STR("https://")),
		 },
	         routes, ADMIN_ROUTES);
	hooks = api_hooks(&app->api);
	http_server_init(&app->http, &app->loop, &http_default_limits, &hooks);
	app->http.log.parent = &app->log;
	while (list.p) {
		struct str address = str_trim(str_cut(&list, ','));

		if (address.n && !http_server_listen(&app->http, address, why))
			return false;
	}
	return true;
}

static void app_free(struct app *app)
{
	struct core *core = &app->core;

	migrate_stop(app);
	http_server_clear(&app->http);
	api_clear(&app->api);
	sweeper_free(&core->sweeper);
	resume_free(&core->resume);
	engine_free(&core->engine);
	archive_free(&core->archive);
	users_free(&core->users);
	links_free(&core->links);
	lease_free(&core->lease);
	accounts_clear(&app->accounts);
	catalog_free(&app->catalog);
	while (app->former_count > 0)
		catalog_free(&app->former_catalogs[--app->former_count]);
	redis_free(&core->redis);
	pg_free(&core->pg);
	objects_free(&core->objects);
	outbound_free(&core->outbound);
	names_free(&core->names);
	disk_free(&core->disk);
	pixels_free(&core->pixels);
	sync_pool_free(&app->sync);
	signals_stop(&app->signals);
}

static void leave_anyway(struct timer *t)
{
	loop_break(&CONTAINER_OF(t, struct app, drain_end)->loop);
}

/* Clients that are still there, because the time was up or a second signal came, lose their connections. What their
 * requests wait for is still there meanwhile. */
static void serve_cut_clients(struct app *app)
{
	http_server_stop(&app->http);
	for (int i = 0; i < LAST_TURNS && app->http.conn_count > 0; i++)
		uv_run(&app->loop.uv, UV_RUN_NOWAIT);
}

/* Handles close, and helpers end, over some turns of the loop; at most a second of them. */
static int serve_end(struct app *app)
{
	int code = app->exit_code;

	serve_cut_clients(app);
	LOG_INFO(&app->log, "serve.end", KV_INT("jobs_left", app->core.engine->live));
	/* Jobs that found no resting place are in the middle of something, and whoever starts next takes them up.
	 * To take apart what they hold on to would gain nothing. */
	if (app->core.engine->slab.live > 0) {
		log_flush();
		_exit(code);
	}
	app_free(app);
	timer_start(&app->loop, &app->drain_end, LEAVE_MS, leave_anyway);
	loop_run(&app->loop);
	timer_stop(&app->loop, &app->drain_end);
	loop_close(&app->loop);
	log_flush();
	for (unsigned i = 0; i < COUNT_OF(app->superseded); i++)
		config_free(&app->superseded[i]);
	mem_release(app);
	return code;
}

int serve_main(struct config *config)
{
	struct app *app = mem_new(struct app);
	struct str why = { NULL, 0 };

	app->config = config;
	log_configure(config->log_level, config->log_json);
	config_log_problems(config, &app->log);
	loop_init(&app->loop);
	if (!start_core(app, &why) || !start_http(app, &why)) {
		LOG_ERROR(&app->log, "serve.refused", KV_STR("why", why));
		log_flush();
		return 1;
	}
	app->signals.stop = serve_stop;
	app->signals.reload = serve_reload;
	signals_start(&app->signals, &app->loop);
	LOG_INFO(&app->log, "serve.start", KV_CSTR("version", IMAGO_VERSION), KV_STR("listen", config->listen));
	migrate_start(app, schema_ready);
	timer_start(&app->loop, &app->ready_watch, READY_LOOK_MS, ready_look);
	loop_run(&app->loop);
	return serve_end(app);
}
