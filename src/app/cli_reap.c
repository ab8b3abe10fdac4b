/*
 * cli_reap - end jobs that are stuck, whoever has them, and give their credits back.
 *
 * The server's own sweeper ends what passes its deadline. This is for what nobody sweeps: no server
 * runs, or a row is older than anything should be. A server that still works on such a job finds it
 * closed and lets go.
 */
#include <stdio.h>

#include "app/cli.h"

enum { AT_ONCE = 500, MINUTES_MOST = 1000 * 1000 };

static const struct cli_column columns[] = {
	{ "user_id", NULL, CELL_TEXT },
	{ "job_id", "job", CELL_TEXT },
	{ "user", "user", CELL_TEXT },
	{ "status", "status", CELL_TEXT },
	{ "generation_type", "type", CELL_TEXT },
	{ "age_seconds", "age, s", CELL_NUMBER },
	{ "owner", NULL, CELL_TEXT },
	{ "owner_alive", "server runs", CELL_BOOL },
};

struct reaped {
	int64_t jobs, credits, already;
};

static bool reap_one(struct cli *cli, const struct pg_call *rows, unsigned row, struct reaped *sum)
{
	struct str params[] = { pg_text(rows, row, 0), pg_text(rows, row, 1), STR("reaped"),
		                STR("the job was stuck and was ended by hand; its credits are back") };
	struct pg_call call;

	if (!cli_query(cli, STMT_REAP_ONE, params, COUNT_OF(params), &call))
		return false;
	if (pg_rows(&call) == 1 && str_is(pg_text(&call, 0, 1), "ok")) {
		sum->jobs++;
		sum->credits += pg_int(&call, 0, 3);
		if (!cli->json)
			printf("ended %.*s of %.*s, %lld credits returned\n", STRF(params[1]),
			       STRF(pg_text(rows, row, 2)), (long long)pg_int(&call, 0, 3));
	} else {
		sum->already++;
	}
	pg_call_clear(&call);
	return true;
}

static int answer(struct cli *cli, const struct reaped *sum)
{
	struct json_writer w;
	struct buf b;

	if (!cli->json) {
		printf("%lld jobs ended, %lld credits returned\n", (long long)sum->jobs, (long long)sum->credits);
		return CLI_OK;
	}
	buf_init(&b, 4096);
	w = json_writer(&b);
	jw_object(&w);
	jw_kv_int(&w, "ended", sum->jobs);
	jw_kv_int(&w, "credits_returned", sum->credits);
	jw_end_object(&w);
	cli_print_json(&b);
	return CLI_OK;
}

static bool list(struct cli *cli, struct str minutes, struct pg_call *rows)
{
	struct str params[] = { minutes, STR("500") };

	return cli_query(cli, STMT_REAP_LIST, params, COUNT_OF(params), rows);
}

int command_reap(struct cli *cli)
{
	struct str minutes = cli_option(cli, "minutes");
	struct reaped sum = { 0 };
	struct pg_call rows;
	unsigned count;
	int64_t number;

	if (minutes.p && !cli_number(cli, minutes, "--minutes", 0, MINUTES_MOST, &number))
		return CLI_USAGE;
	if (!minutes.p)
		minutes = STR("30");
	if (cli_has(cli, "dry-run"))
		return list(cli, minutes, &rows)
		               ? cli_answer(cli, &rows, "stuck", columns, COUNT_OF(columns), "no job is stuck")
		               : CLI_FAILED;
	do {
		int64_t ended_before = sum.jobs;

		if (!list(cli, minutes, &rows))
			return CLI_FAILED;
		count = pg_rows(&rows);
		for (unsigned row = 0; row < count; row++) {
			if (!reap_one(cli, &rows, row, &sum)) {
				pg_call_clear(&rows);
				return CLI_FAILED;
			}
		}
		pg_call_clear(&rows);
		if (sum.jobs == ended_before)
			break;
	} while (count == AT_ONCE);
	return answer(cli, &sum);
}
