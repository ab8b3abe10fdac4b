/* log and check: the lines, their bounds, a reader that is slow or gone, the last words. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metric.h"
#include "imago/provider.h"

static char seen[1 << 18];
static int reader = -1, true_stderr = -1;

/* From here on standard error is a pipe. */
static void capture(void)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	reader = ends[0];
	assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	true_stderr = dup(STDERR_FILENO);
	assert_true(true_stderr >= 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	(void)close(ends[1]);
}

/* What is in the pipe now. */
static struct str take(void)
{
	size_t n = 0;
	ssize_t got;

	while ((got = read(reader, seen + n, sizeof(seen) - n)) > 0)
		n += (size_t)got;
	return (struct str){ seen, n };
}

/* Standard error is what it was, whatever the test found. */
static int restore(void **state)
{
	(void)state;
	if (reader < 0)
		return 0;
	(void)dup2(true_stderr, STDERR_FILENO);
	(void)close(true_stderr);
	(void)close(reader);
	reader = -1;
	return 0;
}

static struct str logged(void)
{
	log_flush();
	return take();
}

static void writes_text(void **state)
{
	struct log app = { .fields = { KV_CSTR("instance", "a1") }, .count = 1 };
	struct log job = { .parent = &app, .fields = { KV_CSTR("job", "img_x"), KV_INT("part", 1) }, .count = 2 };
	static const char *const ends[] = {
		" INFO job.step job=img_x part=1 instance=a1 to=SUBMIT ms=-5 ok=true",
		" WARN plain",
		" INFO values empty=\"\" blank=\"a b\" quote=\"a\\\"b\" line=\"a\\nb\" equals=\"a=b\" junk=\"\xef\xbf\xbd\"",
	};
	struct str rest;

	(void)state;
	capture();
	log_configure(LOG_LEVEL_INFO, false);
	LOG_INFO(&job, "job.step", KV_CSTR("to", "SUBMIT"), KV_INT("ms", -5), KV_BOOL("ok", true));
	LOG_DEBUG(&job, "hidden");
	LOG_WARN(NULL, "plain");
	LOG_INFO(NULL, "values", KV_STR("empty", ((struct str){ NULL, 0 })), KV_CSTR("blank", "a b"),
	         KV_CSTR("quote", "a\"b"), KV_CSTR("line", "a\nb"), KV_CSTR("equals", "a=b"), KV_CSTR("junk", "\xff"));
	assert_int_equal(take().n, 0);
	rest = logged();
	(void)restore(NULL);
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		struct str line = str_cut(&rest, '\n');

		assert_str(str_skip(line, 8), ends[i]);
		assert_true(line.p[2] == ':' && line.p[5] == ':');
	}
	assert_int_equal(rest.n, 0);
}

static void writes_json(void **state)
{
	struct log context = { .fields = { KV_CSTR("job", "img_x") }, .count = 1 };
	struct json_error error;
	struct str line, key;
	struct json *v;
	const struct json *member;
	static const char *const keys[] = { "ts", "level", "event", "job", "text", "n", "yes" };

	(void)state;
	capture();
	log_configure(LOG_LEVEL_DEBUG, true);
	LOG_DEBUG(&context, "job.step", KV_CSTR("text", "a\"\n\xff"), KV_INT("n", INT64_MIN), KV_BOOL("yes", true));
	line = logged();
	(void)restore(NULL);
	assert_true(str_ends(line, STR("\n")));
	v = json_parse(line, &error);
	assert_non_null(v);
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		assert_true(json_member(v, i, &key, &member));
		assert_str(key, keys[i]);
	}
	assert_int_equal(json_count(v), COUNT_OF(keys));
	assert_str(json_str(json_get(v, "level")), "debug");
	assert_int_equal(json_str(json_get(v, "ts")).n, 27);
	assert_str(json_str(json_get(v, "text")), "a\"\n\xef\xbf\xbd");
	assert_int_equal(json_int(json_get(v, "n"), 0), INT64_MIN);
	json_free(&v);
}

static void knows_levels(void **state)
{
	enum log_level level;

	(void)state;
	assert_true(log_level_from(STR("WARN"), &level) && level == LOG_LEVEL_WARN);
	assert_true(log_level_from(STR("debug"), &level) && level == LOG_LEVEL_DEBUG);
	assert_false(log_level_from(STR("loud"), &level));
	assert_false(log_level_from(STR(""), &level));
}

/* Values of 3 KiB, some with bytes that need six each: the line ends whole and within 8 KiB. */
static void bounds_lines(void **state)
{
	static char plain[3000], control[3000];
	struct json_error error;
	struct str texts[2];
	char kept[9000];
	struct json *v;

	(void)state;
	memset(plain, 'p', sizeof(plain));
	memset(control, 1, sizeof(control));
	texts[0] = (struct str){ plain, sizeof(plain) };
	texts[1] = (struct str){ control, sizeof(control) };
	for (unsigned i = 0; i < 2; i++) {
		struct str line;

		capture();
		log_configure(LOG_LEVEL_INFO, true);
		LOG_INFO(NULL, "long", KV_STR("a", texts[i]), KV_STR("b", texts[i]), KV_STR("c", texts[i]),
		         KV_STR("d", texts[i]), KV_STR("e", texts[i]), KV_INT("f", 1));
		line = logged();
		(void)restore(NULL);
		assert_true(line.n <= 8192);
		assert_true(str_to_cstr(line, kept, sizeof(kept)));
		v = json_parse(str_from(kept), &error);
		ROW(v, "text %u: %s at %zu", i, error.text, error.position);
		assert_true(json_bool(json_get(v, "truncated"), false));
		assert_null(json_get(v, "f"));
		json_free(&v);
	}
	/* a cut in the middle of a character is moved in front of it */
	capture();
	for (size_t i = 0; i + 3 <= sizeof(plain); i += 3)
		memcpy(plain + i, "\xe2\x82\xac", 3);
	LOG_INFO(NULL, "cut", KV_STR("a", texts[0]));
	v = json_parse(logged(), &error);
	(void)restore(NULL);
	assert_non_null(v);
	assert_int_equal(json_str(json_get(v, "a")).n, 2046);
	json_free(&v);
}

/* A pipe that nobody reads takes 64 KiB, as many wait here; the rest is counted. */
static void never_waits_for_a_reader(void **state)
{
	uint64_t before = log_dropped();

	(void)state;
	capture();
	log_configure(LOG_LEVEL_INFO, false);
	(void)alarm(20);
	for (unsigned i = 0; i < 5000; i++)
		LOG_INFO(NULL, "flood", KV_INT("i", i), KV_CSTR("text", "about sixty bytes with the time in front"));
	log_flush();
	(void)alarm(0);
	while (take().n)
		log_flush();
	(void)restore(NULL);
	assert_in_range(log_dropped() - before, 1000, 4000);
	assert_int_equal(metric_get(METRIC_ID_log_dropped_total, NULL, NULL), (int64_t)log_dropped());
}

/* Drained in pieces, the lines that were not dropped come out whole and in order. */
static void keeps_lines_whole(void **state)
{
	static char all[1 << 19];
	size_t n = 0;
	int64_t last = -1, whole = 0;
	struct str rest;
	uint64_t before = log_dropped();

	(void)state;
	capture();
	log_configure(LOG_LEVEL_INFO, false);
	(void)alarm(20);
	for (unsigned i = 0; i < 5000; i++) {
		LOG_INFO(NULL, "flood", KV_INT("i", i));
		/* so that the pipe is once nearly full when more waits than it has room for */
		if (i == 100)
			log_flush();
	}
	for (;;) {
		struct str piece;

		log_flush();
		piece = take();
		if (!piece.n)
			break;
		assert_true(n + piece.n <= sizeof(all));
		memcpy(all + n, piece.p, piece.n);
		n += piece.n;
	}
	(void)alarm(0);
	(void)restore(NULL);
	rest = (struct str){ all, n };
	while (rest.n) {
		struct str line = str_cut(&rest, '\n');
		int64_t i = -1;

		ROW(line.n > 22 && str_to_i64(str_skip(line, 22), &i) && i > last, "line %.*s", STRF(line));
		last = i;
		whole++;
	}
	assert_int_equal(whole + (int64_t)(log_dropped() - before), 5000);
}

static void survives_a_lost_reader(void **state)
{
	uint64_t before = log_dropped();

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	capture();
	log_configure(LOG_LEVEL_INFO, false);
	(void)close(reader);
	LOG_INFO(NULL, "one");
	LOG_INFO(NULL, "two");
	log_flush();
	(void)close(STDERR_FILENO);
	LOG_INFO(NULL, "three");
	log_flush();
	(void)restore(NULL);
	assert_int_equal(log_dropped() - before, 3);
}

/* A disk that takes half a line and then no more: the next line begins on a line of its own. */
static void starts_anew_after_a_torn_line(void **state)
{
	struct rlimit before, tight;
	uint64_t dropped = log_dropped();
	FILE *disk = tmpfile();
	struct str text;

	(void)state;
	assert_non_null(disk);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight = (struct rlimit){ .rlim_cur = 20, .rlim_max = before.rlim_max };
	capture();
	assert_int_equal(dup2(fileno(disk), STDERR_FILENO), STDERR_FILENO);
	log_configure(LOG_LEVEL_INFO, false);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	LOG_INFO(NULL, "a.line.of.more.than.twenty.bytes");
	log_flush();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	LOG_INFO(NULL, "after");
	LOG_INFO(NULL, "last");
	log_flush();
	(void)restore(NULL);
	rewind(disk);
	text = (struct str){ seen, fread(seen, 1, sizeof(seen), disk) };
	(void)fclose(disk);
	assert_int_equal(log_dropped() - dropped, 1);
	assert_int_equal(str_cut(&text, '\n').n, 20);
	assert_str(str_skip(str_cut(&text, '\n'), 8), " INFO after");
	assert_str(str_skip(str_cut(&text, '\n'), 8), " INFO last");
	assert_int_equal(text.n, 0);
}

static void errors_are_written_at_once(void **state)
{
	struct str line;

	(void)state;
	capture();
	log_configure(LOG_LEVEL_INFO, false);
	LOG_INFO(NULL, "first");
	LOG_ERROR(NULL, "second");
	line = take();
	(void)restore(NULL);
	assert_true(str_find(line, STR(" INFO first\n")) != SIZE_MAX);
	assert_true(str_find(line, STR(" ERROR second\n")) != SIZE_MAX);
}

static void last_words(void)
{
	LOG_INFO(NULL, "from.hook");
	log_flush();
	CHECK(2 == 3);
}

/* In a child: the line that waited, the place, the hook; a CHECK that fails in the hook ends it. */
static void failed_check_reports(void **state)
{
	struct str text;
	int status = 0;
	pid_t child;

	(void)state;
	capture();
	log_configure(LOG_LEVEL_INFO, false);
	child = fork();
	if (child == 0) {
		check_hook = last_words;
		LOG_INFO(NULL, "waiting");
		CHECK(1 == 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	text = take();
	(void)restore(NULL);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_true(str_find(text, STR(" INFO waiting\nCHECK failed at ")) != SIZE_MAX);
	assert_true(str_find(text, STR("test_log.c:")) != SIZE_MAX);
	assert_true(str_find(text, STR(": 1 == 2\n")) != SIZE_MAX);
	assert_true(str_find(text, STR(" INFO from.hook\n")) != SIZE_MAX);
}

static void too_many_headers(void)
{
	struct imago_call call = { 0 };

	for (unsigned i = 0; i <= IMAGO_HEADERS_MAX; i++)
		imago_call_header(&call, "x", STR("y"));
}

static void too_many_headers_is_our_bug(void **state)
{
	int status = 0;
	pid_t child;

	(void)state;
	capture();
	child = fork();
	if (child == 0) {
		too_many_headers();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)restore(NULL);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(writes_text, restore),
		cmocka_unit_test_teardown(writes_json, restore),
		cmocka_unit_test(knows_levels),
		cmocka_unit_test_teardown(bounds_lines, restore),
		cmocka_unit_test_teardown(keeps_lines_whole, restore),
		cmocka_unit_test_teardown(never_waits_for_a_reader, restore),
		cmocka_unit_test_teardown(survives_a_lost_reader, restore),
		cmocka_unit_test_teardown(starts_anew_after_a_torn_line, restore),
		cmocka_unit_test_teardown(errors_are_written_at_once, restore),
		cmocka_unit_test_teardown(failed_check_reports, restore),
		cmocka_unit_test_teardown(too_many_headers_is_our_bug, restore),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
