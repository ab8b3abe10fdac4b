/*
 * doctor_stores - Postgres: reached, version, rights, tables, statements, clock, stuck jobs; Redis: reached.
 */
#include <stdlib.h>

#include "app/doctor_priv.h"
#include "app/migrate.h"
#include "base/wall.h"
#include "io/names.h"
#include "io/redis.h"

enum { OLDEST = 140000, CONNECTIONS_WANTED = 10, REDIS_MS = 3000, CLOCK_WARN_MS = 2000, CLOCK_FAIL_MS = 60000 };

/* One row that says it all. */
static const char facts[] =
	"select current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding'), "
	"current_user, has_schema_privilege(current_schema(), 'CREATE'), "
	"(extract(epoch from clock_timestamp()) * 1000000)::bigint, "
	"current_setting('max_connections')::int - (select count(*) from pg_stat_activity where backend_type = 'client backend'), "
	"pg_is_in_recovery()";
enum { VERSION_NUMBER, VERSION, ENCODING, USER, MAY_CREATE, CLOCK_US, FREE_CONNECTIONS, IS_STANDBY };

static void clock_check(struct doctor *d, int64_t there_us, int64_t before_us, int64_t after_us)
{
	int64_t apart_ms = llabs(there_us - (before_us + after_us) / 2) / 1000;
	int64_t unsure_ms = (after_us - before_us) / 2000 + 1;
	enum verdict verdict = apart_ms > CLOCK_FAIL_MS   ? VERDICT_FAIL
	                       : apart_ms > CLOCK_WARN_MS ? VERDICT_WARN
	                                                  : VERDICT_OK;

	doctor_say(d, verdict, "clock", verdict == VERDICT_OK ? NULL : "let both machines keep the time by NTP",
	           "%lld ms apart from Postgres' (give or take %lld)", (long long)apart_ms, (long long)unsure_ms);
}

static bool facts_check(struct doctor *d, struct pg_sync *db)
{
	struct pg_call call = { 0 };
	int64_t before_us = wall_us(), after_us;
	struct str why;

	if (!pg_sync_exec(db, facts, NULL, 0, &call, &why)) {
		doctor_say(d, VERDICT_FAIL, "postgres", NULL, "%.*s", STRF(why));
		pg_call_clear(&call);
		return false;
	}
	after_us = wall_us();
	doctor_say(d, pg_int(&call, 0, VERSION_NUMBER) < OLDEST ? VERDICT_FAIL : VERDICT_OK, "postgres",
	           pg_int(&call, 0, VERSION_NUMBER) < OLDEST ? "use Postgres 14 or newer" : NULL,
	           "reached as %.*s, version %.*s", STRF(pg_text(&call, 0, USER)), STRF(pg_text(&call, 0, VERSION)));
	if (!str_is(pg_text(&call, 0, ENCODING), "UTF8"))
		doctor_say(d, VERDICT_FAIL, "postgres", "make the database with encoding UTF8",
		           "the database's encoding is %.*s", STRF(pg_text(&call, 0, ENCODING)));
	if (pg_bool(&call, 0, IS_STANDBY))
		doctor_say(d, VERDICT_FAIL, "postgres",
		           "name the primary in DATABASE_URL, or add target_session_attrs=read-write",
		           "this is a standby: it takes no writes");
	if (!pg_bool(&call, 0, MAY_CREATE))
		doctor_say(d, VERDICT_WARN, "postgres",
		           "grant create on the schema, or run `imago migrate` as the owner",
		           "%.*s may not create tables, which new versions need", STRF(pg_text(&call, 0, USER)));
	if (pg_int(&call, 0, FREE_CONNECTIONS) < CONNECTIONS_WANTED)
		doctor_say(d, VERDICT_WARN, "postgres", "raise max_connections: each server takes 5",
		           "only %lld connections are left", (long long)pg_int(&call, 0, FREE_CONNECTIONS));
	clock_check(d, pg_int(&call, 0, CLOCK_US), before_us, after_us);
	pg_call_clear(&call);
	return true;
}

/* What the server does at each connect. */
static void statements_check(struct doctor *d, struct pg_sync *db)
{
	unsigned wrong = 0;
	struct str why;

	for (unsigned i = 0; i < STMT_COUNT; i++) {
		struct str text = arena_printf(d->arena, "prepare doctor_%u as %s", i, stmt_texts[i].text);

		if (pg_sync_exec(db, text.p, NULL, 0, NULL, &why))
			continue;
		if (wrong++ == 0)
			doctor_say(d, VERDICT_FAIL, "statements",
			           "the tables were changed by hand, or rights are missing", "%s: %.*s",
			           stmt_texts[i].name, STRF(why));
	}
	if (wrong == 0)
		doctor_say(d, VERDICT_OK, "statements", NULL, "all %d agree with the tables", STMT_COUNT);
}

static void jobs_check(struct doctor *d, struct pg_sync *db)
{
	struct str params[] = { STR("30"), STR("1000") }, why;
	struct pg_call call = { 0 };
	bool ok = pg_sync_exec(db, stmt_texts[STMT_REAP_LIST].text, params, 2, &call, &why);
	unsigned stuck = ok ? pg_rows(&call) : 0;
	int64_t servers;

	if (stuck)
		doctor_say(d, VERDICT_WARN, "jobs",
		           "`imago reap --dry-run` shows them, `imago reap` ends them and returns the credits",
		           "%u%s jobs are stuck for more than 30 minutes", stuck, stuck == 1000 ? " or more" : "");
	else if (ok)
		doctor_say(d, VERDICT_OK, "jobs", NULL, "none is stuck");
	ok = pg_sync_exec(db, stmt_texts[STMT_INSTANCES_LIVE].text, NULL, 0, &call, &why);
	servers = ok ? pg_int(&call, 0, 0) : 0;
	if (ok)
		doctor_say(d, VERDICT_OK, "servers", servers ? NULL : "`imago serve` starts one",
		           "%lld running on this database", (long long)servers);
	pg_call_clear(&call);
}

static void tables_check(struct doctor *d, struct pg_sync *db)
{
	int applied;
	struct str why;

	switch (migrate_look(db, &applied, d->arena, &why)) {
	case MIGRATE_CURRENT:
		doctor_say(d, VERDICT_OK, "tables", NULL, "at version %d, as this program needs them", applied);
		statements_check(d, db);
		jobs_check(d, db);
		return;
	case MIGRATE_BEHIND:
		doctor_say(d, VERDICT_WARN, "tables", "`imago migrate`; `imago serve` does it by itself",
		           "at version %d of %u", applied, migration_count);
		return;
	case MIGRATE_REFUSED:
	case MIGRATE_NO_ANSWER:
		doctor_say(d, VERDICT_FAIL, "tables", "use the imago that made them, or another database", "%.*s",
		           STRF(why));
		return;
	}
}

void doctor_postgres(struct doctor *d)
{
	struct str url = d->config->database_url, why;
	struct pg_sync *db;

	if (url.n == 0) {
		doctor_say(d, VERDICT_FAIL, "postgres", "set it: postgresql://user:password@host:port/database",
		           "DATABASE_URL is not set");
		return;
	}
	db = pg_sync_open(url.p, &why);
	if (!db) {
		doctor_say(d, VERDICT_FAIL, "postgres", "is it running, and is DATABASE_URL right?", "%.*s", STRF(why));
		return;
	}
	if (facts_check(d, db))
		tables_check(d, db);
	pg_sync_close(&db);
}

/* ---- Redis ---- */

static void redis_changed(void *user, bool up)
{
	struct doctor *d = user;

	if (up)
		loop_break(&d->app->loop);
}

static void redis_ping(struct doctor *d, struct redis *r)
{
	struct str argv[] = { STR("PING") };
	uint64_t before_ns = uv_hrtime();
	struct redis_call call;

	redis_call_init(&call, &d->app->loop, doctor_op_done);
	redis_command(r, &call, argv, 1);
	if (doctor_run(d, REDIS_MS) && call.op.fault.code == FAULT_NONE)
		doctor_say(d, VERDICT_OK, "redis", NULL, "reached, answers in %llu us",
		           (unsigned long long)(uv_hrtime() - before_ns) / 1000);
	else
		doctor_say(d, VERDICT_WARN, "redis", "the server works without it, with its own share of the limits",
		           "connected, but a PING was not answered: %.*s", STRF(call.op.fault.cause));
	op_forget(&call.op);
	redis_call_clear(&call);
}

void doctor_redis(struct doctor *d, struct names *names)
{
	struct redis_config config = {
		.url = d->config->redis_url.p, .names = names, .changed = redis_changed, .user = d
	};
	struct redis *r;
	struct str why;

	if (d->config->redis_url.n == 0) {
		doctor_say(d, VERDICT_OK, "redis", NULL, "REDIS_URL is not set; one server alone does not need it");
		return;
	}
	r = redis_new(&d->app->loop, &d->app->log, &config, &why);
	if (!r) {
		doctor_say(d, VERDICT_FAIL, "redis", "correct REDIS_URL", "%.*s", STRF(why));
		return;
	}
	if (redis_is_up(r) || doctor_run(d, REDIS_MS))
		redis_ping(d, r);
	else
		doctor_say(d, VERDICT_WARN, "redis",
		           "is it running, and is REDIS_URL right? The server works without it",
		           "not reached within %d s", REDIS_MS / 1000);
	redis_free(&r);
	doctor_settle(d);
}
