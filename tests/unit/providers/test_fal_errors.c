/*
 * Every error that fal is known to give, at submit and at the result: what it means.
 */
#include <stdio.h>

#include "driver_test.h"

#include "providers/registry.h"

#define NGINX_PAGE \
	"<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n" \
	"<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
#define DETAIL(type) \
	"{\"detail\":[{\"loc\":[\"body\",\"prompt\"],\"msg\":\"the words\",\"type\":\"" type "\"," \
	"\"url\":\"https://docs.fal.ai/errors/#" type "\",\"input\":\"a cat\"}]}"
#define PLATFORM(type) "{\"detail\":\"the words\",\"error_type\":\"" type "\"}"

static struct arena arena;
static struct imago_header headers[8];

/* clang-format off */
static const struct error_case {
	int status;
	const char *head, *body;
	enum imago_failure at_submit;
	enum imago_failure at_result;   /* NO_FAILURE: ask again, the task goes on */
} cases[] = {
	/* model errors */
	{ 422, NULL, DETAIL("content_policy_violation"), IMAGO_REFUSED, IMAGO_REFUSED },
	{ 400, NULL, DETAIL("content_policy_violation"), IMAGO_REFUSED, IMAGO_REFUSED },
	{ 422, NULL, DETAIL("no_media_generated"), IMAGO_TASK_FAILED, IMAGO_TASK_FAILED },
	{ 500, NULL, DETAIL("internal_server_error"), IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 504, NULL, DETAIL("generation_timeout"), IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 400, NULL, DETAIL("downstream_service_error"), IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 500, NULL, DETAIL("downstream_service_error"), IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 500, NULL, DETAIL("downstream_service_unavailable"), IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 422, NULL, DETAIL("image_too_small"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 422, NULL, DETAIL("image_too_large"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 422, NULL, DETAIL("image_load_error"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 422, NULL, DETAIL("file_download_error"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 422, NULL, DETAIL("face_detection_error"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 422, NULL, DETAIL("file_too_large"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 422, NULL, DETAIL("greater_than"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 422, NULL, DETAIL("sequence_too_long"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 422, NULL, DETAIL("one_of"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 422, NULL, DETAIL("feature_not_supported"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 422, NULL, DETAIL("unsupported_image_format"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 422, NULL, DETAIL("missing"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 422, NULL, DETAIL("value_error.missing"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 422, NULL, DETAIL("a_type_of_tomorrow"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 500, NULL, DETAIL("a_type_of_tomorrow"), IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 422, NULL, "{\"detail\":\"the words\"}", IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	/* platform errors, as body and as header */
	{ 504, "X-Fal-Error-Type: request_timeout", PLATFORM("request_timeout"), IMAGO_OVERLOADED, IMAGO_TASK_FAILED },
	{ 504, "X-Fal-Error-Type: request_timeout", "", IMAGO_OVERLOADED, IMAGO_TASK_FAILED },
	{ 504, NULL, PLATFORM("startup_timeout"), IMAGO_OVERLOADED, IMAGO_TASK_FAILED },
	{ 503, NULL, PLATFORM("runner_scheduling_failure"), IMAGO_OVERLOADED, IMAGO_TASK_FAILED },
	{ 503, NULL, PLATFORM("runner_connection_timeout"), IMAGO_OVERLOADED, IMAGO_TASK_FAILED },
	{ 503, NULL, PLATFORM("runner_connection_refused"), IMAGO_OVERLOADED, IMAGO_TASK_FAILED },
	{ 503, NULL, PLATFORM("runner_disconnected"), IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 503, NULL, PLATFORM("runner_connection_error"), IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 502, NULL, PLATFORM("runner_incomplete_response"), IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 500, NULL, PLATFORM("runner_server_error"), IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 500, NULL, PLATFORM("internal_error"), IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 499, NULL, PLATFORM("client_disconnected"), IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 499, NULL, PLATFORM("client_cancelled"), IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 400, NULL, PLATFORM("bad_request"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	/* keys, balance, throttling */
	{ 401, NULL, "{\"detail\":\"No user found for Key ID and Secret\"}", IMAGO_CREDENTIALS, IMAGO_CREDENTIALS },
	{ 401, NULL, "{\"detail\":\"Invalid Key Authorization header format. Expected '<key_id>:<key_secret>'.\"}",
	  IMAGO_CREDENTIALS, IMAGO_CREDENTIALS },
	{ 401, NULL, "", IMAGO_CREDENTIALS, IMAGO_CREDENTIALS },
	{ 402, NULL, "", IMAGO_NO_CREDITS, IMAGO_NO_CREDITS },
	{ 403, NULL, "{\"detail\":\"User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.\"}",
	  IMAGO_NO_CREDITS, IMAGO_NO_CREDITS },
	{ 403, NULL, "{\"detail\":\"User is locked.\"}", IMAGO_CREDENTIALS, IMAGO_CREDENTIALS },
	{ 403, NULL, "", IMAGO_CREDENTIALS, IMAGO_CREDENTIALS },
	{ 429, NULL, DETAIL("concurrent_requests_limit"), IMAGO_RATE_LIMITED, IMAGO_NO_FAILURE },
	{ 429, NULL, "", IMAGO_RATE_LIMITED, IMAGO_NO_FAILURE },
	/* neither fal's words nor ours */
	{ 404, NULL, "{\"detail\":\"Application 'imagen4' not found\"}", IMAGO_GONE, IMAGO_TASK_FAILED },
	{ 410, NULL, "", IMAGO_GONE, IMAGO_TASK_FAILED },
	{ 400, NULL, "", IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 413, NULL, "<html>", IMAGO_BAD_INPUT, IMAGO_BAD_INPUT },
	{ 408, NULL, "", IMAGO_UNKNOWN, IMAGO_NO_FAILURE },
	{ 409, NULL, "", IMAGO_UNKNOWN, IMAGO_BAD_INPUT },
	{ 499, NULL, "", IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 500, NULL, "Internal Server Error", IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
	{ 502, NULL, NGINX_PAGE, IMAGO_UNKNOWN, IMAGO_NO_FAILURE },
	{ 503, NULL, NGINX_PAGE, IMAGO_OVERLOADED, IMAGO_NO_FAILURE },
	{ 503, "Retry-After: 3", "", IMAGO_OVERLOADED, IMAGO_NO_FAILURE },
	{ 503, NULL, "upstream connect error or disconnect/reset before headers", IMAGO_UNKNOWN, IMAGO_NO_FAILURE },
	{ 503, NULL, "", IMAGO_UNKNOWN, IMAGO_NO_FAILURE },
	{ 504, NULL, NGINX_PAGE, IMAGO_UNKNOWN, IMAGO_NO_FAILURE },
	{ 301, "Location: https://elsewhere.example/", "", IMAGO_UNKNOWN, IMAGO_UNKNOWN },
	{ 101, NULL, "", IMAGO_UNKNOWN, IMAGO_UNKNOWN },
	{ 0, NULL, "", IMAGO_UNKNOWN, IMAGO_UNKNOWN },
	{ 600, NULL, "", IMAGO_UNKNOWN, IMAGO_TASK_FAILED },
};
/* clang-format on */

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 4 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_clear(&arena);
	return 0;
}

static void at_submit(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct imago_outcome out = outcome_of_noise();
		struct imago_reply reply = reply_of(cases[i].status, cases[i].head, cases[i].body, headers);
		struct imago_task task = imagen4_task();

		fal_driver.parse_submit(&task, &reply, memory_of(&arena), &out);
		if (out.kind != IMAGO_FAILED || out.failure != cases[i].at_submit)
			fail_msg("%d %s: kind %d failure %d", cases[i].status, cases[i].body, (int)out.kind,
			         (int)out.failure);
		assert_true(out.message.n > 0);
	}
}

static void at_result(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct imago_outcome out = outcome_of_noise();
		struct imago_reply reply = reply_of(cases[i].status, cases[i].head, cases[i].body, headers);
		struct imago_task task = imagen4_task();
		bool again = cases[i].at_result == IMAGO_NO_FAILURE;

		fal_driver.parse_result(&task, &reply, memory_of(&arena), &out);
		if (out.kind != (again ? IMAGO_RUNNING : IMAGO_FAILED) || (!again && out.failure != cases[i].at_result))
			fail_msg("%d %s: kind %d failure %d", cases[i].status, cases[i].body, (int)out.kind,
			         (int)out.failure);
		assert_true(out.message.n > 0);
	}
}

/* A task that was taken is never given up because one poll went wrong. */
static void at_poll(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum imago_failure failure; /* NO_FAILURE: ask again */
	} polls[] = {
		{ 408, "", IMAGO_NO_FAILURE },
		{ 429, "", IMAGO_NO_FAILURE },
		{ 500, "", IMAGO_NO_FAILURE },
		{ 500, PLATFORM("internal_error"), IMAGO_NO_FAILURE },
		{ 502, NGINX_PAGE, IMAGO_NO_FAILURE },
		{ 503, PLATFORM("runner_scheduling_failure"), IMAGO_NO_FAILURE },
		{ 504, "", IMAGO_NO_FAILURE },
		{ 401, "", IMAGO_CREDENTIALS },
		{ 403, "{\"detail\":\"Exhausted balance\"}", IMAGO_NO_CREDITS },
		{ 404, "{\"status\":\"NOT_FOUND\"}", IMAGO_TASK_FAILED },
		{ 404, "{\"detail\":\"Request not found\"}", IMAGO_TASK_FAILED },
		{ 404, "<html>", IMAGO_UNKNOWN },
		{ 418, "", IMAGO_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(polls); i++) {
		struct imago_outcome out = outcome_of_noise();
		struct imago_reply reply = reply_of(polls[i].status, "Retry-After: 4", polls[i].body, headers);
		struct imago_task task = imagen4_task();
		bool again = polls[i].failure == IMAGO_NO_FAILURE;

		fal_driver.parse_poll(&task, &reply, memory_of(&arena), &out);
		if (out.kind != (again ? IMAGO_RUNNING : IMAGO_FAILED) || (!again && out.failure != polls[i].failure))
			fail_msg("%d %s: kind %d failure %d", polls[i].status, polls[i].body, (int)out.kind,
			         (int)out.failure);
		assert_int_equal(out.retry_after_s, 4);
	}
}

static void in_progress(void **state)
{
	struct imago_task task = imagen4_task();
	struct imago_reply reply = reply_of(400, NULL, "{\"detail\":\"Request is still in progress\"}", headers);
	struct imago_outcome out = outcome_of_noise();

	(void)state;
	fal_driver.parse_result(&task, &reply, memory_of(&arena), &out);
	assert_int_equal(out.kind, IMAGO_RUNNING);
	assert_int_equal(out.queue_position, -1);
}

static void messages(void **state)
{
	static char long_body[3000];
	static const struct {
		const char *body, *message;
	} texts[] = {
		{ DETAIL("one_of"), "the words" },
		{ "{\"detail\":\"a string\"}", "a string" },
		{ "{\"error\":\"an error\"}", "an error" },
		{ "{\"message\":\"a message\"}", "a message" },
		{ "{\"detail\":[]}", "HTTP 422" },
		{ "{\"detail\":[\"x\"]}", "HTTP 422" },
		{ "not JSON", "HTTP 422" },
	};
	struct imago_task task = imagen4_task();
	struct imago_outcome out;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct imago_reply reply = reply_of(422, NULL, texts[i].body, headers);

		fal_driver.parse_submit(&task, &reply, memory_of(&arena), &out);
		assert_str(out.message, texts[i].message);
	}
	(void)snprintf(long_body, sizeof(long_body), "{\"detail\":\"x");
	for (int i = 0; i < 600; i++)
		(void)snprintf(long_body + strlen(long_body), 8, "\xc3\xa9");
	(void)snprintf(long_body + strlen(long_body), 8, "\"}");
	struct imago_reply reply = reply_of(422, NULL, long_body, headers);

	fal_driver.parse_submit(&task, &reply, memory_of(&arena), &out);
	assert_int_equal(out.message.n, 599);
	assert_true(str_is_utf8(out.message));
}

static void retry_after(void **state)
{
	static const struct {
		const char *head;
		unsigned seconds;
	} heads[] = {
		{ "Retry-After: 7", 7 },
		{ "retry-after:  7 ", 7 },
		{ "Retry-After: 0", 0 },
		{ "Retry-After: -5", 0 },
		{ "Retry-After: 99999999", 86400 },
		{ "Retry-After: soon", 0 },
		{ "Retry-After: 1.5", 0 },
		{ "Date: Fri, 20 Nov 2026 10:30:00 GMT\nRetry-After: Fri, 20 Nov 2026 10:30:09 GMT", 9 },
		{ "Date: Fri, 20 Nov 2026 10:30:00 GMT\nRetry-After: Fri, 20 Nov 2026 10:29:00 GMT", 0 },
		{ "Retry-After: Fri, 20 Nov 2026 10:30:09 GMT", 0 },
		{ "", 0 },
	};
	struct imago_task task = imagen4_task();
	struct imago_outcome out;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		struct imago_reply reply = reply_of(429, heads[i].head, "", headers);

		fal_driver.parse_submit(&task, &reply, memory_of(&arena), &out);
		if (out.retry_after_s != heads[i].seconds)
			fail_msg("%s: %u", heads[i].head, out.retry_after_s);
	}
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARENA(at_submit),   WITH_ARENA(at_result), WITH_ARENA(at_poll),
		WITH_ARENA(in_progress), WITH_ARENA(messages),  WITH_ARENA(retry_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
