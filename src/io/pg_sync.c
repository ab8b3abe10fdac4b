/*
 * pg_sync - libpq as it comes, blocking: for the command line and for migrations.
 *
 * Error texts are kept in the handle. Only pg_sync_open has none to keep them in when it
 * fails: those words live in one static line, until the next open.
 */
#include "base/mem.h"
#include "io/pg_priv.h"

struct pg_sync {
	PGconn *pq;
	char why[PG_WHY * 4];
};

static char open_why[PG_WHY];

struct pg_sync *pg_sync_open(const char *url, struct str *why)
{
	struct pg_url u;
	struct pg_keywords k;
	struct pg_sync *s;
	PGconn *pq;

	if (!pg_url_parse(&u, url)) {
		pg_url_clear(&u);
		*why = STR("DATABASE_URL is not a Postgres URL");
		return NULL;
	}
	pg_keywords_build(&k, &u, NULL);
	pg_keywords_set(&k, "connect_timeout", "5");
	pq = PQconnectdbParams(k.names, k.values, 0);
	pg_url_clear(&u);
	if (PQstatus(pq) != CONNECTION_OK) {
		pg_why_set(open_why, PQerrorMessage(pq));
		PQfinish(pq);
		*why = str_from(open_why);
		return NULL;
	}
	PQsetNoticeReceiver(pq, pg_ignore_notice, NULL);
	s = mem_new(struct pg_sync);
	s->pq = pq;
	return s;
}

void pg_sync_close(struct pg_sync **s_at)
{
	struct pg_sync *s = *s_at;

	if (!s)
		return;
	*s_at = NULL;
	PQfinish(s->pq);
	mem_release(s);
}

static PGresult *run(struct pg_sync *s, const char *sql, const struct str *params, unsigned count)
{
	char *copies[PG_PARAMS_MAX];
	const char *values[PG_PARAMS_MAX];
	PGresult *r;

	CHECK(count <= PG_PARAMS_MAX);
	if (count == 0)
		return PQexec(s->pq, sql);
	for (unsigned i = 0; i < count; i++) {
		copies[i] = mem_alloc(params[i].n + 1);
		if (params[i].n)
			memcpy(copies[i], params[i].p, params[i].n);
		values[i] = params[i].p ? copies[i] : NULL;
	}
	r = PQexecParams(s->pq, sql, (int)count, NULL, values, NULL, NULL, 0);
	for (unsigned i = 0; i < count; i++)
		mem_release(copies[i]);
	return r;
}

bool pg_sync_exec(struct pg_sync *s, const char *sql, const struct str *params, unsigned count, struct pg_call *out,
                  struct str *why)
{
	PGresult *r = run(s, sql, params, count);
	ExecStatusType status = PQresultStatus(r);
	bool ok = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	if (out) {
		pg_call_clear(out);
		memcpy(out->sqlstate, ok || !state ? "" : state, ok || !state ? 1 : 6);
		out->result = (struct pg_result *)r;
	}
	if (!ok) {
		struct str words = str_trim(str_from(PQerrorMessage(s->pq)));

		if (!str_to_cstr(str_sub(words, 0, sizeof s->why - 1), s->why, sizeof s->why))
			s->why[0] = '\0';
		*why = str_from(s->why);
	}
	if (!out)
		PQclear(r);
	return ok;
}
