/*
 * What leaves for ModelsLab: addresses, bodies with the key in them; and what is refused before anything leaves.
 */
#include "driver_test.h"

#include "base/json.h"
#include "providers/modelslab.h"
#include "providers/registry.h"

#define KEY "mlKEY0123456789abcdef"
#define SOURCE_URL "https://imago.example/in/1.png?sig=a&b=c"
#define OTHER_URL "https://imago.example/in/2.png"

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

static struct imago_account account(void)
{
	return (struct imago_account){
		.id = STR("stable_diffusion_default"),
		.bases = { STR("https://modelslab.com/api") },
		.credential = { STR(KEY) },
		.settings = STR("{}"),
	};
}

static struct imago_task task_of(enum imago_operation operation, const struct imago_input *inputs, unsigned count)
{
	return (struct imago_task){
		.job_id = STR("img_1"),
		.part = 1,
		.operation = operation,
		.model = STR("realistic-vision-51"),
		.params = STR("{\"max_images\":4,\"steps\":20,\"guidance\":7.5}"),
		.prompt = STR("caf\xc3\xa9 \"au\" soleil"),
		.width = 512,
		.height = 512,
		.aspect_ratio = STR("1:1"),
		.num_images = 1,
		.strength = -1,
		.guidance = -1,
		.control_weight = -1,
		.extra = STR("{}"),
		.inputs = inputs,
		.input_count = count,
	};
}

static struct imago_input input_of(enum imago_role role, const char *url)
{
	return (struct imago_input){
		.role = role,
		.content_type = STR("image/png"),
		.width = 512,
		.height = 512,
		.bytes = 1000,
		.url = str_from(url),
	};
}

/* The call, which must be a POST of JSON without any secret outside of its body. */
static struct imago_call built(const struct imago_task *task, struct arena *arena)
{
	struct imago_account a = account();
	struct imago_outcome out = outcome_of_noise();
	struct imago_call call;

	if (!modelslab_driver.build_submit(task, &a, memory_of(arena), &call, &out))
		fail_msg("refused: %.*s", STRF(out.message));
	assert_string_equal(call.method, "POST");
	assert_int_equal(call.segment_count, 0);
	assert_int_equal(str_find(call.url, STR(KEY)), SIZE_MAX);
	for (unsigned i = 0; i < call.header_count; i++)
		assert_int_equal(str_find(call.headers[i].value, STR(KEY)), SIZE_MAX);
	return call;
}

static void refused(const struct imago_task *task, struct arena *arena, const char *words)
{
	struct imago_account a = account();
	struct imago_outcome out = outcome_of_noise();
	struct imago_call call;

	assert_false(modelslab_driver.build_submit(task, &a, memory_of(arena), &call, &out));
	assert_int_equal(out.kind, IMAGO_FAILED);
	assert_int_equal(out.failure, IMAGO_BAD_INPUT);
	if (str_find(out.message, str_from(words)) == SIZE_MAX)
		fail_msg("%.*s, not: %s", STRF(out.message), words);
	assert_int_equal(str_find(out.message, STR(KEY)), SIZE_MAX);
}

/* ---- text to image ---- */

static void text_to_image(void **state)
{
	struct imago_task task = task_of(IMAGO_TEXT_TO_IMAGE, NULL, 0);
	struct imago_call call = built(&task, *state);

	assert_str(call.url, "https://modelslab.com/api/v6/images/text2img");
	assert_str(call.body, "{\"key\":\"" KEY "\",\"model_id\":\"realistic-vision-51\","
	                      "\"prompt\":\"caf\xc3\xa9 \\\"au\\\" soleil\",\"width\":512,\"height\":512,\"samples\":1,"
	                      "\"num_inference_steps\":20,\"guidance_scale\":7.5,\"safety_checker\":true,"
	                      "\"enhance_prompt\":false}");
	task.num_images = 4;
	task.negative_prompt = STR("rain");
	task.has_seed = true;
	task.seed = 42;
	task.steps = 12;
	task.guidance = 3;
	task.extra = STR("{\"clip_skip\":2,\"scheduler\":\"DDIMScheduler\"}");
	call = built(&task, *state);
	assert_str(call.body,
	           "{\"key\":\"" KEY "\",\"model_id\":\"realistic-vision-51\","
	           "\"prompt\":\"caf\xc3\xa9 \\\"au\\\" soleil\",\"negative_prompt\":\"rain\",\"width\":512,"
	           "\"height\":512,\"samples\":4,\"num_inference_steps\":12,\"guidance_scale\":3,\"seed\":42,"
	           "\"safety_checker\":true,\"enhance_prompt\":false,\"clip_skip\":2,"
	           "\"scheduler\":\"DDIMScheduler\"}");
}

static int64_t number(const struct imago_call *call, const char *key)
{
	struct json_error error;
	struct json *root = json_parse(call->body, &error);
	int64_t n = json_int(json_get(root, key), -1);

	assert_non_null(root);
	json_free(&root);
	return n;
}

static void sizes(void **state)
{
	static const struct {
		unsigned width, height;
		int64_t sent_width, sent_height;
	} cases[] = {
		{ 1024, 1024, 1024, 1024 }, { 1792, 1024, 1024, 584 }, { 1024, 2048, 512, 1024 },
		{ 500, 333, 504, 336 },     { 64, 64, 256, 256 },      { 16384, 16, 1024, 256 },
		{ 1021, 1023, 1024, 1024 },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct imago_task task = task_of(IMAGO_TEXT_TO_IMAGE, NULL, 0);
		struct imago_call call;

		task.width = cases[i].width;
		task.height = cases[i].height;
		call = built(&task, *state);
		assert_int_equal(number(&call, "width"), cases[i].sent_width);
		assert_int_equal(number(&call, "height"), cases[i].sent_height);
	}
}

static void numbers_within_bounds(void **state)
{
	struct imago_task task = task_of(IMAGO_TEXT_TO_IMAGE, NULL, 0);
	struct imago_call call;

	task.steps = 150;
	task.guidance = 0;
	call = built(&task, *state);
	assert_int_equal(number(&call, "num_inference_steps"), 20);
	assert_int_equal(number(&call, "guidance_scale"), 1);
	task.guidance = 35;
	task.params = STR("{\"steps\":8,\"steps_max\":10}");
	call = built(&task, *state);
	assert_int_equal(number(&call, "num_inference_steps"), 10);
	assert_int_equal(number(&call, "guidance_scale"), 20);
	task.steps = 0;
	call = built(&task, *state);
	assert_int_equal(number(&call, "num_inference_steps"), 8);
}

/* ---- with pictures ---- */

static void image_to_image(void **state)
{
	struct imago_input source = input_of(IMAGO_SOURCE, SOURCE_URL);
	struct imago_task task = task_of(IMAGO_IMAGE_TO_IMAGE, &source, 1);
	struct imago_call call;

	task.strength = 0.25;
	call = built(&task, *state);
	assert_str(call.url, "https://modelslab.com/api/v6/images/img2img");
	assert_true(str_ends(call.body,
	                     STR("\"enhance_prompt\":false,\"init_image\":\"" SOURCE_URL "\",\"strength\":0.25}")));
	task.strength = 7;
	call = built(&task, *state);
	assert_true(str_ends(call.body, STR("\"strength\":1}")));
	task.strength = -1;
	call = built(&task, *state);
	assert_true(str_ends(call.body, STR("\"strength\":0.7}")));
}

static void inpaint(void **state)
{
	struct imago_input inputs[] = { input_of(IMAGO_MASK, OTHER_URL), input_of(IMAGO_SOURCE, SOURCE_URL) };
	struct imago_task task = task_of(IMAGO_INPAINT, inputs, 2);
	struct imago_call call = built(&task, *state);

	assert_str(call.url, "https://modelslab.com/api/v6/images/inpaint");
	assert_true(str_ends(call.body, STR("\"init_image\":\"" SOURCE_URL "\",\"mask_image\":\"" OTHER_URL
	                                    "\",\"strength\":0.7}")));
	assert_int_equal(modelslab_driver.mask_style, IMAGO_MASK_WHITE);
	task.inputs = inputs + 1;
	task.input_count = 1;
	refused(&task, *state, "no mask");
}

static void controlnet(void **state)
{
	struct imago_input inputs[] = { input_of(IMAGO_CONTROL, OTHER_URL), input_of(IMAGO_SOURCE, SOURCE_URL) };
	struct imago_task task = task_of(IMAGO_CONTROLNET, inputs, 2);
	struct imago_call call;

	task.control = STR("canny");
	task.control_weight = 0.5;
	call = built(&task, *state);
	assert_str(call.url, "https://modelslab.com/api/v6/images/controlnet");
	assert_true(str_ends(
		call.body, STR("\"num_inference_steps\":21,\"guidance_scale\":7.5,\"safety_checker\":\"yes\","
	                       "\"enhance_prompt\":\"no\",\"controlnet_model\":\"canny\",\"controlnet_type\":\"canny\","
	                       "\"auto_hint\":\"no\",\"controlnet_conditioning_scale\":0.5,\"init_image\":\"" SOURCE_URL
	                       "\",\"control_image\":\"" OTHER_URL "\",\"strength\":0.7}")));
	task.inputs = inputs + 1;
	task.input_count = 1;
	task.steps = 30;
	call = built(&task, *state);
	assert_int_equal(number(&call, "num_inference_steps"), 31);
	assert_true(str_find(call.body, STR("\"auto_hint\":\"yes\"")) != SIZE_MAX);
	assert_true(str_find(call.body, STR("control_image")) == SIZE_MAX);
	task.control = STR("magic");
	refused(&task, *state, "no ControlNet of this kind: magic");
}

static void enlargement(void **state)
{
	struct imago_input source = input_of(IMAGO_SOURCE, SOURCE_URL);
	struct imago_task task = task_of(IMAGO_UPSCALE, &source, 1);
	struct imago_call call;

	task.model = STR("RealESRGAN_x4plus");
	task.prompt = STR("");
	task.params = STR("{\"max_images\":1}");
	call = built(&task, *state);
	assert_str(call.url, "https://modelslab.com/api/v6/image_editing/super_resolution");
	assert_str(call.body, "{\"key\":\"" KEY "\",\"model_id\":\"RealESRGAN_x4plus\",\"init_image\":\"" SOURCE_URL
	                      "\",\"scale\":4,\"face_enhance\":false}");
	task.operation = IMAGO_FACE_FIX;
	call = built(&task, *state);
	assert_true(str_ends(call.body, STR("\"scale\":2,\"face_enhance\":true}")));
	task.scale = 4;
	call = built(&task, *state);
	assert_true(str_ends(call.body, STR("\"scale\":4,\"face_enhance\":true}")));
	task.num_images = 2;
	refused(&task, *state, "one picture");
}

static void refusals(void **state)
{
	struct imago_input unreachable = input_of(IMAGO_SOURCE, "");
	struct imago_task task = task_of(IMAGO_IMAGE_TO_IMAGE, &unreachable, 1);

	refused(&task, *state, "reached from outside");
	task.operation = IMAGO_UPSCALE;
	refused(&task, *state, "reached from outside");
	task.input_count = 0;
	refused(&task, *state, "no picture to enlarge");
	task.operation = IMAGO_FACE_SWAP;
	refused(&task, *state, "not asked for this operation");
	task = task_of(IMAGO_TEXT_TO_IMAGE, NULL, 0);
	task.prompt = STR(" \t");
	refused(&task, *state, "no prompt");
	task = task_of(IMAGO_TEXT_TO_IMAGE, NULL, 0);
	task.num_images = 5;
	refused(&task, *state, "cannot make 5 pictures");
	task.num_images = 0;
	refused(&task, *state, "cannot make 0 pictures");
	task = task_of(IMAGO_TEXT_TO_IMAGE, NULL, 0);
	task.width = 0;
	refused(&task, *state, "this size");
	task = task_of(IMAGO_TEXT_TO_IMAGE, NULL, 0);
	task.lora_count = 1;
	task.loras[0] = (struct imago_lora){ STR("https://x.example/a.safetensors"), 1 };
	refused(&task, *state, "lora_model");
	task = task_of(IMAGO_TEXT_TO_IMAGE, NULL, 0);
	task.params = STR("{\"max_images\":4,\"stepz\":3}");
	refused(&task, *state, "stepz");
	task.params = STR("[]");
	refused(&task, *state, "not a JSON object");
}

/* Nothing that a client names may replace what is ours, or name an address. */
static void extra_is_a_list(void **state)
{
	static const char *const names[] = { "key",        "model_id",         "prompt",  "webhook",
		                             "init_image", "base64",           "samples", "track_id",
		                             "mask_image", "ip_adapter_image", "temp",    "" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct imago_task task = task_of(IMAGO_TEXT_TO_IMAGE, NULL, 0);

		task.extra = imago_printf(memory_of(*state), "{\"%s\":\"x\"}", names[i]);
		refused(&task, *state, "does not know");
	}
}

/* ---- later calls ---- */

static void later_calls(void **state)
{
	struct imago_task task = task_of(IMAGO_TEXT_TO_IMAGE, NULL, 0);
	struct imago_account a = account();
	struct imago_outcome out = outcome_of_noise();
	struct imago_call call;

	assert_true(modelslab_driver.build_poll(&task, &a, STR("images 13902970"), memory_of(*state), &call, &out));
	assert_string_equal(call.method, "POST");
	assert_str(call.url, "https://modelslab.com/api/v6/images/fetch/13902970");
	assert_str(call.body, "{\"key\":\"" KEY "\"}");
	assert_true(
		modelslab_driver.build_result(&task, &a, STR("image_editing ab-1_C"), memory_of(*state), &call, &out));
	assert_str(call.url, "https://modelslab.com/api/v6/image_editing/fetch/ab-1_C");
	assert_true(modelslab_driver.build_check(&a, memory_of(*state), &call));
	assert_str(call.url, "https://modelslab.com/api/wallet_balance");
	assert_str(call.body, "{\"key\":\"" KEY "\"}");
	assert_int_equal(modelslab_driver.capabilities, IMAGO_CAN_POLL);
}

static void handles(void **state)
{
	static const char *const bad[] = { "",           " ",          "images",      "images ",    "13902970",
		                           "other 1",    "images 1/2", "images ..",   "images 1 2", "images 1?a",
		                           "images a%2", "images \n",  "../images 1", "images 1#a" };
	struct imago_task task = task_of(IMAGO_TEXT_TO_IMAGE, NULL, 0);
	struct imago_account a = account();
	struct imago_call call;

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct imago_outcome out = outcome_of_noise();

		if (modelslab_driver.build_poll(&task, &a, str_from(bad[i]), memory_of(*state), &call, &out))
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(out.failure, IMAGO_UNKNOWN);
	}
}

static void keys(void **state)
{
	(void)state;
	assert_true(modelslab_driver.credential_is_valid(STR(KEY)));
	assert_false(modelslab_driver.credential_is_valid(STR("")));
	assert_false(modelslab_driver.credential_is_valid(STR("two words")));
	assert_false(modelslab_driver.credential_is_valid(STR("\"quoted\"")));
	assert_false(modelslab_driver.credential_is_valid(STR("line\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(text_to_image, setup, teardown),
		cmocka_unit_test_setup_teardown(sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_within_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(image_to_image, setup, teardown),
		cmocka_unit_test_setup_teardown(inpaint, setup, teardown),
		cmocka_unit_test_setup_teardown(controlnet, setup, teardown),
		cmocka_unit_test_setup_teardown(enlargement, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(extra_is_a_list, setup, teardown),
		cmocka_unit_test_setup_teardown(later_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(handles, setup, teardown),
		cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
