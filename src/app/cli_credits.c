/*
 * cli_credits - give credits, take them, look at them.
 */
#include <stdio.h>

#include "app/cli.h"

enum { AMOUNT_MOST = 1000 * 1000 * 1000, ENTRIES_MOST = 10000, JSON_MAX = 8 << 20 };

int command_credits_add(struct cli *cli)
{
	struct str name = cli->args[0], reason = cli_option(cli, "reason");
	struct str params[] = { name, cli->args[1], reason.n ? reason : STR("command line") };
	struct pg_call call;
	int64_t amount, balance;
	bool found, ok;

	if (!cli_number(cli, cli->args[1], "N", -AMOUNT_MOST, AMOUNT_MOST, &amount))
		return CLI_USAGE;
	if (amount == 0)
		return cli_misuse(cli, "0 credits change nothing");
	if (reason.n > 500 || !str_is_utf8(reason))
		return cli_misuse(cli, "--reason is a text of at most 500 bytes");
	if (!cli_query(cli, STMT_CREDITS_ADD, params, COUNT_OF(params), &call))
		return CLI_FAILED;
	found = pg_rows(&call) == 1;
	balance = pg_int(&call, 0, 0);
	ok = found && str_is(pg_text(&call, 0, 1), "ok");
	pg_call_clear(&call);
	if (!found)
		return cli_fail("there is no user %.*s; `imago user list` names them", STRF(name));
	if (!ok)
		return cli_fail("%.*s has %lld credits: the balance would leave its range", STRF(name),
		                (long long)balance);
	printf("%.*s has %lld credits\n", STRF(name), (long long)balance);
	return CLI_OK;
}

static const struct cli_column entry_columns[] = {
	{ "id", NULL, CELL_NUMBER },           { "kind", "kind", CELL_TEXT },  { "amount", "amount", CELL_NUMBER },
	{ "balance", "balance", CELL_NUMBER }, { "job_id", "job", CELL_TEXT }, { "created_at", "when", CELL_TIME },
	{ "reason", "reason", CELL_TEXT },
};

static void show_json(const struct pg_call *user, const struct pg_call *entries)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, JSON_MAX);
	w = json_writer(&b);
	jw_object(&w);
	jw_kv_str(&w, "name", pg_text(user, 0, 1));
	jw_kv_int(&w, "credits", pg_int(user, 0, 3));
	jw_kv_int(&w, "held", pg_int(user, 0, 4));
	jw_key(&w, "ledger");
	cli_rows_json(&w, entries, entry_columns, COUNT_OF(entry_columns));
	jw_end_object(&w);
	cli_print_json(&b);
}

int command_credits_show(struct cli *cli)
{
	struct str limit = cli_option(cli, "limit");
	struct pg_call user, entries;
	struct str params[3];
	int64_t number;

	if (limit.p && !cli_number(cli, limit, "--limit", 1, ENTRIES_MOST, &number))
		return CLI_USAGE;
	if (!cli_user(cli, cli->args[0], &user))
		return CLI_FAILED;
	params[0] = pg_text(&user, 0, 0);
	params[1] = (struct str){ NULL, 0 };
	params[2] = limit.p ? limit : STR("20");
	if (!cli_query(cli, STMT_LEDGER_PAGE, params, COUNT_OF(params), &entries)) {
		pg_call_clear(&user);
		return CLI_FAILED;
	}
	if (cli->json) {
		show_json(&user, &entries);
	} else {
		printf("%.*s has %lld credits, and %lld held for running jobs\n\n", STRF(pg_text(&user, 0, 1)),
		       (long long)pg_int(&user, 0, 3), (long long)pg_int(&user, 0, 4));
		cli_table(&entries, entry_columns, COUNT_OF(entry_columns), "nothing happened to them yet");
	}
	pg_call_clear(&entries);
	pg_call_clear(&user);
	return CLI_OK;
}
