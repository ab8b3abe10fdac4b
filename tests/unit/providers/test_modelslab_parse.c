/*
 * ModelsLab's answers, byte for byte as its documents show them, and what is made of them.
 */
#include "driver_test.h"

#include "providers/modelslab.h"
#include "providers/registry.h"

#define CDN "https://pub-3626123a908346a7a8be8d9295f44e26.r2.dev/generations/"
#define SUCCESS \
	"{\"status\":\"success\",\"generationTime\":1.3,\"id\":12202888,\"output\":[\"" CDN "0-abc.png\",\"" CDN \
	"1-abc.png\"],\"proxy_links\":[\"https://cdn2.stablediffusionapi.com/generations/0-abc.png\"]," \
	"\"nsfw_content_detected\":false,\"webhook_status\":\"\",\"meta\":{\"seed\":123,\"W\":512,\"H\":768},\"tip\":\"x\"}"
#define PROCESSING \
	"{\"status\":\"processing\",\"tip\":\"Get your images later\",\"eta\":12.5,\"message\":\"Try to fetch request after " \
	"given estimated time\",\"webhook_status\":\"\",\"fetch_result\":\"https://thief.example/api/v6/images/fetch/666\"," \
	"\"id\":13902970,\"output\":[],\"future_links\":[\"" CDN "0-def.png\"],\"meta\":{}}"

static int setup(void **state)
{
	static struct arena arena;

	arena_init(&arena, 4 << 20);
	*state = &arena;
	return 0;
}

static int teardown(void **state)
{
	arena_clear(*state);
	return 0;
}

static struct imago_task task_of(enum imago_operation operation)
{
	return (struct imago_task){ .operation = operation, .model = STR("sd-1.5"), .params = STR("{}") };
}

static struct imago_outcome submitted(struct arena *arena, int status, const char *headers, const char *body)
{
	struct imago_task task = task_of(IMAGO_TEXT_TO_IMAGE);
	struct imago_outcome out = outcome_of_noise();
	struct imago_header space[8];
	struct imago_reply reply = reply_of(status, headers, body, space);

	modelslab_driver.parse_submit(&task, &reply, memory_of(arena), &out);
	return out;
}

static struct imago_outcome polled(struct arena *arena, int status, const char *headers, const char *body)
{
	struct imago_task task = task_of(IMAGO_TEXT_TO_IMAGE);
	struct imago_outcome out = outcome_of_noise();
	struct imago_header space[8];
	struct imago_reply reply = reply_of(status, headers, body, space);

	modelslab_driver.parse_poll(&task, &reply, memory_of(arena), &out);
	return out;
}

/* ---- submit ---- */

static void queued(void **state)
{
	struct imago_outcome out = submitted(*state, 200, NULL, PROCESSING);

	assert_int_equal(out.kind, IMAGO_QUEUED);
	assert_str(out.handle, "images 13902970");
	assert_str(out.provider_request_id, "13902970");
	assert_int_equal(out.retry_after_s, 13);
	assert_int_equal(out.progress, -1);
	assert_int_equal(out.queue_position, -1);
	assert_int_equal(out.cost_micros, -1);
}

/* Done at once, yet queued: the id is on record before a picture is stored. */
static void done_at_once(void **state)
{
	struct imago_outcome out = submitted(*state, 200, NULL, SUCCESS);

	assert_int_equal(out.kind, IMAGO_QUEUED);
	assert_str(out.handle, "images 12202888");
	assert_int_equal(out.retry_after_s, 0);
	out = submitted(*state, 200, NULL, "{\"status\":\"success\",\"output\":[\"" CDN "0.png\"],\"meta\":{}}");
	assert_int_equal(out.kind, IMAGO_DONE);
	assert_int_equal(out.image_count, 1);
	assert_str(out.images[0].url, CDN "0.png");
}

static void family(void **state)
{
	struct imago_task task = task_of(IMAGO_FACE_FIX);
	struct imago_outcome out = outcome_of_noise();
	struct imago_header space[8];
	struct imago_reply reply = reply_of(200, NULL, "{\"status\":\"processing\",\"id\":7,\"output\":\"\"}", space);

	modelslab_driver.parse_submit(&task, &reply, memory_of(*state), &out);
	assert_str(out.handle, "image_editing 7");
}

static void ids(void **state)
{
	static const struct {
		const char *body, *handle;
	} cases[] = {
		{ "{\"status\":\"processing\",\"id\":\"abc123-def456\",\"eta\":30}", "images abc123-def456" },
		{ "{\"status\":\"processing\",\"fetch_result\":\"https://modelslab.com/api/v6/images/fetch/99\"}",
		  "images 99" },
		{ "{\"status\":\"processing\",\"id\":\"../x\",\"fetch_result\":\"https://a.example/fetch/5\"}",
		  "images 5" },
		{ "{\"status\":\"processing\",\"id\":\"../x\"}", NULL },
		{ "{\"status\":\"processing\",\"id\":-5}", NULL },
		{ "{\"status\":\"processing\",\"id\":null,\"fetch_result\":\"https://a.example/fetch/\"}", NULL },
		{ "{\"status\":\"processing\",\"id\":1.5,\"fetch_result\":\"https://a.example/?id=3\"}", NULL },
		{ "{\"status\":\"success\",\"output\":[]}", NULL },
		{ "{\"status\":\"success\",\"output\":[\"file:///etc/passwd\"]}", NULL },
		{ "{\"status\":\"success\"}", NULL },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct imago_outcome out = submitted(*state, 200, NULL, cases[i].body);

		if (cases[i].handle) {
			assert_int_equal(out.kind, IMAGO_QUEUED);
			assert_str(out.handle, cases[i].handle);
		} else if (out.kind != IMAGO_FAILED || out.failure != IMAGO_UNKNOWN) {
			fail_msg("%s: kind %d failure %d", cases[i].body, (int)out.kind, (int)out.failure);
		}
	}
}

static void waits(void **state)
{
	static const struct {
		const char *eta;
		unsigned seconds;
	} cases[] = {
		{ "0", 0 },      { "-3", 0 },      { "0.2", 1 },      { "12", 12 },  { "59.5", 60 }, { "60", 60 },
		{ "86400", 60 }, { "\"20\"", 20 }, { "\"soon\"", 0 }, { "null", 0 }, { "[]", 0 },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct str body = imago_printf(memory_of(*state), "{\"status\":\"processing\",\"id\":1,\"eta\":%s}",
		                               cases[i].eta);
		struct imago_outcome out = polled(*state, 200, NULL, body.p);

		assert_int_equal(out.kind, IMAGO_RUNNING);
		if (out.retry_after_s != cases[i].seconds)
			fail_msg("eta %s: %u", cases[i].eta, out.retry_after_s);
	}
}

/* ---- poll ---- */

static void pictures(void **state)
{
	struct imago_outcome out = polled(*state, 200, NULL, SUCCESS);

	assert_int_equal(out.kind, IMAGO_DONE);
	assert_int_equal(out.image_count, 2);
	assert_str(out.images[0].url, CDN "0-abc.png");
	assert_str(out.images[1].url, CDN "1-abc.png");
	assert_int_equal(out.images[0].width, 512);
	assert_int_equal(out.images[0].height, 768);
	assert_false(out.images[0].withheld);
	assert_true(out.has_seed);
	assert_int_equal(out.seed, 123);
	assert_int_equal(out.cost_micros, -1);
	assert_str(out.provider_request_id, "12202888");
}

static void odd_pictures(void **state)
{
	struct imago_outcome out;

	out = polled(*state, 200, NULL, "{\"status\":\"success\",\"id\":1,\"output\":\"" CDN "only.png\"}");
	assert_int_equal(out.image_count, 1);
	assert_str(out.images[0].url, CDN "only.png");
	assert_false(out.has_seed);
	out = polled(*state, 200, NULL, "{\"status\":\"success\",\"output\":[],\"proxy_links\":[\"" CDN "p.png\"]}");
	assert_str(out.images[0].url, CDN "p.png");
	out = polled(*state, 200, NULL,
	             "{\"status\":\"success\",\"nsfw_content_detected\":true,\"output\":[\"" CDN "a.png\"]}");
	assert_true(out.images[0].withheld);
	out = polled(*state, 200, NULL, "{\"status\":\"success\",\"output\":[],\"future_links\":[\"" CDN "p.png\"]}");
	assert_int_equal(out.kind, IMAGO_FAILED);
	assert_int_equal(out.failure, IMAGO_TASK_FAILED);
	out = polled(*state, 200, NULL,
	             "{\"status\":\"success\",\"output\":[1,null,[],\"\",\"ftp://x/y\",\"javascript:1\"]}");
	assert_int_equal(out.failure, IMAGO_TASK_FAILED);
	out = polled(*state, 200, NULL, PROCESSING);
	assert_int_equal(out.kind, IMAGO_RUNNING);
	assert_int_equal(out.retry_after_s, 13);
	out = polled(*state, 200, NULL, "{\"status\":\"processing\",\"output\":\"\"}");
	assert_int_equal(out.kind, IMAGO_RUNNING);
}

/* More than there can be: as many as there is room for. */
static void too_many(void **state)
{
	struct imago_outcome out = polled(
		*state, 200, NULL,
		"{\"status\":\"success\",\"output\":[\"http://a.b/1\",\"http://a.b/2\",\"http://a.b/3\",\"http://a.b/4\","
		"\"http://a.b/5\",\"http://a.b/6\",\"http://a.b/7\",\"http://a.b/8\",\"http://a.b/9\",\"http://a.b/10\","
		"\"http://a.b/11\"]}");

	assert_int_equal(out.image_count, IMAGO_IMAGES_MAX);
}

/* ---- errors ---- */

#define ERROR(text) "{\"status\":\"error\",\"message\":\"" text "\"}"
#define MISSPELT(text) "{\"status\":\"error\",\"messege\":\"" text "\"}"
#define LIMIT \
	"{\"status\":\"error\",\"message\":\"Rate limit exceeded. Maximum 5 queued requests allowed.\",\"retry_after\":30}"

/* clang-format off: one line each */
static const struct error_case {
	int status;
	const char *headers, *body;
	int at_submit, later; /* a failure; -1: ask again */
	unsigned retry_after_s;
} error_cases[] = {
	{ 200, NULL, ERROR("Invalid API Key"), IMAGO_CREDENTIALS, IMAGO_CREDENTIALS, 0 },
	{ 200, NULL, MISSPELT("Invalid API key"), IMAGO_CREDENTIALS, IMAGO_CREDENTIALS, 0 },
	{ 401, NULL, ERROR("Invalid API key"), IMAGO_CREDENTIALS, IMAGO_CREDENTIALS, 0 },
	{ 401, NULL, "<html>", IMAGO_CREDENTIALS, IMAGO_CREDENTIALS, 0 },
	{ 200, NULL, ERROR("Authentication required. Please provide a valid API key."), IMAGO_CREDENTIALS,
	  IMAGO_CREDENTIALS, 0 },
	{ 200, NULL, "{\"status\":\"error\",\"message\":{\"key\":[\"The key field is required.\"]}}", IMAGO_CREDENTIALS,
	  IMAGO_CREDENTIALS, 0 },
	{ 402, NULL, ERROR("Insufficient credits. Please add more credits to continue."), IMAGO_NO_CREDITS,
	  IMAGO_NO_CREDITS, 0 },
	{ 200, NULL, ERROR("Insufficient credits. Please add more credits to continue."), IMAGO_NO_CREDITS,
	  IMAGO_NO_CREDITS, 0 },
	{ 403, NULL, ERROR("This feature requires a premium subscription"), IMAGO_NO_CREDITS, IMAGO_NO_CREDITS, 0 },
	{ 403, NULL, "forbidden", IMAGO_CREDENTIALS, IMAGO_CREDENTIALS, 0 },
	{ 429, NULL, LIMIT, IMAGO_RATE_LIMITED, -1, 30 },
	{ 200, NULL, LIMIT, IMAGO_RATE_LIMITED, -1, 30 },
	{ 429, "Retry-After: 7", "{}", IMAGO_RATE_LIMITED, -1, 7 },
	{ 200, NULL, ERROR("NSFW content detected in the prompt"), IMAGO_REFUSED, IMAGO_REFUSED, 0 },
	{ 200, NULL, ERROR("Model not found: invalid_model_name"), IMAGO_GONE, IMAGO_TASK_FAILED, 0 },
	{ 200, NULL, ERROR("Unable to fetch image from provided URL"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT, 0 },
	{ 400, NULL, ERROR("samples must be between 1 and 4"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT, 0 },
	{ 200, NULL, "{\"status\":\"error\",\"message\":{\"prompt\":[\"The prompt field is required.\"]}}",
	  IMAGO_BAD_INPUT, IMAGO_TASK_FAILED, 0 },
	{ 200, NULL, ERROR("something nobody has seen"), IMAGO_BAD_INPUT, IMAGO_TASK_FAILED, 0 },
	{ 200, NULL, "{\"status\":\"failed\",\"message\":\"something broke\"}", IMAGO_TASK_FAILED, IMAGO_TASK_FAILED,
	  0 },
	{ 200, NULL, "{\"status\":\"failed\"}", IMAGO_TASK_FAILED, IMAGO_TASK_FAILED, 0 },
	{ 200, NULL, ERROR("Processing failed: Invalid input dimensions"), IMAGO_BAD_INPUT, IMAGO_BAD_INPUT, 0 },
	{ 500, NULL, ERROR("Internal server error. Please try again."), IMAGO_UNKNOWN, -1, 0 },
	{ 200, NULL, ERROR("Internal server error. Please try again."), IMAGO_UNKNOWN, IMAGO_TASK_FAILED, 0 },
	{ 500, NULL, ERROR("samples must be 4"), IMAGO_UNKNOWN, -1, 0 },
	{ 503, NULL, ERROR("Service temporarily unavailable. Please try again later."), IMAGO_OVERLOADED, -1, 0 },
	{ 503, NULL, "<html>bad</html>", IMAGO_UNKNOWN, -1, 0 },
	{ 503, "Retry-After: 5", "<html>bad</html>", IMAGO_OVERLOADED, -1, 5 },
	{ 502, NULL, "<html>bad gateway</html>", IMAGO_UNKNOWN, -1, 0 },
	{ 504, NULL, "", IMAGO_UNKNOWN, -1, 0 },
	{ 404, NULL, "<html>not found</html>", IMAGO_GONE, IMAGO_UNKNOWN, 0 },
	{ 404, NULL, ERROR("Request not found"), IMAGO_GONE, IMAGO_TASK_FAILED, 0 },
	{ 408, NULL, "", IMAGO_UNKNOWN, -1, 0 },
	{ 422, NULL, "{}", IMAGO_BAD_INPUT, IMAGO_UNKNOWN, 0 },
	{ 200, NULL, "", IMAGO_UNKNOWN, IMAGO_UNKNOWN, 0 },
	{ 200, NULL, "{\"status\":\"pondering\"}", IMAGO_UNKNOWN, IMAGO_UNKNOWN, 0 },
	{ 200, NULL, "{\"status\":[]}", IMAGO_UNKNOWN, IMAGO_UNKNOWN, 0 },
	{ 302, NULL, "", IMAGO_UNKNOWN, IMAGO_UNKNOWN, 0 },
	{ 500, NULL, "{\"status\":\"success\",\"id\":1}", IMAGO_UNKNOWN, -1, 0 },
};
/* clang-format on */

static void errors(void **state)
{
	for (size_t i = 0; i < COUNT_OF(error_cases); i++) {
		const struct error_case *c = &error_cases[i];
		struct imago_outcome at_submit = submitted(*state, c->status, c->headers, c->body);
		struct imago_outcome later = polled(*state, c->status, c->headers, c->body);
		int got = later.kind == IMAGO_RUNNING ? -1 : (int)later.failure;

		if (at_submit.kind != IMAGO_FAILED || (int)at_submit.failure != c->at_submit || got != c->later)
			fail_msg("%d %s: at submit %d, later %d", c->status, c->body, (int)at_submit.failure, got);
		assert_true(at_submit.message.n > 0);
		assert_int_equal(at_submit.retry_after_s, c->retry_after_s);
		assert_int_equal(later.retry_after_s, c->retry_after_s);
	}
}

static void words(void **state)
{
	struct imago_outcome out = submitted(*state, 200, NULL, MISSPELT("Model not found: x"));

	assert_str(out.message, "Model not found: x");
	out = submitted(*state, 200, NULL,
	                "{\"status\":\"error\",\"message\":{\"width\":[\"must be between 256 and 1024\"]}}");
	assert_str(out.message, "width: must be between 256 and 1024");
	out = submitted(*state, 400, NULL, "");
	assert_str(out.message, "ModelsLab answered with status 400 and no reason");
}

static void check(void **state)
{
	static const struct {
		int status;
		const char *body;
		int failure; /* 0: the key is good */
	} cases[] = {
		{ 200, "{\"status\":\"success\",\"data\":{\"balance\":43.6,\"currency\":\"USD\"}}", 0 },
		{ 200, ERROR("Invalid API Key"), IMAGO_CREDENTIALS },
		{ 401, ERROR("Invalid API key"), IMAGO_CREDENTIALS },
		{ 200, "<html>", IMAGO_UNKNOWN },
		{ 503, "", IMAGO_UNKNOWN },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct imago_outcome out = outcome_of_noise();
		struct imago_header space[8];
		struct imago_reply reply = reply_of(cases[i].status, NULL, cases[i].body, space);

		modelslab_driver.parse_check(&reply, memory_of(*state), &out);
		assert_int_equal(out.kind, cases[i].failure ? IMAGO_FAILED : IMAGO_DONE);
		assert_int_equal(out.failure, cases[i].failure);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(queued, setup, teardown),
		cmocka_unit_test_setup_teardown(done_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(family, setup, teardown),
		cmocka_unit_test_setup_teardown(ids, setup, teardown),
		cmocka_unit_test_setup_teardown(waits, setup, teardown),
		cmocka_unit_test_setup_teardown(pictures, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_pictures, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(errors, setup, teardown),
		cmocka_unit_test_setup_teardown(words, setup, teardown),
		cmocka_unit_test_setup_teardown(check, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
