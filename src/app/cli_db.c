/*
 * cli_db - the command line's one connection to Postgres, and what to do when it says no.
 */
#include <stdio.h>

#include "app/cli.h"

struct pg_sync *cli_open(struct cli *cli)
{
	struct str url = cli->config->database_url, why;

	/* A wrong setting of the server is no reason not to list users; a wrong DATABASE_URL shows below. */
	if (cli->config->file.n || url.n == 0)
		for (unsigned i = 0; i < cli->config->problem_count; i++)
			if (cli->config->problems[i].is_error)
				cli_fail("%.*s", STRF(cli->config->problems[i].text));
	if (url.n == 0) {
		cli_fail("DATABASE_URL is not set: postgresql://user:password@host:port/database");
		return NULL;
	}
	cli->db = pg_sync_open(url.p, &why);
	if (!cli->db)
		cli_fail("%.*s", STRF(why));
	return cli->db;
}

static bool is_missing_object(const char *sqlstate)
{
	struct str s = str_from(sqlstate);

	return str_is(s, "42P01") || str_is(s, "42703") || str_is(s, "42883");
}

bool cli_query(struct cli *cli, enum stmt_id stmt, const struct str *params, unsigned count, struct pg_call *out)
{
	struct str why;

	*out = (struct pg_call){ 0 };
	if (pg_sync_exec(cli->db, stmt_texts[stmt].text, params, count, out, &why))
		return true;
	if (is_missing_object(out->sqlstate))
		cli_fail("the database's tables are missing or old: run `imago migrate` (%.*s)", STRF(why));
	else
		cli_fail("%.*s", STRF(why));
	pg_call_clear(out);
	return false;
}

bool cli_execute(struct cli *cli, const char *sql)
{
	struct str why;

	if (pg_sync_exec(cli->db, sql, NULL, 0, NULL, &why))
		return true;
	cli_fail("%.*s", STRF(why));
	return false;
}

bool cli_user(struct cli *cli, struct str name, struct pg_call *out)
{
	if (!cli_query(cli, STMT_USER_BY_NAME, &name, 1, out))
		return false;
	if (pg_rows(out) == 1)
		return true;
	pg_call_clear(out);
	cli_fail("there is no user %.*s; `imago user list` names them", STRF(name));
	return false;
}
