/*
 * fal's answers at each stage, from recorded and documented bytes: what goes well.
 */
#include <stdio.h>

#include "driver_test.h"

#include "providers/registry.h"

enum stage { SUBMIT, POLL, RESULT, CANCEL, CHECK };

static struct arena arena;
static struct imago_header headers[8];

static struct imago_outcome parse(enum stage stage, int status, const char *head, const char *body)
{
	struct imago_outcome out = outcome_of_noise();
	struct imago_reply reply = reply_of(status, head, body, headers);
	struct imago_task task = imagen4_task();
	struct imago_memory *memory = memory_of(&arena);

	switch (stage) {
	case SUBMIT: fal_driver.parse_submit(&task, &reply, memory, &out); break;
	case POLL: fal_driver.parse_poll(&task, &reply, memory, &out); break;
	case RESULT: fal_driver.parse_result(&task, &reply, memory, &out); break;
	case CANCEL: fal_driver.parse_cancel(&task, &reply, memory, &out); break;
	case CHECK: fal_driver.parse_check(&reply, memory, &out); break;
	}
	return out;
}

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

static void submitted(void **state)
{
	struct imago_outcome out = parse(
		SUBMIT, 200, NULL,
		"{\"status\":\"IN_QUEUE\",\"request_id\":\"" REQUEST_ID "\","
		"\"response_url\":\"https://evil.example/fal-ai/imagen4/requests/" REQUEST_ID "\","
		"\"status_url\":\"https://evil.example/s\",\"cancel_url\":\"https://evil.example/c\","
		"\"logs\":null,\"metrics\":{},\"queue_position\":3}");

	(void)state;
	assert_int_equal(out.kind, IMAGO_QUEUED);
	assert_str(out.handle, HANDLE);
	assert_str(out.provider_request_id, REQUEST_ID);
	assert_int_equal(out.queue_position, 3);
	assert_int_equal(out.progress, -1);
	assert_int_equal(out.cost_micros, -1);
	assert_int_equal(out.image_count, 0);
	assert_false(out.has_seed);
}

/* The task was most probably taken: never a "no". */
static void submitted_without_id(void **state)
{
	static const char *const bodies[] = {
		"",
		"{}",
		"[]",
		"null",
		"<html>",
		"{\"request_id\":\"\"}",
		"{\"request_id\":7}",
		"{\"request_id\":\"a/b\"}",
		"{\"request_id\":\"..\"}",
		"{\"request_id\":\"a b\"}",
		"{\"request_id\":\"a?b\"}",
		"{\"request_id\":\"x\"",
		"{\"request_id\":\"\\u0000\"}",
	};
	char text[300] = "{\"request_id\":\"";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		struct imago_outcome out = parse(SUBMIT, 200, NULL, bodies[i]);

		if (out.kind != IMAGO_FAILED || out.failure != IMAGO_UNKNOWN)
			fail_msg("%s", bodies[i]);
	}
	memset(text + 15, 'a', 201);
	memcpy(text + 216, "\"}", 3);
	assert_int_equal(parse(SUBMIT, 200, NULL, text).failure, IMAGO_UNKNOWN);
	memcpy(text + 215, "\"}", 3);
	assert_int_equal(parse(SUBMIT, 200, NULL, text).kind, IMAGO_QUEUED);
}

/* clang-format off */
static const struct poll_case {
	int status;
	const char *body;
	enum imago_outcome_kind kind;
	int position;
} poll_cases[] = {
	{ 202, "{\"status\":\"IN_QUEUE\",\"request_id\":\"x\",\"queue_position\":0}", IMAGO_RUNNING, 0 },
	{ 202, "{\"status\":\"IN_QUEUE\",\"queue_position\":17}", IMAGO_RUNNING, 17 },
	{ 200, "{\"status\":\"IN_QUEUE\",\"queue_position\":-4}", IMAGO_RUNNING, -1 },
	{ 200, "{\"status\":\"IN_QUEUE\",\"queue_position\":99999999999}", IMAGO_RUNNING, -1 },
	{ 200, "{\"status\":\"IN_QUEUE\",\"queue_position\":99999999999999999999}", IMAGO_RUNNING, -1 },
	{ 202, "{\"status\":\"IN_QUEUE\"}", IMAGO_RUNNING, -1 },
	{ 202, "{\"status\":\"IN_PROGRESS\",\"logs\":null,\"queue_position\":5}", IMAGO_RUNNING, -1 },
	{ 202, "{\"status\":\"IN_PROGRESS\",\"logs\":[{\"message\":\"m\",\"timestamp\":\"2026-01-01T00:00:00Z\","
	       "\"level\":\"INFO\",\"source\":\"USER\"}]}", IMAGO_RUNNING, -1 },
	{ 200, "{\"status\":\"COMPLETED\",\"metrics\":{\"inference_time\":1.27}}", IMAGO_READY, -1 },
	{ 202, "{\"status\":\"COMPLETED\"}", IMAGO_READY, -1 },
	{ 200, "{\"status\":\"COMPLETED\",\"error\":\"flagged\",\"error_type\":\"content_policy_violation\"}", IMAGO_READY, -1 },
	{ 200, "{\"status\":\"COMPLETED\",\"error_type\":\"client_cancelled\"}", IMAGO_READY, -1 },
	{ 200, "{\"status\":\"SLEEPING\"}", IMAGO_FAILED, -1 },
	{ 200, "{}", IMAGO_FAILED, -1 },
	{ 200, "", IMAGO_FAILED, -1 },
	{ 200, "<html>sign in to the hotel</html>", IMAGO_FAILED, -1 },
	{ 302, "", IMAGO_FAILED, -1 },
};
/* clang-format on */

static void polled(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(poll_cases); i++) {
		const struct poll_case *c = &poll_cases[i];
		struct imago_outcome out = parse(POLL, c->status, NULL, c->body);

		if (out.kind != c->kind || out.queue_position != c->position || out.progress != -1)
			fail_msg("%d %s: kind %d, position %d", c->status, c->body, (int)out.kind, out.queue_position);
		if (out.kind == IMAGO_FAILED)
			assert_int_equal(out.failure, IMAGO_UNKNOWN);
	}
	assert_str(parse(POLL, poll_cases[10].status, NULL, poll_cases[10].body).message, "flagged");
}

static void result_of_imagen4(void **state)
{
	struct imago_outcome out = parse(
		RESULT, 200,
		"x-fal-request-id: " REQUEST_ID "\nX-Fal-Billable-Units: 2\nContent-Type: application/json",
		"{\"images\":[{\"url\":\"https://v3.fal.media/files/a/b.png\",\"content_type\":\"image/png\","
		"\"file_name\":\"output.png\",\"file_size\":1234567,\"width\":1024,\"height\":768},"
		"{\"url\":\"https://v3.fal.media/files/a/c.png\",\"content_type\":null,\"width\":null}],"
		"\"description\":\"\",\"seed\":42}");

	(void)state;
	assert_int_equal(out.kind, IMAGO_DONE);
	assert_int_equal(out.image_count, 2);
	assert_str(out.images[0].url, "https://v3.fal.media/files/a/b.png");
	assert_str(out.images[0].content_type, "image/png");
	assert_int_equal(out.images[0].width, 1024);
	assert_int_equal(out.images[0].height, 768);
	assert_false(out.images[0].withheld);
	assert_str(out.images[1].url, "https://v3.fal.media/files/a/c.png");
	assert_int_equal(out.images[1].content_type.n, 0);
	assert_int_equal(out.images[1].width, 0);
	assert_true(out.has_seed);
	assert_int_equal(out.seed, 42);
	assert_int_equal(out.cost_micros, 80000);
	assert_str(out.provider_request_id, REQUEST_ID);
}

static void result_of_flux(void **state)
{
	struct imago_outcome out = parse(
		RESULT, 200, NULL,
		"{\"images\":[{\"url\":\"https://fal.media/a.jpg\"},{\"url\":\"https://fal.media/b.jpg\"}],"
		"\"seed\":15860307465884635512,\"prompt\":\"12345678901234567890 \\\" 12345678901234567890\","
		"\"has_nsfw_concepts\":[false,true],\"timings\":{\"inference\":0.12345678901234567890}}");

	(void)state;
	assert_int_equal(out.kind, IMAGO_DONE);
	assert_int_equal(out.image_count, 2);
	assert_false(out.images[0].withheld);
	assert_true(out.images[1].withheld);
	/* a seed of 64 unsigned bits does not fit, and does not cost the pictures */
	assert_false(out.has_seed);
	assert_int_equal(out.cost_micros, -1);
}

/* clang-format off */
static const struct shape_case {
	const char *body, *url;         /* url NULL: no picture */
	enum imago_failure failure;
} shape_cases[] = {
	{ "{\"image\":{\"url\":\"https://fal.media/i.png\"}}", "https://fal.media/i.png", IMAGO_NO_FAILURE },
	{ "{\"video\":{\"url\":\"https://fal.media/v.mp4\",\"content_type\":\"video/mp4\"}}", "https://fal.media/v.mp4",
	  IMAGO_NO_FAILURE },
	{ "{\"videos\":[{\"url\":\"https://fal.media/v.mp4\"}]}", "https://fal.media/v.mp4", IMAGO_NO_FAILURE },
	{ "{\"images\":[],\"image\":{\"url\":\"https://fal.media/i.png\"}}", "https://fal.media/i.png", IMAGO_NO_FAILURE },
	{ "{\"images\":[{\"url\":\"data:image/png;base64,AAAA\"}]}", "data:image/png;base64,AAAA", IMAGO_NO_FAILURE },
	{ "{\"images\":[{\"url\":\"http://127.0.0.1:9/f.png\"}]}", "http://127.0.0.1:9/f.png", IMAGO_NO_FAILURE },
	{ "{\"images\":[7,null,{\"url\":null},{\"url\":\"https://fal.media/i.png\"}]}", "https://fal.media/i.png",
	  IMAGO_NO_FAILURE },
	{ "{\"images\":[{\"url\":\"file:///etc/passwd\"}]}", NULL, IMAGO_TASK_FAILED },
	{ "{\"images\":[{\"url\":\"//fal.media/x\"}]}", NULL, IMAGO_TASK_FAILED },
	{ "{\"images\":[{\"url\":\"data:text/html,x\"}]}", NULL, IMAGO_TASK_FAILED },
	{ "{\"images\":\"https://fal.media/i.png\"}", NULL, IMAGO_TASK_FAILED },
	{ "{\"images\":[]}", NULL, IMAGO_TASK_FAILED },
	{ "{}", NULL, IMAGO_TASK_FAILED },
	{ "[]", NULL, IMAGO_UNKNOWN },
	{ "null", NULL, IMAGO_UNKNOWN },
	{ "", NULL, IMAGO_UNKNOWN },
	{ "{\"images\":[{\"url\":\"https://fal.media/i.png\"}", NULL, IMAGO_UNKNOWN },
};
/* clang-format on */

static void result_shapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(shape_cases); i++) {
		const struct shape_case *c = &shape_cases[i];
		struct imago_outcome out = parse(RESULT, 200, NULL, c->body);

		if (c->url) {
			assert_int_equal(out.kind, IMAGO_DONE);
			assert_int_equal(out.image_count, 1);
			assert_str(out.images[0].url, c->url);
			continue;
		}
		if (out.kind != IMAGO_FAILED || out.failure != c->failure)
			fail_msg("%s: kind %d failure %d", c->body, (int)out.kind, (int)out.failure);
	}
}

static void result_with_too_many(void **state)
{
	char body[2000] = "{\"images\":[";

	(void)state;
	for (int i = 0; i < 15; i++) {
		size_t n = strlen(body);

		(void)snprintf(body + n, sizeof(body) - n, "%s{\"url\":\"https://fal.media/%d.png\"}", i ? "," : "", i);
	}
	(void)snprintf(body + strlen(body), 3, "]}");
	assert_int_equal(parse(RESULT, 200, NULL, body).image_count, IMAGO_IMAGES_MAX);
}

static void billable_units(void **state)
{
	static const struct {
		const char *header;
		int64_t micros;
	} cases[] = {
		{ "X-Fal-Billable-Units: 1", 40000 }, { "x-fal-billable-units: 0.5", 20000 },
		{ "X-Fal-Billable-Units: 0", 0 },     { "X-Fal-Billable-Units: -1", -1 },
		{ "X-Fal-Billable-Units: nan", -1 },  { "X-Fal-Billable-Units: 1e300", -1 },
		{ "X-Fal-Billable-Units: two", -1 },  { "X-Fal-Billable-Units:", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct imago_outcome out = parse(RESULT, 200, cases[i].header,
		                                 "{\"image\":{\"url\":\"https://fal.media/i\"}}");

		if (out.cost_micros != cases[i].micros)
			fail_msg("%s: %lld", cases[i].header, (long long)out.cost_micros);
	}
}

/* clang-format off */
static const struct cancel_case {
	int status;
	const char *body;
	enum imago_outcome_kind kind;
	enum imago_failure failure;
} cancel_cases[] = {
	{ 202, "{\"status\":\"CANCELLATION_REQUESTED\"}", IMAGO_CANCEL_ACCEPTED, IMAGO_NO_FAILURE },
	{ 200, "{\"success\":true}", IMAGO_CANCEL_ACCEPTED, IMAGO_NO_FAILURE },
	{ 204, "", IMAGO_CANCEL_ACCEPTED, IMAGO_NO_FAILURE },
	{ 400, "{\"status\":\"ALREADY_COMPLETED\"}", IMAGO_CANCEL_TOO_LATE, IMAGO_NO_FAILURE },
	{ 400, "{\"detail\":\"what?\"}", IMAGO_FAILED, IMAGO_UNKNOWN },
	{ 404, "{\"status\":\"NOT_FOUND\"}", IMAGO_FAILED, IMAGO_TASK_FAILED },
	{ 404, "<html>", IMAGO_FAILED, IMAGO_UNKNOWN },
	{ 401, "{\"detail\":\"No user found for Key ID and Secret\"}", IMAGO_FAILED, IMAGO_CREDENTIALS },
	{ 429, "", IMAGO_FAILED, IMAGO_RATE_LIMITED },
	{ 500, "", IMAGO_FAILED, IMAGO_UNKNOWN },
};
/* clang-format on */

static void cancelled(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cancel_cases); i++) {
		const struct cancel_case *c = &cancel_cases[i];
		struct imago_outcome out = parse(CANCEL, c->status, NULL, c->body);

		if (out.kind != c->kind || out.failure != c->failure)
			fail_msg("%d %s: kind %d failure %d", c->status, c->body, (int)out.kind, (int)out.failure);
	}
}

/* clang-format off */
static const struct cancel_case check_cases[] = {
	{ 404, "{\"status\":\"NOT_FOUND\"}", IMAGO_DONE, IMAGO_NO_FAILURE },
	{ 404, "{\"detail\":\"Request not found\"}", IMAGO_DONE, IMAGO_NO_FAILURE },
	{ 200, "{\"status\":\"COMPLETED\"}", IMAGO_DONE, IMAGO_NO_FAILURE },
	{ 401, "{\"detail\":\"No user found for Key ID and Secret\"}", IMAGO_FAILED, IMAGO_CREDENTIALS },
	{ 403, "{\"detail\":\"User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.\"}",
	  IMAGO_FAILED, IMAGO_NO_CREDITS },
	{ 403, "{\"detail\":\"Access denied\"}", IMAGO_FAILED, IMAGO_CREDENTIALS },
	{ 404, "<html>nginx</html>", IMAGO_FAILED, IMAGO_UNKNOWN },
	{ 502, "", IMAGO_FAILED, IMAGO_UNKNOWN },
};
/* clang-format on */

static void checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(check_cases); i++) {
		const struct cancel_case *c = &check_cases[i];
		struct imago_outcome out = parse(CHECK, c->status, NULL, c->body);

		if (out.kind != c->kind || out.failure != c->failure)
			fail_msg("%d %s: kind %d failure %d", c->status, c->body, (int)out.kind, (int)out.failure);
	}
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARENA(submitted),
		WITH_ARENA(submitted_without_id),
		WITH_ARENA(polled),
		WITH_ARENA(result_of_imagen4),
		WITH_ARENA(result_of_flux),
		WITH_ARENA(result_shapes),
		WITH_ARENA(result_with_too_many),
		WITH_ARENA(billable_units),
		WITH_ARENA(cancelled),
		WITH_ARENA(checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
