/*
 * What leaves for fal: paths, headers, bodies; and what is refused before anything leaves.
 */
#include "driver_test.h"

#include "providers/fal.h"
#include "providers/registry.h"

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

static struct str header(const struct imago_call *call, const char *name)
{
	for (unsigned i = 0; i < call->header_count; i++) {
		if (str_eq_nocase(call->headers[i].name, str_from(name)))
			return call->headers[i].value;
	}
	return (struct str){ NULL, 0 };
}

/* ---- paths ---- */

/* clang-format off */
static const struct path_case {
	const char *model, *submit, *app;       /* submit NULL: refused */
} path_cases[] = {
	{ "fal-ai/imagen4/preview", "fal-ai/imagen4/preview", "fal-ai/imagen4" },
	{ "fal-ai/flux-pro/v1.1", "fal-ai/flux-pro/v1.1", "fal-ai/flux-pro" },
	{ "fal-ai/nano-banana", "fal-ai/nano-banana", "fal-ai/nano-banana" },
	{ "fal-ai/imagen4/preview/ultra", "fal-ai/imagen4/preview/ultra", "fal-ai/imagen4" },
	{ "workflows/me/flow/sub", "workflows/me/flow/sub", "workflows/me/flow" },
	{ "comfy/me/flow", "comfy/me/flow", "comfy/me/flow" },
	{ "12345-some-name", "12345/some-name", "12345/some-name" },
	{ "workflows/me", NULL, NULL },
	{ "imagen4", NULL, NULL },
	{ "", NULL, NULL },
	{ "/fal-ai/flux", NULL, NULL },
	{ "fal-ai/flux/", NULL, NULL },
	{ "fal-ai//flux", NULL, NULL },
	{ "fal-ai/../flux", NULL, NULL },
	{ "fal-ai/./flux", NULL, NULL },
	{ "fal-ai/flux?x=1", NULL, NULL },
	{ "fal-ai/fl ux", NULL, NULL },
	{ "fal-ai/flux%2e", NULL, NULL },
	{ "fal-ai/flux\r\nHost: x", NULL, NULL },
	{ "https://fal.run/fal-ai/flux", NULL, NULL },
	{ "-name", NULL, NULL },
	{ "123-", NULL, NULL },
};
/* clang-format on */

static void paths(void **state)
{
	struct str submit, app;

	for (size_t i = 0; i < COUNT_OF(path_cases); i++) {
		const struct path_case *c = &path_cases[i];
		bool ok = fal_paths(str_from(c->model), memory_of(*state), &submit, &app);

		if (ok != (c->submit != NULL))
			fail_msg("%s: %s", c->model, ok ? "accepted" : "refused");
		if (!ok)
			continue;
		assert_str(submit, c->submit);
		assert_str(app, c->app);
	}
}

static void handles(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"fal-ai/imagen4",
		"fal-ai/imagen4 ",
		" id",
		"fal-ai/imagen4 a/b",
		"fal-ai/imagen4 ..",
		"fal-ai/imagen4 a b",
		"fal-ai/imagen4 a\nb",
		"../x id",
		"fal-ai/x? id",
		"fal-ai/x/ id",
	};
	struct fal_handle h;

	(void)state;
	assert_true(fal_handle_read(STR(HANDLE), &h));
	assert_str(h.app, "fal-ai/imagen4");
	assert_str(h.request_id, REQUEST_ID);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (fal_handle_read(str_from(bad[i]), &h))
			fail_msg("accepted: %s", bad[i]);
	}
}

/* ---- requests ---- */

static void submit(void **state)
{
	struct imago_task task = imagen4_task();
	struct imago_account account = fal_account();
	struct imago_outcome out = outcome_of_noise();
	struct imago_call call;

	assert_true(fal_driver.build_submit(&task, &account, memory_of(*state), &call, &out));
	assert_string_equal(call.method, "POST");
	assert_str(call.url, "https://queue.fal.run/fal-ai/imagen4/preview");
	assert_str(call.body, "{\"prompt\":\"caf\xc3\xa9 au soleil\",\"aspect_ratio\":\"16:9\",\"num_images\":2,"
	                      "\"output_format\":\"png\"}");
	assert_str(header(&call, "content-type"), "application/json");
	assert_str(header(&call, "accept"), "application/json");
	assert_str(header(&call, "authorization"), "Key id-1:secret-1");
	for (unsigned i = 0; i < call.header_count; i++)
		assert_int_equal(call.headers[i].is_secret, str_is(call.headers[i].name, "Authorization"));
}

static void submit_query(void **state)
{
	struct imago_task task = imagen4_task();
	struct imago_account account = fal_account();
	struct imago_outcome out;
	struct imago_call call;

	task.params = STR("{\"max_images\":4,\"max_queue_length\":50}");
	assert_true(fal_driver.build_submit(&task, &account, memory_of(*state), &call, &out));
	assert_str(call.url, "https://queue.fal.run/fal-ai/imagen4/preview?fal_max_queue_length=50");
	task.webhook_url = STR("https://example.com/hook?a=1&b=2");
	assert_true(fal_driver.build_submit(&task, &account, memory_of(*state), &call, &out));
	assert_str(call.url, "https://queue.fal.run/fal-ai/imagen4/preview?fal_webhook="
	                     "https%3A%2F%2Fexample.com%2Fhook%3Fa%3D1%26b%3D2&fal_max_queue_length=50");
}

static void later_calls(void **state)
{
	struct imago_task task = imagen4_task();
	struct imago_account account = fal_account();
	struct imago_memory *memory = memory_of(*state);
	struct imago_outcome out;
	struct imago_call call;

	/* the model may have been replaced in the catalog meanwhile: the handle decides */
	task.model = STR("fal-ai/other/thing");
	assert_true(fal_driver.build_poll(&task, &account, STR(HANDLE), memory, &call, &out));
	assert_string_equal(call.method, "GET");
	assert_str(call.url, "https://queue.fal.run/fal-ai/imagen4/requests/" REQUEST_ID "/status?logs=0");
	assert_true(fal_driver.build_result(&task, &account, STR(HANDLE), memory, &call, &out));
	assert_str(call.url, "https://queue.fal.run/fal-ai/imagen4/requests/" REQUEST_ID);
	assert_str(header(&call, "Authorization"), "Key id-1:secret-1");
	assert_true(fal_driver.build_cancel(&task, &account, STR(HANDLE), memory, &call, &out));
	assert_string_equal(call.method, "PUT");
	assert_str(call.url, "https://queue.fal.run/fal-ai/imagen4/requests/" REQUEST_ID "/cancel");
	assert_int_equal(call.body.n, 0);
	assert_false(fal_driver.build_poll(&task, &account, STR("junk"), memory, &call, &out));
	assert_int_equal(out.kind, IMAGO_FAILED);
	assert_int_equal(out.failure, IMAGO_UNKNOWN);
	assert_true(fal_driver.build_check(&account, memory, &call));
	assert_string_equal(call.method, "GET");
	assert_true(str_starts(call.url, STR("https://queue.fal.run/fal-ai/flux/requests/")));
}

/* ---- bodies ---- */

/* clang-format off */
static const struct input_case {
	const char *name, *params;
	unsigned width, height, images;
	enum imago_format format;
	const char *quality, *ratio, *body;     /* body NULL: refused */
} input_cases[] = {
	{ "nothing declared, nothing sent", "{}", 1024, 1024, 1, IMAGO_WEBP, "ultra", "1:1", "{\"prompt\":\"a cat\"}" },
	{ "no params at all", "", 1024, 1024, 1, IMAGO_PNG, "high", "1:1", "{\"prompt\":\"a cat\"}" },
	{ "seed and negative prompt", "{\"seed\":true,\"negative_prompt\":true}", 1024, 1024, 1, IMAGO_PNG, "high", "1:1",
	  "{\"prompt\":\"a cat\",\"negative_prompt\":\"blur\",\"seed\":-7}" },
	{ "declared as absent", "{\"seed\":false,\"negative_prompt\":false}", 1024, 1024, 1, IMAGO_PNG, "high", "1:1",
	  "{\"prompt\":\"a cat\"}" },
	{ "preset", "{\"size\":\"image_size\",\"max_images\":4}", 1024, 768, 3, IMAGO_PNG, "high", "4:3",
	  "{\"prompt\":\"a cat\",\"image_size\":\"landscape_4_3\",\"num_images\":3}" },
	{ "sides", "{\"size\":\"image_size\",\"size_step\":16}", 1000, 1000, 1, IMAGO_PNG, "high", "1:1",
	  "{\"prompt\":\"a cat\",\"image_size\":{\"width\":1008,\"height\":1008}}" },
	{ "sides over the maximum", "{\"size\":\"image_size\",\"size_step\":32,\"size_max\":1440}", 1792, 1024, 1,
	  IMAGO_PNG, "high", "16:9", "{\"prompt\":\"a cat\",\"image_size\":{\"width\":1440,\"height\":832}}" },
	{ "a thin strip", "{\"size\":\"image_size\",\"size_step\":32,\"size_max\":1440}", 16384, 1, 1, IMAGO_PNG, "high",
	  "16:9", "{\"prompt\":\"a cat\",\"image_size\":{\"width\":1440,\"height\":32}}" },
	{ "no such size", "{\"size\":\"image_size\"}", 16385, 1, 1, IMAGO_PNG, "high", "1:1", NULL },
	{ "size is a riddle", "{\"size\":\"big\"}", 1024, 1024, 1, IMAGO_PNG, "high", "1:1", NULL },
	{ "foreign ratio", "{\"size\":\"aspect_ratio\",\"aspect_ratios\":[\"1:1\"]}", 1024, 1024, 1, IMAGO_PNG, "high",
	  "16:9", NULL },
	{ "smallest resolution that is enough", "{\"resolutions\":{\"1K\":1048576,\"2K\":4194304}}", 1024, 1024, 1,
	  IMAGO_PNG, "high", "1:1", "{\"prompt\":\"a cat\",\"resolution\":\"1K\"}" },
	{ "more pixels", "{\"resolutions\":{\"1K\":1048576,\"2K\":4194304}}", 1792, 1024, 1, IMAGO_PNG, "high", "16:9",
	  "{\"prompt\":\"a cat\",\"resolution\":\"2K\"}" },
	{ "ultra", "{\"resolutions\":{\"1K\":1048576,\"2K\":4194304}}", 512, 512, 1, IMAGO_PNG, "ultra", "1:1",
	  "{\"prompt\":\"a cat\",\"resolution\":\"2K\"}" },
	{ "format by name", "{\"formats\":[\"png\",\"jpeg\",\"webp\"]}", 512, 512, 1, IMAGO_WEBP, "high", "1:1",
	  "{\"prompt\":\"a cat\",\"output_format\":\"webp\"}" },
	{ "lossless instead of the missing one", "{\"formats\":[\"jpeg\",\"png\"]}", 512, 512, 1, IMAGO_WEBP, "high", "1:1",
	  "{\"prompt\":\"a cat\",\"output_format\":\"png\"}" },
	{ "the only one", "{\"formats\":[\"jpeg\"]}", 512, 512, 1, IMAGO_WEBP, "high", "1:1",
	  "{\"prompt\":\"a cat\",\"output_format\":\"jpeg\"}" },
	{ "extras as they are", "{\"extra\":{\"safety_tolerance\":\"4\",\"n\":1,\"l\":[true,null]}}", 512, 512, 1,
	  IMAGO_PNG, "high", "1:1", "{\"prompt\":\"a cat\",\"safety_tolerance\":\"4\",\"n\":1,\"l\":[true,null]}" },
	{ "too many", "{\"max_images\":4}", 512, 512, 5, IMAGO_PNG, "high", "1:1", NULL },
	{ "too many for one", "{}", 512, 512, 2, IMAGO_PNG, "high", "1:1", NULL },
	{ "none", "{\"max_images\":4}", 512, 512, 0, IMAGO_PNG, "high", "1:1", NULL },
	{ "unknown member", "{\"sizes\":1}", 512, 512, 1, IMAGO_PNG, "high", "1:1", NULL },
	{ "params are no object", "[]", 512, 512, 1, IMAGO_PNG, "high", "1:1", NULL },
	{ "params are no JSON", "{", 512, 512, 1, IMAGO_PNG, "high", "1:1", NULL },
};
/* clang-format on */

static void inputs(void **state)
{
	for (size_t i = 0; i < COUNT_OF(input_cases); i++) {
		const struct input_case *c = &input_cases[i];
		struct imago_outcome out = outcome_of_noise();
		struct fal_input input;
		struct imago_task task = imagen4_task();
		bool ok;

		task.prompt = STR("a cat");
		task.negative_prompt = STR("blur");
		task.has_seed = true;
		task.seed = -7;
		task.params = str_from(c->params);
		task.width = c->width;
		task.height = c->height;
		task.num_images = c->images;
		task.format = c->format;
		task.quality = str_from(c->quality);
		task.aspect_ratio = str_from(c->ratio);
		ok = fal_input_build(&task, memory_of(*state), &input, &out);
		if (ok != (c->body != NULL))
			fail_msg("%s: %s", c->name, ok ? "accepted" : "refused");
		if (ok) {
			assert_str(input.body, c->body);
			continue;
		}
		assert_int_equal(out.kind, IMAGO_FAILED);
		assert_int_equal(out.failure, IMAGO_BAD_INPUT);
		assert_true(out.message.n > 0);
	}
}

static void prompts(void **state)
{
	struct imago_task task = imagen4_task();
	struct imago_outcome out;
	struct fal_input input;
	char *big;

	task.num_images = 1;
	task.params = STR("{}");
	task.prompt = STR("a \"quoted\"\n\\ line");
	assert_true(fal_input_build(&task, memory_of(*state), &input, &out));
	assert_str(input.body, "{\"prompt\":\"a \\\"quoted\\\"\\n\\\\ line\"}");
	task.prompt = STR(" \t\n");
	assert_false(fal_input_build(&task, memory_of(*state), &input, &out));
	big = arena_alloc(*state, 2 << 20, 1);
	memset(big, 'x', 2 << 20);
	task.prompt = (struct str){ big, 2 << 20 };
	assert_false(fal_input_build(&task, memory_of(*state), &input, &out));
	assert_int_equal(out.failure, IMAGO_BAD_INPUT);
	task.prompt = STR("a cat");
	task.operation = IMAGO_UPSCALE;
	assert_false(fal_input_build(&task, memory_of(*state), &input, &out));
}

static void credentials(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "id:secret", true },
		{ "11111111-2222-3333-4444-555555555555:0123456789abcdef0123456789abcdef", true },
		{ "", false },
		{ ":", false },
		{ "id:", false },
		{ ":secret", false },
		{ "id", false },
		{ "a:b:c", false },
		{ " id:secret", false },
		{ "id:secret\n", false },
		{ "id:sec ret", false },
		{ "id:sec\tret", false },
		{ "id:\xc3\xa9", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		if (fal_driver.credential_is_valid(str_from(cases[i].text)) != cases[i].ok)
			fail_msg("[%s]", cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(paths, setup, teardown),
		cmocka_unit_test_setup_teardown(handles, setup, teardown),
		cmocka_unit_test_setup_teardown(submit, setup, teardown),
		cmocka_unit_test_setup_teardown(submit_query, setup, teardown),
		cmocka_unit_test_setup_teardown(later_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(inputs, setup, teardown),
		cmocka_unit_test_setup_teardown(prompts, setup, teardown),
		cmocka_unit_test_setup_teardown(credentials, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
