/* config: which source wins, what values are taken, what is refused and how it is said. */
#include "world.h"

static void defaults(void **state)
{
	struct world w;
	struct config *c = load(&w, NULL, NULL, NULL, NULL);

	(void)state;
	assert_int_equal(c->problem_count, 0);
	for (unsigned id = 0; id < CONFIG_COUNT; id++) {
		assert_int_equal(c->origins[id].source, CONFIG_FROM_DEFAULT);
		assert_true(config_rows[id].help[0] && config_rows[id].key[0] && config_rows[id].environment[0]);
	}
	assert_true(str_is(c->listen, "127.0.0.1:9006,[::1]:9006"));
	assert_true(str_is(c->data_dir, "."));
	assert_int_equal(c->link_ttl_s, 7 * 86400);
	assert_int_equal(c->retry_delay_ms, 2000);
	assert_int_equal(c->drain_ms, 30000);
	assert_int_equal(c->local_credits, 1000);
	assert_int_equal(c->anonymous, CONFIG_ANONYMOUS_OFF);
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_false(c->is_production);
	assert_true(str_is(config_text(c, CONFIG_ID_database_url), "not set"));
	unload(&w, &c);
}

static void names_are_unique(void **state)
{
	(void)state;
	for (unsigned a = 0; a < CONFIG_COUNT; a++)
		for (unsigned b = 0; b < a; b++) {
			assert_string_not_equal(config_rows[a].environment, config_rows[b].environment);
			assert_string_not_equal(config_rows[a].key, config_rows[b].key);
		}
}

static void strongest_wins(void **state)
{
	static const char *const environment[] = { "IMAGO_LISTEN=127.0.0.2:2", NULL };
	static const struct {
		const char *flag;
		const char *const *environment;
		const char *dotenv, *ini, *value, *place;
	} rows[] = {
		{ NULL, NULL, NULL, NULL, "127.0.0.1:9006,[::1]:9006", "default" },
		{ NULL, NULL, NULL, "# x\nlisten = 127.0.0.4:4\n", "127.0.0.4:4", "imago.conf:2" },
		{ NULL, NULL, "A=b\nIMAGO_LISTEN=127.0.0.3:3\n", "listen = 127.0.0.4:4\n", "127.0.0.3:3", ".env:2" },
		{ NULL, environment, "IMAGO_LISTEN=127.0.0.3:3\n", "listen = 127.0.0.4:4\n", "127.0.0.2:2",
		  "environment" },
		{ "127.0.0.1:1", environment, "IMAGO_LISTEN=127.0.0.3:3\n", "listen = 127.0.0.4:4\n", "127.0.0.1:1",
		  "command line" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct world w;
		struct config *c = load(&w, rows[i].flag, rows[i].environment, rows[i].dotenv, rows[i].ini);

		ROW(c->problem_count == 0, "row %zu: %.*s", i, STRF(c->problems[0].text));
		ROW(str_is(c->listen, rows[i].value), "row %zu: %.*s", i, STRF(c->listen));
		ROW(str_ends(c->origins[CONFIG_ID_listen].place, str_from(rows[i].place)), "row %zu: %.*s", i,
		    STRF(c->origins[CONFIG_ID_listen].place));
		ROW(str_eq(config_text(c, CONFIG_ID_listen), c->listen), "row %zu", i);
		assert_true(c->listen.p[c->listen.n] == '\0');
		unload(&w, &c);
	}
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t value;
	} times[] = {
		{ "90", true, 90 }, { "90s", true, 90 }, { "15m", true, 900 }, { "12h", true, 43200 }, { "7d", true, 604800 },
		{ "0", true, 0 },   { "", false, 0 },    { "d", false, 0 },    { "7w", false, 0 },     { "-1", false, 0 },
		{ "1.5h", false, 0 }, { "7 d", false, 0 }, { "4294967296", false, 0 }, { "99999999999999999999", false, 0 },
	}, delays[] = {
		{ "2", true, 2000 },     { "2.0", true, 2000 }, { "0.5", true, 500 },  { "0.25", true, 250 },  { "1.0019", true, 1001 },
		{ "2.", false, 0 },      { ".5", false, 0 },    { "", false, 0 },      { "1e3", false, 0 },    { "-1", false, 0 },
		{ "2.x", false, 0 },     { "1.2.3", false, 0 }, { "99999999999", false, 0 },
	};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(times); i++) {
		ROW(config_parse_ttl(str_from(times[i].text), &n) == times[i].ok, "time %zu", i);
		ROW(!times[i].ok || n == times[i].value, "time %zu: %llu", i, (unsigned long long)n);
	}
	for (size_t i = 0; i < COUNT_OF(delays); i++) {
		ROW(config_parse_ms(str_from(delays[i].text), &n) == delays[i].ok, "delay %zu", i);
		ROW(!delays[i].ok || n == delays[i].value, "delay %zu: %llu", i, (unsigned long long)n);
	}
}

/* One variable, and the error it brings; NULL: it is taken. */
static void judges(void **state)
{
	static const struct {
		const char *variable, *more, *error;
	} rows[] = {
		{ "IMAGO_LISTEN=0.0.0.0:80", NULL, NULL },
		{ "IMAGO_LISTEN=*:80,unix:/run/imago.sock,[::]:9006,localhost:0", NULL, NULL },
		{ "IMAGO_LISTEN=9006", NULL, "\"9006\" is not an address" },
		{ "IMAGO_LISTEN=127.0.0.1:99999", NULL, "is not an address" },
		{ "IMAGO_LISTEN=example.org:80", NULL, "is not an address" },
		{ "IMAGO_LISTEN=[::1:80", NULL, "is not an address" },
		{ "IMAGO_LISTEN=127.0.0.1:80,,", NULL, "is not an address" },
		{ "IMAGO_LISTEN=unix:", NULL, "is not an address" },
		{ "IMAGO_ANONYMOUS=on", NULL, NULL },
		{ "IMAGO_ANONYMOUS=public", "IMAGO_LISTEN=0.0.0.0:80", NULL },
		{ "IMAGO_ANONYMOUS=on", "IMAGO_LISTEN=unix:/tmp/x,127.9.9.9:1", NULL },
		{ "IMAGO_ANONYMOUS=on", "IMAGO_LISTEN=127.0.0.1:1,0.0.0.0:80", "others can reach" },
		{ "IMAGO_ANONYMOUS=1", "IMAGO_LISTEN=[::]:80", "others can reach" },
		{ "IMAGO_ANONYMOUS=maybe", NULL, "it is none of: off, on, public" },
		{ "IMAGO_PUBLIC_URL=https://images.example.org/", NULL, NULL },
		{ "IMAGO_PUBLIC_URL=images.example.org", NULL, "is not a URL" },
		{ "IMAGO_PUBLIC_URL=https://x.org/?a=b", NULL, "is not a URL" },
		{ "IMAGO_PUBLIC_URL=ftp://x.org", NULL, "is not a URL" },
		{ "IMAGO_CORS_ORIGINS=http://localhost:3000, https://a.example", NULL, NULL },
		{ "IMAGO_CORS_ORIGINS=http://localhost:3000/", NULL, "is not the origin of a page" },
		{ "IMAGO_CORS_ORIGINS=*", NULL, "is not the origin of a page" },
		{ "DATABASE_URL=postgresql://u:p@h/d", NULL, NULL },
		{ "DATABASE_URL=mysql://u:sesame@h/d", NULL, "DATABASE_URL (environment): it is not a Postgres URL" },
		{ "REDIS_URL=unix:/run/redis.sock", NULL, NULL },
		{ "REDIS_URL=redis://:pw@h:1/2", NULL, NULL },
		{ "REDIS_URL=rediss://h", NULL, "TLS is not supported" },
		{ "REDIS_URL=localhost", NULL, "is not a Redis URL" },
		{ "REDIS_URL=", NULL, NULL },
		{ "IMAGO_ENV=production", NULL, NULL },
		{ "IMAGO_ENV=prod", NULL, "it can be development or production" },
		{ "IMAGO_LOG=debug,json", NULL, NULL },
		{ "IMAGO_LOG=text", NULL, NULL },
		{ "IMAGO_LOG=loud", NULL, "\"loud\" is none of" },
		{ "IMAGO_LINK_TTL=12h", NULL, NULL },
		{ "IMAGO_LINK_TTL=1s", NULL, "it is not a time from 60" },
		{ "IMAGO_MAX_JOBS=0", NULL, "it is not a whole number from 1" },
		{ "IMAGO_MAX_JOBS=12x", NULL, "it is not a whole number" },
		{ "BATCH_RETRY_DELAY=1.5", NULL, NULL },
		{ "BATCH_RETRY_DELAY=soon", NULL, "it is not a number of seconds" },
		{ "IMAGO_DEMO=yes", NULL, NULL },
		{ "IMAGO_DEMO=perhaps", NULL, "is neither on nor off" },
		{ "IMAGO_ALLOW_HOSTS=10.0.0.0/8,files.internal:9000", NULL, NULL },
		{ "IMAGO_ALLOW_HOSTS=10.0.0.0/99", NULL, "IMAGO_ALLOW_HOSTS (environment): \"10.0.0.0/99\"" },
		{ "IMAGO_DATA_DIR=a\nb", NULL, "it has a line break" },
		{ "FAL_QUEUE_URL=http://127.0.0.1:9000/", NULL, NULL },
		{ "FAL_QUEUE_URL=queue", NULL, "FAL_QUEUE_URL (environment) is not a URL" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *environment[] = { rows[i].variable, rows[i].more, NULL };
		struct world w;
		struct config *c = load(&w, NULL, environment, NULL, NULL);

		ROW(config_has_errors(c) == (rows[i].error != NULL), "row %zu: %.*s", i, STRF(c->problems[0].text));
		ROW(!rows[i].error || says(c, true, rows[i].error), "row %zu: %.*s", i, STRF(c->problems[0].text));
		assert_kept(c, "sesame");
		unload(&w, &c);
	}
}

static void works_out(void **state)
{
	static const char *const environment[] = { "IMAGO_PUBLIC_URL=https://x.org/a//",
		                                   "FAL_QUEUE_URL=http://127.0.0.1:1/",
		                                   "IMAGO_DEMO=1",
		                                   "IMAGO_LOG=warn,json",
		                                   "REDIS_URL=",
		                                   "BATCH_MAX_RETRIES=7",
		                                   NULL };
	struct world w;
	struct config *c = load(&w, NULL, environment, "REDIS_URL=redis://h\nBATCH_MAX_RETRIES=9\n", NULL);

	(void)state;
	assert_int_equal(c->problem_count, 0);
	assert_string_equal(c->public_url.p, "https://x.org/a");
	assert_string_equal(c->fal_queue_url.p, "http://127.0.0.1:1");
	assert_true(str_is(c->demo, "on"));
	assert_true(c->log_json && c->log_level == LOG_LEVEL_WARN);
	assert_int_equal(c->redis_url.n, 0); /* set to nothing is set */
	assert_int_equal(c->retries_max, 7);
	unload(&w, &c);
}

static void ini_file(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "listen = 127.0.0.1:1\n[fal]\nqueue_url = http://127.0.0.1:2\nkey = a:b\n", NULL },
		{ "; note\n# note\nlisten = 127.0.0.1:1 ; note\n", NULL },
		{ "listn = 127.0.0.1:1\n", "imago.conf:1: there is no setting \"listn\"; did you mean \"listen\"?" },
		{ "a = 1\n\n[fal]\nqueue_uri = x\n",
		  "imago.conf:4: there is no setting \"fal.queue_uri\"; did you mean \"fal.queue_url\"?" },
		{ "completely_wrong_name = 1\n", "`imago config show` lists them" },
		{ "listen = 127.0.0.1:1\nlisten = 127.0.0.1:2\n", "is set already" },
		{ "listen = 127.0.0.1:1\n  127.0.0.1:2\n", "a setting begins at the start of its line" },
		{ "listen\n", "imago.conf:1: neither [section] nor name = value" },
		{ "max_jobs = many\n", "max_jobs (" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct world w;
		struct config *c = load(&w, NULL, NULL, NULL, rows[i].text);

		ROW(config_has_errors(c) == (rows[i].error != NULL), "row %zu: %.*s", i, STRF(c->problems[0].text));
		ROW(!rows[i].error || says(c, true, rows[i].error), "row %zu: %.*s", i, STRF(c->problems[0].text));
		unload(&w, &c);
	}
}

static void ini_long_line(void **state)
{
	char text[400] = "data_dir = ";
	struct world w;
	struct config *c;

	(void)state;
	memset(text + strlen(text), 'x', 300);
	c = load(&w, NULL, NULL, NULL, text);
	assert_true(says(c, true, "imago.conf:1: the line is longer than"));
	unload(&w, &c);
}

static void ini_file_missing(void **state)
{
	static const char *const environment[] = { "IMAGO_CONFIG=/nowhere/imago.conf", NULL };
	struct world w;
	struct config *c = load(&w, NULL, environment, NULL, NULL);

	(void)state;
	assert_true(says(c, true, "the file /nowhere/imago.conf cannot be used: it cannot be opened"));
	unload(&w, &c);
}

static void reads_again(void **state)
{
	struct world w;
	struct config *c = load(&w, NULL, NULL, "IMAGO_CORS_ORIGINS=http://a\n", NULL), *fresh;

	(void)state;
	write_text(w.dotenv, "IMAGO_CORS_ORIGINS=http://b\n");
	fresh = config_reload(c);
	assert_true(str_is(c->cors_origins, "http://a"));
	assert_true(str_is(fresh->cors_origins, "http://b"));
	config_free(&fresh);
	assert_null(fresh);
	unload(&w, &c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),    cmocka_unit_test(names_are_unique), cmocka_unit_test(strongest_wins),
		cmocka_unit_test(numbers),     cmocka_unit_test(judges),           cmocka_unit_test(works_out),
		cmocka_unit_test(ini_file),    cmocka_unit_test(ini_long_line),    cmocka_unit_test(ini_file_missing),
		cmocka_unit_test(reads_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
