/*
 * cli_users - users and their keys.
 *
 * A key is printed once, alone on standard output, so that it can go straight into a variable or a file;
 * the database keeps its hash.
 */
#include <stdio.h>

#include "app/cli.h"
#include "base/hash.h"
#include "base/secret.h"
#include "base/uid.h"

enum { CREDITS_MOST = 1000 * 1000 * 1000 };

struct new_key {
	struct uid id;
	char text[API_KEY_SIZE], hash[SHA256_HEX], room[16];
	struct str hint;
};

static void key_make(struct new_key *k)
{
	uint8_t hash[SHA256_BYTES];

	k->id = uid_new("key_");
	api_key_new(k->text);
	sha256_of(str_from(k->text), hash);
	hex_encode(hash, sizeof hash, k->hash);
	k->hint = secret_hint((struct imago_secret){ str_from(k->text) }, k->room);
}

/* Rows of key_create.sql; *missing when there is no such user. */
static bool key_store(struct cli *cli, const struct new_key *k, struct str user, bool *missing)
{
	struct str params[] = { str_from(k->id.text), user, { k->hash, SHA256_HEX }, k->hint };
	struct pg_call call;

	if (!cli_query(cli, STMT_KEY_CREATE, params, COUNT_OF(params), &call))
		return false;
	*missing = pg_rows(&call) == 0;
	pg_call_clear(&call);
	return true;
}

static bool user_store(struct cli *cli, struct str name, struct str role, struct str credits)
{
	struct uid id = uid_new("usr_");
	struct str params[] = { str_from(id.text), name, role, credits }, why;
	struct pg_call call = { 0 };
	bool ok = pg_sync_exec(cli->db, stmt_texts[STMT_USER_CREATE].text, params, COUNT_OF(params), &call, &why);

	if (!ok && !strcmp(call.sqlstate, "23505"))
		cli_fail("there is a user %.*s already", STRF(name));
	else if (!ok)
		cli_fail("%.*s", STRF(why));
	pg_call_clear(&call);
	return ok;
}

/* What ends up in lists and logs: no control bytes, no blanks at the ends. */
static bool name_is_fit(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < ' ' || name.p[i] == 0x7f)
			return false;
	return name.n > 0 && str_is_utf8(name) && str_code_points(name) <= 64 && str_trim(name).n == name.n;
}

int command_user_create(struct cli *cli)
{
	struct str name = cli->args[0], role = cli_option(cli, "role"), credits = cli_option(cli, "credits");
	struct new_key key;
	int64_t number;
	bool missing;

	if (!name_is_fit(name))
		return cli_misuse(cli,
		                  "a name has 1 to 64 characters, without control characters or blanks at its ends");
	if (role.p && !str_is(role, "user") && !str_is(role, "admin"))
		return cli_misuse(cli, "a role is user or admin");
	if (credits.p && !cli_number(cli, credits, "--credits", 0, CREDITS_MOST, &number))
		return CLI_USAGE;
	key_make(&key);
	if (!cli_execute(cli, "begin") ||
	    !user_store(cli, name, role.p ? role : STR("user"), credits.p ? credits : STR("0")) ||
	    !key_store(cli, &key, name, &missing) || !cli_execute(cli, "commit"))
		return CLI_FAILED;
	puts(key.text);
	return CLI_OK;
}

int command_key_create(struct cli *cli)
{
	struct new_key key;
	bool missing;

	key_make(&key);
	if (!key_store(cli, &key, cli->args[0], &missing))
		return CLI_FAILED;
	if (missing)
		return cli_fail("there is no user %.*s; `imago user list` names them", STRF(cli->args[0]));
	fprintf(stderr, "key %s of %.*s\n", key.id.text, STRF(cli->args[0]));
	puts(key.text);
	return CLI_OK;
}

int command_key_revoke(struct cli *cli)
{
	struct pg_call call;
	bool found;

	if (api_key_is_well_formed(cli->args[0]))
		return cli_misuse(cli, "that is a key; what is asked for is its id, see `imago key list`");
	if (!cli_query(cli, STMT_KEY_REVOKE, cli->args, 1, &call))
		return CLI_FAILED;
	found = pg_rows(&call) == 1;
	pg_call_clear(&call);
	if (!found)
		return cli_fail("there is no key %.*s, or it is revoked already", STRF(cli->args[0]));
	printf("revoked %.*s; servers notice within ten seconds\n", STRF(cli->args[0]));
	return CLI_OK;
}

int command_user_list(struct cli *cli)
{
	static const struct cli_column columns[] = {
		{ "id", NULL, CELL_TEXT },
		{ "name", "name", CELL_TEXT },
		{ "role", "role", CELL_TEXT },
		{ "credits", "credits", CELL_NUMBER },
		{ "held", "held", CELL_NUMBER },
		{ "keys", "keys", CELL_NUMBER },
		{ "jobs_running", "running", CELL_NUMBER },
		{ "created_at", "created", CELL_TIME },
		{ "disabled_at", "disabled", CELL_TIME },
	};
	struct pg_call rows;

	if (!cli_query(cli, STMT_USERS_LIST, NULL, 0, &rows))
		return CLI_FAILED;
	return cli_answer(cli, &rows, "users", columns, COUNT_OF(columns),
	                  "there are no users; `imago user create NAME` makes one");
}

int command_key_list(struct cli *cli)
{
	static const struct cli_column columns[] = {
		{ "id", "id", CELL_TEXT },
		{ "hint", "ends in", CELL_TEXT },
		{ "created_at", "created", CELL_TIME },
		{ "revoked_at", "revoked", CELL_TIME },
	};
	struct pg_call rows;

	if (!cli_user(cli, cli->args[0], &rows))
		return CLI_FAILED;
	pg_call_clear(&rows);
	if (!cli_query(cli, STMT_KEYS_LIST, cli->args, 1, &rows))
		return CLI_FAILED;
	return cli_answer(cli, &rows, "keys", columns, COUNT_OF(columns), "no keys; `imago key create NAME` makes one");
}
