/*
 * providers - accounts and catalog from settings, and reloading them.
 */
#include <stdio.h>

#include "app/app.h"
#include "base/mem.h"
#include "core/accounts.h"
#include "core/engine.h"
#include "providers/catalog.h"
#include "providers/registry.h"

enum { CATALOG_FILE_MAX = 4 * 1024 * 1024 };

enum { ACCOUNTS_MAX = CONFIG_PROVIDERS + 1 };

static const struct {
	const char *type, *id, *name;
} known[CONFIG_PROVIDERS] = {
#define PROVIDER(type, id, name, key, other_key, base, concurrency) [CONFIG_PROVIDER_##type] = { #type, id, name },
#include "app/providers.def"
#undef PROVIDER
};

static unsigned specs_from(const struct config *c, struct account_spec *specs)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CONFIG_PROVIDERS; i++) {
		const struct config_provider *p = &c->providers[i];

		if (!p->is_there)
			continue;
		specs[n] = (struct account_spec){
			.type = known[i].type,
			.id = str_from(known[i].id),
			.name = str_from(known[i].name),
			.key_source = p->key_source,
			.bases = { p->base },
			.credential = p->key,
			.concurrency = p->concurrency,
		};
		if (i == CONFIG_PROVIDER_fal) {
			specs[n].bases[1] = c->fal_run_url;
			specs[n].bases[2] = c->fal_rest_url;
		}
		n++;
	}
	if (str_is(c->demo, "on"))
		specs[n++] = (struct account_spec){ .type = "demo", .id = STR("demo_default"), .name = STR("Demo") };
	return n;
}

bool providers_configure(struct app *app, const struct config *c, struct str *why)
{
	struct account_spec specs[ACCOUNTS_MAX];
	unsigned n;
	bool ok;

	n = specs_from(c, specs);
	ok = accounts_replace(&app->accounts, specs, n, why);
	if (!ok)
		return false;
	for (unsigned i = 0; i < n; i++)
		LOG_INFO(&app->log, "provider.configured", KV_STR("id", specs[i].id),
		         KV_STR("key_from", specs[i].key_source));
	if (n == 0)
		LOG_WARN(&app->log, "provider.none",
		         KV_CSTR("advice",
		                 "no provider is configured: set FAL_KEY or another provider's key, or IMAGO_DEMO=on; "
		                 "`imago doctor` tells more"));
	return true;
}

static bool read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "re");
	size_t n = 0;
	char *room;

	if (!f)
		return false;
	while ((room = buf_room(out, 65536)) && (n = fread(room, 1, 65536, f)) > 0)
		buf_added(out, n);
	fclose(f);
	return !out->overflowed && n == 0;
}

struct catalog *catalog_load(const struct config *config, struct arena *a, struct str *why)
{
	struct catalog_error error;
	struct catalog *catalog;
	struct buf text;

	buf_init(&text, CATALOG_FILE_MAX);
	if (config->catalog_file.n && !read_file(config->catalog_file.p, &text)) {
		*why = arena_printf(a, "IMAGO_CATALOG: %.*s cannot be read", STRF(config->catalog_file));
		buf_clear(&text);
		return NULL;
	}
	catalog = catalog_parse(config->catalog_file.n ? buf_view(&text) : catalog_builtin(), &error);
	if (!catalog)
		*why = arena_printf(a, "IMAGO_CATALOG: row %zu: %s", error.row, error.text);
	else if (!registry_check_catalog(catalog, a, why))
		catalog_free(&catalog);
	buf_clear(&text);
	return catalog;
}

/* Rows of a catalog are pointed to by jobs only; one that is being accepted is in no list yet. */
static bool catalog_in_use(const struct app *app, const struct catalog *c)
{
	const struct engine *e = app->core.engine;

	if (e->slab.live != e->live)
		return true;
	LIST_EACH(&e->jobs, l) {
		const struct job *j = CONTAINER_OF(l, struct job, link);

		if (j->row >= c->rows && j->row < c->rows + c->count)
			return true;
	}
	return false;
}

/* Makes room for one more; false: jobs of too many former catalogs are under way. */
static bool former_catalogs_clean(struct app *app)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < app->former_count; i++) {
		if (catalog_in_use(app, app->former_catalogs[i]))
			app->former_catalogs[kept++] = app->former_catalogs[i];
		else
			catalog_free(&app->former_catalogs[i]);
	}
	app->former_count = kept;
	return kept < COUNT_OF(app->former_catalogs);
}

static bool reload_apply(struct app *app, struct config *fresh, struct str *why)
{
	struct catalog *catalog;

	*why = STR("the settings have errors");
	if (config_has_errors(fresh))
		return false;
	*why = STR("too many jobs of former catalogs are under way: try again later");
	if (!former_catalogs_clean(app))
		return false;
	catalog = catalog_load(fresh, &fresh->arena, why);
	if (!catalog)
		return false;
	if (!providers_configure(app, fresh, why)) {
		catalog_free(&catalog);
		return false;
	}
	app->former_catalogs[app->former_count++] = app->catalog;
	app->core.catalog = app->catalog = catalog;
	app->core.settings.attempts_max = 1 + fresh->retries_max;
	app->core.settings.retry_delay_ms = fresh->retry_delay_ms;
	app->api.settings.cors_origins = fresh->cors_origins;
	return true;
}

void app_reload(struct app *app)
{
	struct config *fresh = config_reload(app->config), **slot;
	struct str why = { NULL, 0 };

	config_log_problems(fresh, &app->log);
	if (!reload_apply(app, fresh, &why)) {
		LOG_ERROR(&app->log, "reload.refused", KV_STR("why", why));
		config_free(&fresh);
		return;
	}
	/* What was read before stays in memory: settings that do not reload point into it. */
	slot = &app->superseded[app->superseded_count++ % COUNT_OF(app->superseded)];
	config_free(slot);
	*slot = fresh;
	LOG_INFO(&app->log, "reload.done");
}
