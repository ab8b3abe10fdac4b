#pragma once
/*
 * app - everything there is in one server, wired in the order of the members.
 */
#include "admin/admin.h"
#include "api/api.h"
#include "app/config.h"
#include "core/core.h"
#include "io/sync.h"
#include "loop/signals.h"

struct app {
	struct config *config;
	struct loop loop;
	struct log log;
	struct signals signals;
	struct sync_pool *sync;
	struct core core;
	struct catalog *catalog;
	struct accounts accounts;
	struct admin admin;
	struct api api;
	struct http_server http;
	struct migrating *migrating;
	struct timer ready_watch, drain_end;
	bool http_drained, engine_drained;
	struct config *superseded[8]; /* settings of former reloads that may still be pointed to */
	unsigned superseded_count;
	struct catalog *former_catalogs[16]; /* of former reloads, while jobs point into them */
	unsigned former_count;
	int exit_code;
};

/* Providers from the settings, in order of preference. False: *why names the setting. */
MUST_CHECK bool providers_configure(struct app *app, const struct config *config, struct str *why);
/* The catalog: the file that is named, else the built-in one. */
MUST_CHECK struct catalog *catalog_load(const struct config *config, struct arena *a, struct str *why);
/* SIGHUP: read again, check, swap; on any error the old settings stay. */
void app_reload(struct app *app);

/* The schema is brought up to date by a process of its own, because libpq's blocking calls must not
 * hold up the loop; `done` runs when the schema is what this program needs. It is tried again while
 * the database is not there, and ends the server when the database refuses. */
void migrate_start(struct app *app, void (*done)(struct app *app));
void migrate_stop(struct app *app);
