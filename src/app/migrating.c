/*
 * migrating - `imago migrate` as a child process, again every second while Postgres is not there.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/app.h"
#include "app/migrate.h"
#include "base/mem.h"

enum { AGAIN_MS = 1000 };

struct migrating {
	struct app *app;
	uv_process_t process;
	struct timer again;
	bool running, stopping;
	void (*done)(struct app *app);
};

static void migrate_spawn(struct migrating *m);

static void migrate_again(struct timer *t)
{
	migrate_spawn(CONTAINER_OF(t, struct migrating, again));
}

static void process_closed(uv_handle_t *h)
{
	struct migrating *m = h->data;

	m->running = false;
	if (m->stopping)
		mem_release(m);
}

static void migrate_exited(uv_process_t *process, int64_t status, int signal)
{
	struct migrating *m = process->data;
	struct app *app = m->app;

	uv_close((uv_handle_t *)process, process_closed);
	if (m->stopping)
		return;
	if (status == 0 && signal == 0) {
		m->done(app);
	} else if (status == MIGRATE_UNREACHABLE || signal != 0) {
		timer_start(&app->loop, &m->again, AGAIN_MS, migrate_again);
	} else {
		LOG_ERROR(&app->log, "migrate.refused", KV_INT("status", status));
		app->exit_code = 1;
		loop_break(&app->loop);
	}
}

/* The URL travels in the environment: an argument could be read by anybody on the machine. */
static void migrate_spawn(struct migrating *m)
{
	const struct config *config = m->app->config;
	char program[] = "/proc/self/exe", command[] = "migrate", quiet[] = "--quiet";
	char *args[] = { program, command, quiet, NULL };
	struct buf url;
	char *environment[2] = { NULL, NULL };
	uv_stdio_container_t stdio[3] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = 2 },
	};
	uv_process_options_t options = { 0 };

	buf_init(&url, 8192);
	buf_cstr(&url, "DATABASE_URL=");
	buf_str(&url, config->database_url);
	buf_byte(&url, '\0');
	environment[0] = url.p;
	options.exit_cb = migrate_exited;
	options.file = program;
	options.args = args;
	options.env = environment;
	options.stdio_count = 3;
	options.stdio = stdio;
	m->process.data = m;
	m->running = uv_spawn(&m->app->loop.uv, &m->process, &options) == 0;
	if (!m->running) {
		uv_close((uv_handle_t *)&m->process, process_closed);
		timer_start(&m->app->loop, &m->again, AGAIN_MS, migrate_again);
	}
	buf_clear(&url);
}

void migrate_start(struct app *app, void (*done)(struct app *app))
{
	struct migrating *m = mem_new(struct migrating);

	m->app = app;
	m->done = done;
	app->migrating = m;
	migrate_spawn(m);
}

void migrate_stop(struct app *app)
{
	struct migrating *m = app->migrating;

	app->migrating = NULL;
	if (!m)
		return;
	m->stopping = true;
	timer_stop(&app->loop, &m->again);
	if (m->running)
		uv_process_kill(&m->process, SIGTERM);
	else
		mem_release(m);
}
