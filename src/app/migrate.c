/*
 * migrate - look; when something is missing: lock, look again, apply one by one.
 *
 * The first look needs no lock and no right to create anything: that is how all starts but the first
 * go. Waiting for the lock is bounded, as is each statement's wait for a table's lock: a migration that
 * stands in line holds up everybody behind it.
 */
#include "app/migrate.h"

#include <stdio.h>

#include "app/cli.h"

enum { SHORT_CHECKSUM = 12 };

struct migrator {
	struct pg_sync *db;
	struct arena *arena;
	struct str why; /* of what went wrong */
	bool is_gone;   /* it was not the statement's fault: it may work later */
};

/* Shutting down, out of something, or no word at all. */
static bool is_passing(const char *sqlstate)
{
	struct str s = str_from(sqlstate);

	return s.n == 0 || str_starts(s, STR("08")) || str_starts(s, STR("53")) || str_starts(s, STR("57")) ||
	       str_is(s, "55P03") || str_is(s, "40001") || str_is(s, "40P01");
}

static bool execute(struct migrator *m, const char *sql, const struct str *params, unsigned count, struct pg_call *out)
{
	struct pg_call own = { 0 }, *answer = out ? out : &own;
	struct str words;
	bool ok = pg_sync_exec(m->db, sql, params, count, answer, &words);

	if (!ok) {
		m->why = arena_copy(m->arena, words);
		m->is_gone = is_passing(answer->sqlstate);
	}
	pg_call_clear(&own);
	return ok;
}

static enum migrate_state failed(const struct migrator *m)
{
	return m->is_gone ? MIGRATE_NO_ANSWER : MIGRATE_REFUSED;
}

/* One row of schema_migrations against the file of that number. */
static bool row_agrees(struct migrator *m, const struct pg_call *rows, unsigned row)
{
	int64_t version = pg_int(rows, row, 0);
	struct str checksum = pg_text(rows, row, 1);
	const struct migration *known;

	if (version > migration_count) {
		m->why = arena_printf(m->arena,
		                      "the database is at version %lld, this program knows %u: use a newer imago",
		                      (long long)pg_int(rows, pg_rows(rows) - 1, 0), migration_count);
		return false;
	}
	if (version != (int64_t)row + 1) {
		m->why = arena_printf(m->arena, "the database lacks migration %u but has %lld", row + 1,
		                      (long long)version);
		return false;
	}
	known = &migrations[version - 1];
	if (str_is(checksum, known->checksum))
		return true;
	m->why = arena_printf(m->arena, "migration %s was applied from another file: checksum %.*s, here %.*s",
	                      known->name, STRF(str_sub(checksum, 0, SHORT_CHECKSUM)), SHORT_CHECKSUM, known->checksum);
	return false;
}

static enum migrate_state look(struct migrator *m, int *applied)
{
	struct pg_call rows = { 0 };
	bool is_new = true, agrees = true;

	*applied = 0;
	if (execute(m, "select to_regclass('schema_migrations') is null", NULL, 0, &rows))
		is_new = pg_bool(&rows, 0, 0);
	else
		agrees = false;
	if (!is_new && !execute(m, "select version, checksum from schema_migrations order by version", NULL, 0, &rows))
		agrees = false;
	if (!agrees) {
		pg_call_clear(&rows);
		return failed(m);
	}
	for (unsigned row = 0; agrees && !is_new && row < pg_rows(&rows); row++) {
		agrees = row_agrees(m, &rows, row);
		*applied = (int)pg_int(&rows, row, 0);
	}
	pg_call_clear(&rows);
	if (!agrees)
		return MIGRATE_REFUSED;
	if (*applied == (int)migration_count)
		return MIGRATE_CURRENT;
	m->why = arena_printf(m->arena, "the database is at version %d of %u: run `imago migrate`", *applied,
	                      migration_count);
	return MIGRATE_BEHIND;
}

enum migrate_state migrate_look(struct pg_sync *db, int *applied, struct arena *a, struct str *why)
{
	struct migrator m = { .db = db, .arena = a };
	enum migrate_state state = look(&m, applied);

	*why = m.why;
	return state;
}

static bool apply(struct migrator *m, const struct migration *step)
{
	struct str params[] = { arena_printf(m->arena, "%d", step->version), str_from(step->name),
		                str_from(step->checksum) };
	struct str ignored;

	if (execute(m, "begin", NULL, 0, NULL) && execute(m, step->text, NULL, 0, NULL) &&
	    execute(m, "insert into schema_migrations (version, name, checksum) values ($1::int, $2::text, $3::text)",
	            params, 3, NULL) &&
	    execute(m, "commit", NULL, 0, NULL))
		return true;
	m->why = arena_printf(m->arena, "migration %s: %.*s", step->name, STRF(m->why));
	if (!pg_sync_exec(m->db, "rollback", NULL, 0, NULL, &ignored))
		m->is_gone = true;
	return false;
}

static enum migrate_state apply_missing(struct migrator *m, bool quiet, unsigned *count)
{
	int applied;
	enum migrate_state state = look(m, &applied);

	if (state != MIGRATE_BEHIND)
		return state;
	if (!execute(m,
	             "create table if not exists schema_migrations (version int primary key, name text not null, "
	             "checksum text not null, applied_at timestamptz not null default now())",
	             NULL, 0, NULL))
		return failed(m);
	for (const struct migration *step = &migrations[applied]; step->name; step++) {
		if (!apply(m, step))
			return failed(m);
		*count += 1;
		if (!quiet)
			fprintf(stderr, "applied %s\n", step->name);
	}
	return MIGRATE_CURRENT;
}

/* The lock ends with the connection. */
static enum migrate_state lock_and_apply(struct migrator *m, bool quiet, unsigned *count)
{
	struct pg_call answer = { 0 };
	bool locked = execute(m, "set lock_timeout = '60s'; set client_min_messages = warning", NULL, 0, NULL) &&
	              execute(m, "select pg_advisory_lock(hashtextextended('imago migrate', 0))", NULL, 0, &answer);

	pg_call_clear(&answer);
	return locked ? apply_missing(m, quiet, count) : failed(m);
}

enum migrate_state migrate_run(const char *url, bool quiet, unsigned *count, struct arena *a, struct str *why)
{
	struct migrator m = { .arena = a };
	enum migrate_state state;
	struct str words;
	int applied;

	*count = 0;
	m.db = pg_sync_open(url, &words);
	if (!m.db) {
		*why = arena_copy(a, words);
		return MIGRATE_NO_ANSWER;
	}
	state = look(&m, &applied);
	if (state == MIGRATE_BEHIND)
		state = lock_and_apply(&m, quiet, count);
	pg_sync_close(&m.db);
	*why = m.why;
	return state;
}

int command_migrate(struct cli *cli)
{
	struct str url = cli->config->database_url, why = { NULL, 0 };
	bool quiet = cli_has(cli, "quiet");
	unsigned count;

	if (url.n == 0)
		return cli_fail("DATABASE_URL is not set: postgresql://user:password@host:port/database");
	switch (migrate_run(url.p, quiet, &count, &cli->arena, &why)) {
	case MIGRATE_CURRENT:
		if (!quiet)
			printf("the database is at version %u\n", migration_count);
		return CLI_OK;
	case MIGRATE_NO_ANSWER:
		if (!quiet)
			cli_fail("%.*s", STRF(why));
		return MIGRATE_UNREACHABLE;
	case MIGRATE_BEHIND:
	case MIGRATE_REFUSED: break;
	}
	return cli_fail("%.*s", STRF(why));
}
