/* metric: cells, buckets, the bound on series, the text; fault and the helpers for drivers. */
#include "unit.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/metric.h"
#include "imago/provider.h"

static struct buf text;

static void assert_line(const char *line)
{
	struct str rest;

	buf_reset(&text);
	metric_render(&text);
	assert_false(text.overflowed);
	rest = buf_view(&text);
	while (rest.p)
		if (str_is(str_cut(&rest, '\n'), line))
			return;
	ROW(false, "no line %s in\n%.*s", line, STRF(buf_view(&text)));
}

static void counts(void **state)
{
	char label[] = "fal";

	(void)state;
	assert_line("imago_jobs_taken_over_total 0");
	metric_inc(jobs_taken_over_total, NULL, NULL);
	metric_add(METRIC_ID_jobs_taken_over_total, NULL, NULL, 41);
	assert_line("imago_jobs_taken_over_total 42");
	assert_line("# HELP imago_jobs_live Jobs this instance is working on");
	assert_line("# TYPE imago_jobs_live gauge");
	metric_set(METRIC_ID_jobs_live, NULL, NULL, -3);
	assert_line("imago_jobs_live -3");
	metric_inc(jobs_finished_total, label, "COMPLETED");
	metric_inc(jobs_finished_total, "fal", "FAILED");
	label[0] = 'x';
	metric_inc(jobs_finished_total, "fal", "COMPLETED");
	assert_int_equal(metric_get(METRIC_ID_jobs_finished_total, "fal", "COMPLETED"), 2);
	assert_int_equal(metric_get(METRIC_ID_jobs_finished_total, "xal", "COMPLETED"), 0);
	/* where one label ends and the next begins matters */
	assert_int_equal(metric_get(METRIC_ID_jobs_finished_total, "falC", "OMPLETED"), 0);
	assert_line("imago_jobs_finished_total{provider=\"fal\",status=\"COMPLETED\"} 2");
	assert_line("imago_jobs_finished_total{provider=\"fal\",status=\"FAILED\"} 1");
	assert_line("# TYPE imago_jobs_finished_total counter");
}

static void escapes_labels(void **state)
{
	(void)state;
	metric_inc(http_rejected_total, "a\"b\\c\nd", NULL);
	assert_line("imago_http_rejected_total{reason=\"a\\\"b\\\\c\\nd\"} 1");
	metric_inc(http_rejected_total, NULL, NULL);
	assert_line("imago_http_rejected_total{reason=\"\"} 1");
}

static void fills_buckets(void **state)
{
	(void)state;
	assert_line("imago_loop_turn_cpu_seconds_count 0");
	metric_observe_us(METRIC_ID_loop_turn_cpu_seconds, NULL, NULL, 10);
	metric_observe_us(METRIC_ID_loop_turn_cpu_seconds, NULL, NULL, 11);
	metric_observe_us(METRIC_ID_loop_turn_cpu_seconds, NULL, NULL, 100000);
	metric_observe_us(METRIC_ID_loop_turn_cpu_seconds, NULL, NULL, 100001);
	assert_line("# TYPE imago_loop_turn_cpu_seconds histogram");
	assert_line("imago_loop_turn_cpu_seconds_bucket{le=\"0.00001\"} 1");
	assert_line("imago_loop_turn_cpu_seconds_bucket{le=\"0.000025\"} 2");
	assert_line("imago_loop_turn_cpu_seconds_bucket{le=\"0.05\"} 2");
	assert_line("imago_loop_turn_cpu_seconds_bucket{le=\"0.1\"} 3");
	assert_line("imago_loop_turn_cpu_seconds_bucket{le=\"+Inf\"} 4");
	assert_line("imago_loop_turn_cpu_seconds_sum 0.200022");
	assert_line("imago_loop_turn_cpu_seconds_count 4");
	metric_observe_us(METRIC_ID_job_duration_seconds, "fal", NULL, 600 * 1000000ULL);
	metric_observe_us(METRIC_ID_job_duration_seconds, "fal", NULL, 1000);
	assert_line("imago_job_duration_seconds_bucket{provider=\"fal\",le=\"0.001\"} 1");
	assert_line("imago_job_duration_seconds_bucket{provider=\"fal\",le=\"300\"} 1");
	assert_line("imago_job_duration_seconds_bucket{provider=\"fal\",le=\"600\"} 2");
	assert_line("imago_job_duration_seconds_bucket{provider=\"fal\",le=\"+Inf\"} 2");
	assert_line("imago_job_duration_seconds_sum{provider=\"fal\"} 600.001000");
	assert_int_equal(metric_get(METRIC_ID_job_duration_seconds, "fal", NULL), 2);
}

static void bounds_series(void **state)
{
	char label[16];
	unsigned lines = 0;
	struct str rest;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 1000; i++) {
			(void)snprintf(label, sizeof(label), "step%u", i);
			metric_inc(job_steps_total, label, "ok");
		}
	}
	assert_int_equal(metric_get(METRIC_ID_job_steps_total, "step254", "ok"), 2);
	assert_int_equal(metric_get(METRIC_ID_job_steps_total, "step255", "ok"), 0);
	assert_int_equal(metric_get(METRIC_ID_job_steps_total, "other", "other"), 2 * (1000 - 255));
	buf_reset(&text);
	metric_render(&text);
	rest = buf_view(&text);
	while (rest.p)
		lines += str_starts(str_cut(&rest, '\n'), STR("imago_job_steps_total{"));
	assert_int_equal(lines, METRIC_SERIES);
	/* one label: one "other" */
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(label, sizeof(label), "%u", i);
		metric_inc(jobs_swept_total, label, NULL);
	}
	assert_line("imago_jobs_swept_total{step=\"other\"} 45");
}

static void cuts_long_labels(void **state)
{
	char label[200];

	(void)state;
	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	metric_inc(http_accept_failures_total, label, NULL);
	metric_inc(http_accept_failures_total, label, NULL);
	assert_int_equal(metric_get(METRIC_ID_http_accept_failures_total, label, NULL), 2);
}

static void faults_have_rows(void **state)
{
	(void)state;
	assert_string_equal(fault_slug(FAULT_INSUFFICIENT), "insufficient_credits");
	assert_int_equal(fault_status(FAULT_INSUFFICIENT), 402);
	assert_int_equal(fault_retry(FAULT_OUTCOME_UNKNOWN), RETRY_UNKNOWN);
	assert_string_equal(fault_title(FAULT_NOT_FOUND), "There is nothing here");
	for (unsigned i = 0; i < FAULT_COUNT; i++) {
		enum fault_code code = (enum fault_code)i;

		assert_int_equal(fault_from_slug(str_from(fault_slug(code))), code);
		assert_in_range(fault_status(code), 200, 599);
	}
	assert_int_equal(fault_from_slug(STR("no_such_slug")), FAULT_COUNT);
	assert_int_equal(fault_from_slug(STR("")), FAULT_COUNT);
}

static void drivers_get_memory(void **state)
{
	struct arena a;
	struct imago_memory *memory = (struct imago_memory *)(void *)&a;
	struct imago_call call = { .method = "POST" };
	struct imago_header headers[] = { { .name = STR("Retry-After"), .value = STR("30") },
		                          { .name = STR("x-fal-request-id"), .value = STR("r1") } };
	struct imago_reply reply = { .status = 200, .headers = headers, .header_count = 2 };

	(void)state;
	arena_init(&a, 4096);
	assert_int_equal((uintptr_t)imago_alloc(memory, 3) % _Alignof(max_align_t), 0);
	assert_str(imago_printf(memory, "{\"n\":%d}", 4), "{\"n\":4}");
	imago_call_header(&call, "Content-Type", STR("application/json"));
	imago_call_secret(memory, &call, "Authorization", "Key ", (struct imago_secret){ STR("abc:def") });
	assert_int_equal(call.header_count, 2);
	assert_str(call.headers[0].name, "Content-Type");
	assert_false(call.headers[0].is_secret);
	assert_str(call.headers[1].value, "Key abc:def");
	assert_true(call.headers[1].is_secret);
	assert_str(imago_reply_header(&reply, "retry-after"), "30");
	assert_str(imago_reply_header(&reply, "X-Fal-Request-Id"), "r1");
	assert_str(imago_reply_header(&reply, "none"), "");
	arena_clear(&a);
}

static int make_buf(void **state)
{
	(void)state;
	buf_init(&text, 1 << 20);
	return 0;
}

static int clear_buf(void **state)
{
	(void)state;
	buf_clear(&text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(escapes_labels),
		cmocka_unit_test(fills_buckets),
		cmocka_unit_test(bounds_series),
		cmocka_unit_test(cuts_long_labels),
		cmocka_unit_test(faults_have_rows),
		cmocka_unit_test(drivers_get_memory),
	};
	return cmocka_run_group_tests(tests, make_buf, clear_buf);
}
