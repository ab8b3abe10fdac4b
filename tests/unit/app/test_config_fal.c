/* One key of fal under four names: seed 002's fault cannot come back. */
#include "world.h"

#define GOOD "f3c2-id:9a8b7c6d"
#define OTHER "0000-id:11111111"

static void names(void **state)
{
	static const struct {
		const char *environment[4], *dotenv, *key, *source;
		const char *error; /* NULL: none */
	} rows[] = {
		{ { NULL }, NULL, "", "", NULL },
		{ { "FAL_KEY=" GOOD }, NULL, GOOD, "FAL_KEY", NULL },
		{ { "FAL_API_KEY=" GOOD }, NULL, GOOD, "FAL_API_KEY", NULL },
		{ { "FAL_AI_API_KEY=" GOOD }, NULL, GOOD, "FAL_AI_API_KEY", NULL },
		{ { "FAL_KEY_ID=f3c2-id", "FAL_KEY_SECRET=9a8b7c6d" }, NULL, GOOD, "FAL_KEY_ID+FAL_KEY_SECRET", NULL },
		{ { "FAL_KEY=  " GOOD "\t\n" }, NULL, GOOD, "FAL_KEY", NULL },
		{ { NULL }, "FAL_API_KEY='" GOOD "'\n", GOOD, "FAL_API_KEY", NULL },
		/* equal ones are fine, wherever they are */
		{ { "FAL_KEY=" GOOD, "FAL_API_KEY=" GOOD }, NULL, GOOD, "FAL_KEY", NULL },
		{ { "FAL_API_KEY=" GOOD }, "FAL_KEY=" GOOD "\n", GOOD, "FAL_KEY", NULL },
		{ { "FAL_KEY=" GOOD, "FAL_KEY_ID=f3c2-id", "FAL_KEY_SECRET=9a8b7c6d" }, NULL, GOOD, "FAL_KEY", NULL },
		/* the environment is stronger than ./.env for one name: no conflict */
		{ { "FAL_KEY=" GOOD }, "FAL_KEY=" OTHER "\n", GOOD, "FAL_KEY", NULL },
		/* empty ones do not count */
		{ { "FAL_KEY=", "FAL_API_KEY=" GOOD }, NULL, GOOD, "FAL_API_KEY", NULL },
		{ { "FAL_KEY=" }, "FAL_KEY=" GOOD, GOOD, "FAL_KEY", NULL },
		/* two that differ are named */
		{ { "FAL_KEY=" GOOD, "FAL_API_KEY=" OTHER },
		  NULL,
		  "",
		  "",
		  "FAL_KEY (environment) and FAL_API_KEY (environment) hold different keys" },
		{ { "FAL_AI_API_KEY=" OTHER },
		  "FAL_API_KEY=" GOOD "\n",
		  "",
		  "",
		  "/.env:1) and FAL_AI_API_KEY (environment) hold different keys" },
		{ { "FAL_KEY=" GOOD, "FAL_KEY_ID=f3c2-id", "FAL_KEY_SECRET=zzz" },
		  NULL,
		  "",
		  "",
		  "FAL_KEY (environment) and FAL_KEY_ID (environment) with FAL_KEY_SECRET (environment) hold different keys" },
		/* half a key */
		{ { "FAL_KEY_ID=f3c2-id" },
		  NULL,
		  "",
		  "",
		  "FAL_KEY_ID (environment) is set, but FAL_KEY_SECRET is not" },
		/* shape */
		{ { "FAL_KEY=nocolon" }, NULL, "", "", "FAL_KEY (environment) does not have the shape" },
		{ { "FAL_KEY=a:b:c" }, NULL, "", "", "does not have the shape" },
		{ { "FAL_KEY=:b" }, NULL, "", "", "does not have the shape" },
		{ { "FAL_KEY=a b:c" }, NULL, "", "", "does not have the shape" },
		{ { "FAL_KEY=\"a:b\"" }, NULL, "", "", "no quotes" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *environment[5] = { 0 };
		struct world w;
		struct config *c;

		memcpy(environment, rows[i].environment, sizeof rows[i].environment);
		c = load(&w, NULL, environment, rows[i].dotenv, NULL);
		ROW(str_is(c->fal_key.value, rows[i].key), "row %zu: another key", i);
		ROW(str_is(c->fal_key_source, rows[i].source), "row %zu: from %.*s", i, STRF(c->fal_key_source));
		ROW(config_has_errors(c) == (rows[i].error != NULL), "row %zu: errors", i);
		ROW(!rows[i].error || says(c, true, rows[i].error), "row %zu: %.*s", i, STRF(c->problems[0].text));
		assert_kept(c, "9a8b7c6d");
		assert_kept(c, "11111111");
		unload(&w, &c);
	}
}

static void from_a_file(void **state)
{
	char path[] = "/tmp/imago-key-XXXXXX", variable[64], both[64];
	const char *environment[] = { variable, NULL, NULL };
	struct world w;
	struct config *c;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0 && write(fd, GOOD "\n", sizeof GOOD) == sizeof GOOD);
	close(fd);
	snprintf(variable, sizeof variable, "FAL_API_KEY_FILE=%s", path);
	c = load(&w, NULL, environment, NULL, NULL);
	assert_true(str_is(c->fal_key.value, GOOD));
	assert_true(str_is(c->fal_key_source, "FAL_API_KEY_FILE"));
	unload(&w, &c);

	snprintf(both, sizeof both, "FAL_API_KEY=%s", OTHER);
	environment[1] = both;
	c = load(&w, NULL, environment, NULL, NULL);
	assert_true(says(c, true, "is set already"));
	assert_kept(c, "9a8b7c6d");
	unload(&w, &c);

	unlink(path);
	environment[1] = NULL;
	c = load(&w, NULL, environment, NULL, NULL);
	assert_true(says(c, true, "FAL_API_KEY_FILE (environment) names the file"));
	unload(&w, &c);
}

/* Half of a key beside a whole one is odd, and no more. */
static void half_beside_whole(void **state)
{
	const char *environment[] = { "FAL_KEY=" GOOD, "FAL_KEY_SECRET=9a8b7c6d", NULL };
	struct world w;
	struct config *c = load(&w, NULL, environment, NULL, NULL);

	(void)state;
	assert_false(config_has_errors(c));
	assert_true(says(c, false, "FAL_KEY_SECRET (environment) is set, but FAL_KEY_ID is not"));
	assert_true(str_is(c->fal_key.value, GOOD));
	unload(&w, &c);
}

static void nearly_ours(void **state)
{
	static const struct {
		const char *variable, *meant; /* NULL: nothing is said */
	} rows[] = {
		{ "FAL_KYE=x", "FAL_KEY" },
		{ "FALKEY=x", "FAL_KEY" },
		{ "fal_key=x", "FAL_KEY" },
		{ "FAL_AI_KEY=x", "FAL_API_KEY" },
		{ "FAL_API_KEYS=x", "FAL_API_KEY" },
		{ "IMAGO_LISTENS=x", "IMAGO_LISTEN" },
		{ "IMAGO_DATADIR=x", "IMAGO_DATA_DIR" },
		{ "DATABASE_URI=x", "DATABASE_URL" },
		{ "REDIS_URI=x", "REDIS_URL" },
		{ "OPENAI_API_KEY=x", NULL },
		{ "IMAGO_CONFIG=", NULL },
		{ "WEBHOOK_URL=x", NULL },
		{ "PATH=/bin", NULL },
		{ "FAL_SOMETHING_ELSE=x", NULL },
		{ "FAL_REGION=eu", NULL },
		{ "IMAGO_LISTEN_FILE=/nowhere", NULL },
		{ "HOME=/root", NULL },
		{ "DATABASE_HOST=x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *environment[] = { rows[i].variable, NULL };
		struct world w;
		struct config *c = load(&w, NULL, environment, NULL, NULL);
		char expected[64];

		snprintf(expected, sizeof expected, "Did you mean %s?", rows[i].meant ? rows[i].meant : "");
		ROW(c->problem_count == (rows[i].meant != NULL), "row %zu", i);
		ROW(!rows[i].meant || says(c, false, expected), "row %zu: %.*s", i, STRF(c->problems[0].text));
		unload(&w, &c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(from_a_file),
		cmocka_unit_test(half_beside_whole),
		cmocka_unit_test(nearly_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
