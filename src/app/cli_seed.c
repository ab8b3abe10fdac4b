/*
 * cli_seed - five pictures for an empty gallery, to see that the whole way works.
 *
 * They go the way every job goes: credits held, a row that belongs to nobody yet, and a running
 * server takes it over within a second. So it is asked first whether one runs: held credits without
 * anybody to work for them is the fault that this gateway was made to end.
 */
#include <poll.h>
#include <stdio.h>

#include "app/app.h"
#include "app/cli.h"
#include "base/mem.h"
#include "core/accounts.h"
#include "core/record.h"
#include "providers/catalog.h"

enum { PICTURES = 5, LOOK_MS = 400, PATIENCE_S = 330, ARRAY_BYTES = 4096 };

static const struct {
	const char *prompt, *ratio;
	unsigned width, height;
} pictures[PICTURES] = {
	{ "Красивый закат над горами", "1:1", 1024, 1024 },
	{ "Кот играет с мячом", "3:4", 768, 1024 },
	{ "Космический пейзаж", "16:9", 1792, 1024 },
	{ "Цветущий сад весной", "1:1", 1024, 1024 },
	{ "Старинный замок", "3:4", 768, 1024 },
};

struct seeding {
	struct cli *cli;
	const struct catalog_row *row;
	struct account *account;
	struct str user_id;
	struct uid jobs[PICTURES];
	char seen[PICTURES][16]; /* status that was printed last */
	unsigned open, failed;
};

/* ---- who would do it ---- */

static bool server_runs(struct cli *cli)
{
	struct pg_call call;
	bool runs;

	if (!cli_query(cli, STMT_INSTANCES_LIVE, NULL, 0, &call))
		return false;
	runs = pg_int(&call, 0, 0) > 0;
	pg_call_clear(&call);
	if (!runs)
		cli_fail(
			"no server runs on this database, so nobody would draw the pictures: start `imago serve` (nothing was charged)");
	return runs;
}

/* The user; local is made here when no server has done so yet. */
static bool find_user(struct seeding *s, struct str name)
{
	struct cli *cli = s->cli;
	struct uid id = uid_new("usr_");
	struct str params[] = { str_from(id.text),
		                arena_printf(&cli->arena, "%lld", (long long)cli->config->local_credits) };
	struct pg_call call;
	bool ok = str_is(name, "local") ? cli_query(cli, STMT_USER_ENSURE_LOCAL, params, 2, &call)
	                                : cli_user(cli, name, &call);

	if (!ok)
		return false;
	s->user_id = arena_copy(&cli->arena, pg_text(&call, 0, 0));
	pg_call_clear(&call);
	return true;
}

/* ---- the rows ---- */

static struct str array_of_text(struct cli *cli, struct str value)
{
	struct buf b;
	struct str out;

	buf_init(&b, ARRAY_BYTES);
	pg_array_start(&b);
	pg_array_str(&b, value);
	pg_array_end(&b);
	out = arena_copy(&cli->arena, buf_view(&b));
	buf_clear(&b);
	return out;
}

static struct str array_of_int(struct cli *cli, int64_t value)
{
	return arena_printf(&cli->arena, "{%lld}", (long long)value);
}

static struct str params_of(struct cli *cli, unsigned i)
{
	struct job_params p = {
		.width = pictures[i].width,
		.height = pictures[i].height,
		.size = arena_printf(&cli->arena, "%ux%u", pictures[i].width, pictures[i].height),
		.aspect_ratio = str_from(pictures[i].ratio),
		.format = IMAGO_PNG,
		.style = STR("photorealistic"),
		.quality = STR("high"),
	};
	struct buf b;
	struct str out;

	buf_init(&b, ARRAY_BYTES);
	job_params_write(&p, &b);
	out = arena_copy(&cli->arena, buf_view(&b));
	buf_clear(&b);
	return out;
}

/* Columns of accept.sql; without an owner it looks at no lease. */
static bool accept_one(struct seeding *s, unsigned i)
{
	struct cli *cli = s->cli;
	const struct catalog_row *row = s->row;
	int64_t price = catalog_price(row, 1),
		cost = catalog_cost_micros(row, 1, pictures[i].width, pictures[i].height);
	struct str none = { NULL, 0 };
	struct str params[] = {
		array_of_text(cli, str_from(s->jobs[i].text)),
		array_of_text(cli, s->user_id),
		array_of_int(cli, price),
		array_of_text(cli, STR("text_to_image")),
		array_of_text(cli, str_from(pictures[i].prompt)),
		array_of_text(cli, params_of(cli, i)),
		array_of_text(cli, row->name),
		array_of_text(cli, row->upstream),
		array_of_text(cli, s->account->at.id),
		array_of_text(cli, str_from(generation_type_name(row->generation_type))),
		array_of_int(cli, 1),
		array_of_int(cli, 1),
		array_of_int(cli, 1),
		array_of_int(cli, row->deadline_s),
		array_of_text(cli, STR("ADMIT")),
		array_of_int(cli, cost),
		none,
		none,
	};
	struct pg_call call;
	struct str outcome;
	bool ok;

	if (!cli_query(cli, STMT_ACCEPT_WAITING, params, COUNT_OF(params), &call))
		return false;
	outcome = pg_text(&call, 0, 1);
	ok = str_is(outcome, "ok");
	if (str_is(outcome, "poor"))
		cli_fail("the next picture takes %lld credits, there are %lld: `imago credits add` gives more",
		         (long long)price, (long long)pg_int(&call, 0, 2));
	else if (!ok)
		cli_fail("the job was not accepted: %.*s", STRF(outcome));
	pg_call_clear(&call);
	return ok;
}

/* ---- waiting ---- */

static void look_at(struct seeding *s, unsigned i)
{
	struct str params[] = { s->user_id, str_from(s->jobs[i].text) }, status;
	struct pg_call call;

	if (!cli_query(s->cli, STMT_JOB_GET, params, 2, &call))
		return;
	status = pg_text(&call, 0, 1);
	if (str_is(status, s->seen[i])) {
		pg_call_clear(&call);
		return;
	}
	if (!str_to_cstr(status, s->seen[i], sizeof s->seen[i]))
		s->seen[i][0] = '\0';
	printf("%-13s %s (%s)", s->seen[i], pictures[i].prompt, pictures[i].ratio);
	if (pg_text(&call, 0, 15).n)
		printf("  %.*s: %.*s", STRF(pg_text(&call, 0, 15)), STRF(pg_text(&call, 0, 16)));
	putchar('\n');
	fflush(stdout);
	if (!pg_is_null(&call, 0, 20))
		s->open--;
	if (!pg_is_null(&call, 0, 20) && !str_is(status, "COMPLETED"))
		s->failed++;
	pg_call_clear(&call);
}

static bool has_ended(const struct seeding *s, unsigned i)
{
	struct str seen = str_from(s->seen[i]);

	return str_is(seen, "COMPLETED") || str_is(seen, "FAILED") || str_is(seen, "CANCELLED");
}

static int wait_for_all(struct seeding *s)
{
	for (unsigned waited = 0; s->open > 0 && waited < PATIENCE_S * 1000; waited += LOOK_MS) {
		for (unsigned i = 0; i < PICTURES; i++)
			if (s->jobs[i].text[0] && !has_ended(s, i))
				look_at(s, i);
		if (s->open > 0)
			poll(NULL, 0, LOOK_MS);
	}
	if (s->open > 0)
		return cli_fail("%u pictures are not finished yet; `imago jobs list` shows them", s->open);
	return s->failed ? cli_fail("%u of the pictures failed; their credits are back", s->failed) : CLI_OK;
}

/* ---- the command ---- */

static int seed(struct seeding *s)
{
	bool complete = true;

	for (unsigned i = 0; i < PICTURES && complete; i++) {
		s->jobs[i] = uid_new("img_");
		complete = accept_one(s, i);
		if (!complete) {
			s->jobs[i].text[0] = '\0';
			break;
		}
		s->open++;
		printf("accepted      %s (%s) as %s\n", pictures[i].prompt, pictures[i].ratio, s->jobs[i].text);
	}
	if (cli_has(s->cli, "no-wait") || s->open == 0)
		return complete ? CLI_OK : CLI_FAILED;
	return wait_for_all(s) == CLI_OK && complete ? CLI_OK : CLI_FAILED;
}

/* The default model of the first provider, as for a request that names none. */
static bool choose_model(struct seeding *s, struct app *app)
{
	struct str why, nearest, none = { NULL, 0 };

	log_configure(LOG_LEVEL_ERROR, false);
	app->catalog = catalog_load(s->cli->config, &s->cli->arena, &why);
	if (!app->catalog || !providers_configure(app, s->cli->config, &why)) {
		cli_fail("%.*s", STRF(why));
		return false;
	}
	if (accounts_route(&app->accounts, app->catalog, none, &s->account, &s->row, &nearest) == FAULT_NONE)
		return true;
	cli_fail(
		"no provider is configured here: set FAL_KEY, or IMAGO_DEMO=on, as the server has it; `imago doctor` tells more");
	return false;
}

int command_seed_gallery(struct cli *cli)
{
	struct app *app = mem_new(struct app);
	struct seeding s = { .cli = cli };
	struct str user = cli_option(cli, "user");
	int code = CLI_FAILED;

	accounts_init(&app->accounts, &app->loop);
	if (choose_model(&s, app) && server_runs(cli) && find_user(&s, user.p ? user : STR("local")))
		code = seed(&s);
	accounts_clear(&app->accounts);
	catalog_free(&app->catalog);
	mem_release(app);
	return code;
}
