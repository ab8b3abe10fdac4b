/*
 * cli_jobs - jobs as they are in the database, and how many pictures a user has.
 */
#include <stdio.h>

#include "app/cli.h"
#include "base/wall.h"

enum { JOBS_MOST = 10000, JSON_MAX = 8 << 20 };

static const char *const statuses[] = { "PENDING",   "INITIALIZING", "GENERATING", "SAVING",
	                                "COMPLETED", "FAILED",       "CANCELLED" };

static bool is_status(struct str s)
{
	for (size_t i = 0; i < COUNT_OF(statuses); i++)
		if (str_is(s, statuses[i]))
			return true;
	return false;
}

int command_jobs_list(struct cli *cli)
{
	static const struct cli_column columns[] = {
		{ "job_id", "id", CELL_TEXT },          { "user", "user", CELL_TEXT },
		{ "status", "status", CELL_TEXT },      { "generation_type", "type", CELL_TEXT },
		{ "model", "model", CELL_TEXT },        { "provider_id", NULL, CELL_TEXT },
		{ "num_images", "n", CELL_NUMBER },     { "images_stored", NULL, CELL_NUMBER },
		{ "price", "price", CELL_NUMBER },      { "charged", "charged", CELL_NUMBER },
		{ "error_code", "error", CELL_TEXT },   { "created_at", "created", CELL_TIME },
		{ "completed_at", "ended", CELL_TIME },
	};
	struct str limit = cli_option(cli, "limit");
	struct str params[] = { cli_option(cli, "user"), cli_option(cli, "status"), limit.p ? limit : STR("50") };
	struct pg_call rows;
	int64_t number;

	if (limit.p && !cli_number(cli, limit, "--limit", 1, JOBS_MOST, &number))
		return CLI_USAGE;
	if (params[1].p && !is_status(params[1]))
		return cli_misuse(
			cli, "a status is PENDING, INITIALIZING, GENERATING, SAVING, COMPLETED, FAILED or CANCELLED");
	if (params[0].p) {
		if (!cli_user(cli, params[0], &rows))
			return CLI_FAILED;
		pg_call_clear(&rows);
	}
	if (!cli_query(cli, STMT_JOBS_LIST, params, COUNT_OF(params), &rows))
		return CLI_FAILED;
	return cli_answer(cli, &rows, "jobs", columns, COUNT_OF(columns), "no jobs");
}

/* ---- one job ---- */

/* Columns of job_get.sql. */
static const struct cli_column job_columns[] = {
	{ "job_id", "job", CELL_TEXT },
	{ "status", "status", CELL_TEXT },
	{ "operation", "operation", CELL_TEXT },
	{ "prompt", "prompt", CELL_TEXT },
	{ "params", "params", CELL_JSON },
	{ "model", "model", CELL_TEXT },
	{ "source_model", "source model", CELL_TEXT },
	{ "provider_id", "provider", CELL_TEXT },
	{ "generation_type", "type", CELL_TEXT },
	{ "num_images", "pictures asked", CELL_NUMBER },
	{ "images_stored", "pictures stored", CELL_NUMBER },
	{ "price", "credits held", CELL_NUMBER },
	{ "charged", "credits charged", CELL_NUMBER },
	{ "cost_micros", "cost, micro-USD", CELL_NUMBER },
	{ "generation_time", "seconds", CELL_DOUBLE },
	{ "error_code", "error", CELL_TEXT },
	{ "error_message", "message", CELL_TEXT },
	{ "metadata", NULL, CELL_JSON },
	{ "created_at", "created", CELL_TIME },
	{ "updated_at", "updated", CELL_TIME },
	{ "completed_at", "ended", CELL_TIME },
	{ "owner", "owner", CELL_TEXT },
	{ "cancel_requested", "cancel asked", CELL_BOOL },
	{ "images", NULL, CELL_JSON },
	{ "attempts", NULL, CELL_JSON },
};
enum { IMAGES = COUNT_OF(job_columns) - 2, ATTEMPTS };

static void print_images(const struct json *list)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *v = json_at(list, i);

		printf("picture %lld        %.*s  %lldx%lld  %lld bytes\n", (long long)json_int(json_get(v, "n"), 0),
		       STRF(json_str(json_get(v, "key"))), (long long)json_int(json_get(v, "width"), 0),
		       (long long)json_int(json_get(v, "height"), 0), (long long)json_int(json_get(v, "bytes"), 0));
	}
}

static void print_attempts(const struct json *list)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *v = json_at(list, i);
		struct str outcome = json_str(json_get(v, "outcome")), error = json_str(json_get(v, "error"));
		char when[WALL_TEXT];

		printf("part %lld, attempt %lld  %.*s  %.*s  %.*s%s%.*s\n", (long long)json_int(json_get(v, "part"), 0),
		       (long long)json_int(json_get(v, "n"), 0),
		       STRF(wall_rfc3339(json_int(json_get(v, "started_us"), 0), false, when)),
		       STRF(json_str(json_get(v, "provider_id"))), STRF(outcome.n ? outcome : STR("under way")),
		       error.n ? ": " : "", STRF(error));
	}
}

static void print_list(struct str text, void (*print)(const struct json *list))
{
	struct json_error error;
	struct json *list = json_parse(text, &error);

	print(list);
	json_free(&list);
}

static void print_job(const struct pg_call *row, struct str user)
{
	char room[64];

	printf("%-17s %.*s\n", "user", STRF(user));
	for (unsigned i = 0; i < COUNT_OF(job_columns); i++)
		if (job_columns[i].head && !pg_is_null(row, 0, i))
			printf("%-17s %.*s\n", job_columns[i].head,
			       STRF(cli_cell_text(row, 0, i, job_columns[i].cell, room)));
	print_list(pg_text(row, 0, IMAGES), print_images);
	print_list(pg_text(row, 0, ATTEMPTS), print_attempts);
}

static void print_job_json(const struct pg_call *row, struct str user)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, JSON_MAX);
	w = json_writer(&b);
	jw_object(&w);
	jw_kv_str(&w, "user", user);
	jw_key(&w, "job");
	cli_row_json(&w, row, 0, job_columns, COUNT_OF(job_columns));
	jw_end_object(&w);
	cli_print_json(&b);
}

int command_jobs_show(struct cli *cli)
{
	struct pg_call owner, job;
	struct str params[2];

	if (!cli_query(cli, STMT_JOB_OWNER, cli->args, 1, &owner))
		return CLI_FAILED;
	if (pg_rows(&owner) == 0) {
		pg_call_clear(&owner);
		return cli_fail("there is no job %.*s", STRF(cli->args[0]));
	}
	params[0] = pg_text(&owner, 0, 0);
	params[1] = cli->args[0];
	if (!cli_query(cli, STMT_JOB_GET, params, 2, &job)) {
		pg_call_clear(&owner);
		return CLI_FAILED;
	}
	if (cli->json)
		print_job_json(&job, pg_text(&owner, 0, 1));
	else
		print_job(&job, pg_text(&owner, 0, 1));
	pg_call_clear(&job);
	pg_call_clear(&owner);
	return CLI_OK;
}

/* ---- pictures by type and state ---- */

/* What the gallery shows is counted in pictures, what it does not show in jobs: a job that hangs has none. */
static int64_t count_of(const struct pg_call *rows, unsigned row)
{
	return pg_int(rows, row, str_is(pg_text(rows, row, 1), "COMPLETED") ? 3 : 2);
}

static int64_t total_of(const struct pg_call *rows, const char *type)
{
	int64_t n = 0;

	for (unsigned row = 0; row < pg_rows(rows); row++)
		if (!type || str_is(pg_text(rows, row, 0), type))
			n += type ? count_of(rows, row) : pg_int(rows, row, 3);
	return n;
}

/* " (all COMPLETED)", " (8 COMPLETED, 5 PENDING)" */
static void print_states(const struct pg_call *rows, const char *type, int64_t total)
{
	const char *before = " (";

	for (unsigned row = 0; row < pg_rows(rows); row++) {
		if (!str_is(pg_text(rows, row, 0), type) || count_of(rows, row) == 0)
			continue;
		if (count_of(rows, row) == total)
			printf("%sall %.*s", before, STRF(pg_text(rows, row, 1)));
		else
			printf("%s%lld %.*s", before, (long long)count_of(rows, row), STRF(pg_text(rows, row, 1)));
		before = ", ";
	}
	puts(before[0] == ',' ? ")" : "");
}

static void print_statistics(const struct pg_call *rows, struct str user)
{
	static const struct {
		const char *type, *label;
		bool always;
	} lines[] = {
		{ "imagen4", "🎨 Imagen4", true },
		{ "avatar", "👤 Avatar", true },
		{ "video", "🎥 Video", false },
	};

	printf("📊 IMAGE STATISTICS OF USER %.*s:\n", STRF(user));
	printf("   📝 Total: %lld\n", (long long)total_of(rows, NULL));
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		int64_t n = total_of(rows, lines[i].type);

		if (n == 0 && !lines[i].always)
			continue;
		printf("   %s: %lld", lines[i].label, (long long)n);
		print_states(rows, lines[i].type, n);
	}
}

static void print_statistics_json(const struct pg_call *rows, struct str user)
{
	static const struct cli_column columns[] = {
		{ "generation_type", "type", CELL_TEXT },
		{ "status", "status", CELL_TEXT },
		{ "jobs", "jobs", CELL_NUMBER },
		{ "images", "images", CELL_NUMBER },
	};
	struct json_writer w;
	struct buf b;

	buf_init(&b, JSON_MAX);
	w = json_writer(&b);
	jw_object(&w);
	jw_kv_str(&w, "user", user);
	jw_kv_int(&w, "total", total_of(rows, NULL));
	jw_kv_int(&w, "imagen4", total_of(rows, "imagen4"));
	jw_kv_int(&w, "avatar", total_of(rows, "avatar"));
	jw_kv_int(&w, "video", total_of(rows, "video"));
	jw_key(&w, "by_status");
	cli_rows_json(&w, rows, columns, COUNT_OF(columns));
	jw_end_object(&w);
	cli_print_json(&b);
}

int command_images(struct cli *cli)
{
	struct pg_call user, rows;
	struct str id;

	if (!cli_user(cli, cli->args[0], &user))
		return CLI_FAILED;
	id = arena_copy(&cli->arena, pg_text(&user, 0, 0));
	pg_call_clear(&user);
	if (!cli_query(cli, STMT_IMAGE_STATS, &id, 1, &rows))
		return CLI_FAILED;
	if (cli->json)
		print_statistics_json(&rows, cli->args[0]);
	else
		print_statistics(&rows, cli->args[0]);
	pg_call_clear(&rows);
	return CLI_OK;
}
