/*
 * The rows of the catalog and what leaves for each: pictures, masks, LoRA weights, enlargements, films. Which members
 * a model takes is in the types of fal's own client (endpoints.d.ts).
 */
#include "driver_test.h"

#include "base/buf.h"
#include "base/json.h"
#include "providers/catalog.h"
#include "providers/registry.h"

#define LORA "https://weights.example/face.safetensors"

struct world {
	struct arena arena;
	struct catalog *catalog;
};

static int setup(void **state)
{
	static struct world w;
	struct catalog_error error;

	arena_init(&w.arena, 16 << 20);
	w.catalog = catalog_parse(catalog_builtin(), &error);
	assert_non_null(w.catalog);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	catalog_free(&w->catalog);
	arena_clear(&w->arena);
	return 0;
}

static struct imago_input picture(enum imago_role role, const char *type, uint64_t bytes, const char *url)
{
	return (struct imago_input){
		.role = role,
		.content_type = str_from(type),
		.width = 640,
		.height = 480,
		.bytes = bytes,
		.url = str_from(url),
	};
}

static struct imago_task task_of(const struct world *w, const char *model, enum imago_operation operation)
{
	const struct catalog_row *row = catalog_find(w->catalog, str_from(model), STR("fal"));

	assert_non_null(row);
	assert_true(catalog_can(row, operation));
	return (struct imago_task){
		.job_id = STR("img_1"),
		.part = 1,
		.operation = operation,
		.model = row->upstream,
		.params = row->params,
		.prompt = STR("a cat"),
		.width = 1024,
		.height = 768,
		.aspect_ratio = STR("16:9"),
		.num_images = 1,
		.format = IMAGO_PNG,
		.quality = STR("high"),
		.strength = -1,
		.guidance = -1,
		.control_weight = -1,
		.extra = STR("{}"),
	};
}

/* The body with {n} where the base64 of input n goes. */
static struct str body_of(struct world *w, const struct imago_task *task)
{
	struct imago_account account = fal_account();
	struct imago_outcome out = outcome_of_noise();
	struct imago_call call;
	struct buf text;
	struct str body;

	if (!fal_driver.build_submit(task, &account, memory_of(&w->arena), &call, &out))
		fail_msg("refused: %.*s", STRF(out.message));
	buf_init(&text, 1 << 20);
	buf_str(&text, call.body);
	assert_true(call.segment_count == 0 || call.body.n == 0);
	for (unsigned i = 0; i < call.segment_count; i++) {
		const struct imago_segment *s = &call.segments[i];

		if (s->is_input) {
			assert_true(s->as_base64 && s->input < task->input_count);
			buf_printf(&text, "{%u}", s->input);
		} else {
			buf_str(&text, s->text);
		}
	}
	body = arena_copy(&w->arena, buf_view(&text));
	buf_clear(&text);
	return body;
}

static void refused(struct world *w, const struct imago_task *task, const char *words)
{
	struct imago_account account = fal_account();
	struct imago_outcome out = outcome_of_noise();
	struct imago_call call;

	assert_false(fal_driver.build_submit(task, &account, memory_of(&w->arena), &call, &out));
	assert_int_equal(out.failure, IMAGO_BAD_INPUT);
	if (str_find(out.message, str_from(words)) == SIZE_MAX)
		fail_msg("%.*s, not: %s", STRF(out.message), words);
}

static void image_to_image(void **state)
{
	struct world *w = *state;
	struct imago_input source = picture(IMAGO_SOURCE, "image/jpeg", 5000, "");
	struct imago_task task = task_of(w, "flux/dev/image-to-image", IMAGO_IMAGE_TO_IMAGE);

	task.inputs = &source;
	task.input_count = 1;
	task.strength = 0.5;
	task.steps = 20;
	task.guidance = 2.5;
	assert_str(body_of(w, &task),
	           "{\"prompt\":\"a cat\",\"image_url\":\"data:image/jpeg;base64,{0}\",\"num_images\":1,"
	           "\"output_format\":\"png\",\"enable_safety_checker\":true,\"strength\":0.5,"
	           "\"num_inference_steps\":20,\"guidance_scale\":2.5}");
	task.strength = task.guidance = -1;
	task.steps = 0;
	task.extra = STR("{\"acceleration\":\"high\"}");
	assert_str(body_of(w, &task),
	           "{\"prompt\":\"a cat\",\"image_url\":\"data:image/jpeg;base64,{0}\",\"num_images\":1,"
	           "\"output_format\":\"png\",\"enable_safety_checker\":true,\"acceleration\":\"high\"}");
}

/* Small ones go along, as they need nobody to reach us; large ones as a link, where there is one. */
static void data_or_link(void **state)
{
	struct world *w = *state;
	struct imago_input source = picture(IMAGO_SOURCE, "image/png", 5000, "https://imago.example/in/1.png?s=1&t=2");
	struct imago_task task = task_of(w, "birefnet", IMAGO_REMOVE_BACKGROUND);

	task.inputs = &source;
	task.input_count = 1;
	assert_str(body_of(w, &task), "{\"image_url\":\"data:image/png;base64,{0}\",\"output_format\":\"png\","
	                              "\"model\":\"General Use (Light)\"}");
	source.bytes = 5 << 20;
	assert_str(body_of(w, &task),
	           "{\"image_url\":\"https://imago.example/in/1.png?s=1&t=2\",\"output_format\":\"png\","
	           "\"model\":\"General Use (Light)\"}");
	source.url = STR("");
	assert_true(str_find(body_of(w, &task), STR("base64,{0}\"")) != SIZE_MAX);
	source.bytes = 17 << 20;
	refused(w, &task, "too large");
	source.bytes = 100;
	source.content_type = STR("image/gif\",\"x\":\"");
	refused(w, &task, "PNG, JPEG and WEBP");
	task.input_count = 0;
	refused(w, &task, "no picture to work on");
}

static void several_pictures(void **state)
{
	struct world *w = *state;
	struct imago_input inputs[IMAGO_INPUTS_MAX];
	struct imago_task task = task_of(w, "nano-banana/edit", IMAGO_IMAGE_TO_IMAGE);

	for (unsigned i = 0; i < IMAGO_INPUTS_MAX; i++)
		inputs[i] = picture(i == 1 ? IMAGO_MASK : IMAGO_SOURCE, "image/webp", 100, "");
	task.inputs = inputs;
	task.input_count = 3;
	assert_str(body_of(w, &task), "{\"prompt\":\"a cat\",\"image_urls\":[\"data:image/webp;base64,{0}\","
	                              "\"data:image/webp;base64,{2}\"],\"aspect_ratio\":\"16:9\",\"num_images\":1,"
	                              "\"output_format\":\"png\",\"safety_tolerance\":\"4\"}");
	task.input_count = IMAGO_INPUTS_MAX;
	assert_true(str_find(body_of(w, &task), STR("{15}\"]")) != SIZE_MAX);
}

static void inpaint(void **state)
{
	struct world *w = *state;
	struct imago_input inputs[] = { picture(IMAGO_MASK, "image/png", 100, ""),
		                        picture(IMAGO_SOURCE, "image/png", 100, "") };
	struct imago_task task = task_of(w, "flux-inpaint", IMAGO_INPAINT);

	task.inputs = inputs;
	task.input_count = 2;
	task.negative_prompt = STR("dogs");
	assert_str(body_of(w, &task),
	           "{\"prompt\":\"a cat\",\"negative_prompt\":\"dogs\","
	           "\"image_url\":\"data:image/png;base64,{1}\",\"mask_url\":\"data:image/png;base64,{0}\","
	           "\"image_size\":\"landscape_4_3\",\"num_images\":1,\"output_format\":\"png\","
	           "\"enable_safety_checker\":true}");
	assert_int_equal(fal_driver.mask_style, IMAGO_MASK_WHITE);
	task.inputs = inputs + 1;
	task.input_count = 1;
	refused(w, &task, "no mask");
}

static void avatars(void **state)
{
	struct world *w = *state;
	struct imago_task task = task_of(w, "avatar", IMAGO_TEXT_TO_IMAGE);

	task.lora_count = 2;
	task.loras[0] = (struct imago_lora){ STR(LORA), 1 };
	task.loras[1] = (struct imago_lora){ STR(LORA "?v=2"), 0.75 };
	assert_str(body_of(w, &task),
	           "{\"prompt\":\"a cat\",\"loras\":[{\"path\":\"" LORA "\",\"scale\":1},{\"path\":\"" LORA
	           "?v=2\",\"scale\":0.75}],\"image_size\":\"landscape_4_3\",\"num_images\":1,"
	           "\"output_format\":\"png\",\"enable_safety_checker\":true}");
	task.loras[1].url = STR("/etc/passwd");
	refused(w, &task, "LoRA weights is not one");
	task = task_of(w, "flux-dev", IMAGO_TEXT_TO_IMAGE);
	task.lora_count = 1;
	task.loras[0] = (struct imago_lora){ STR(LORA), 1 };
	refused(w, &task, "takes no LoRA");
	assert_int_equal(catalog_find(w->catalog, STR("flux-lora"), STR("fal"))->generation_type, GENERATION_AVATAR);
}

static void enlargements(void **state)
{
	struct world *w = *state;
	struct imago_input source = picture(IMAGO_SOURCE, "image/png", 100, "");
	struct imago_task task = task_of(w, "esrgan", IMAGO_UPSCALE);

	task.inputs = &source;
	task.input_count = 1;
	task.scale = 4;
	task.prompt = STR("");
	assert_str(body_of(w, &task), "{\"image_url\":\"data:image/png;base64,{0}\",\"output_format\":\"png\","
	                              "\"model\":\"RealESRGAN_x4plus\",\"scale\":4,\"face\":false}");
	task.operation = IMAGO_FACE_FIX;
	task.scale = 0;
	task.extra = STR("{\"model\":\"RealESRGAN_x2plus\"}");
	assert_str(body_of(w, &task), "{\"image_url\":\"data:image/png;base64,{0}\",\"output_format\":\"png\","
	                              "\"model\":\"RealESRGAN_x2plus\",\"face\":true}");
	task.extra = STR("{\"sync_mode\":true}");
	refused(w, &task, "no further parameter of this name: sync_mode");
	task = task_of(w, "clarity-upscaler", IMAGO_UPSCALE);
	task.inputs = &source;
	task.input_count = 1;
	task.scale = 2;
	task.prompt = STR("");
	assert_str(body_of(w, &task), "{\"image_url\":\"data:image/png;base64,{0}\",\"enable_safety_checker\":true,"
	                              "\"upscale_factor\":2}");
}

static void films(void **state)
{
	struct world *w = *state;
	struct imago_input source = picture(IMAGO_SOURCE, "image/png", 100, "");
	struct imago_task task = task_of(w, "veo3.1", IMAGO_VIDEO);

	task.has_seed = true;
	task.seed = 7;
	assert_str(body_of(w, &task),
	           "{\"prompt\":\"a cat\",\"resolution\":\"720p\",\"aspect_ratio\":\"16:9\",\"duration\":\"8s\","
	           "\"generate_audio\":true,\"safety_tolerance\":\"4\",\"seed\":7}");
	task.width = 1920;
	task.height = 1080;
	task.extra = STR("{\"duration\":\"4s\",\"generate_audio\":false}");
	assert_str(body_of(w, &task),
	           "{\"prompt\":\"a cat\",\"resolution\":\"1080p\",\"aspect_ratio\":\"16:9\","
	           "\"safety_tolerance\":\"4\",\"duration\":\"4s\",\"generate_audio\":false,\"seed\":7}");
	task.inputs = &source;
	task.input_count = 1;
	refused(w, &task, "takes no picture");
	task.num_images = 2;
	task.input_count = 0;
	refused(w, &task, "cannot make 2 pictures");
	task = task_of(w, "veo3.1-image", IMAGO_VIDEO);
	refused(w, &task, "no picture to work on");
	task.inputs = &source;
	task.input_count = 1;
	assert_true(str_starts(body_of(w, &task),
	                       STR("{\"prompt\":\"a cat\",\"image_url\":\"data:image/png;base64,{0}\",")));
	assert_int_equal(catalog_find(w->catalog, STR("veo"), STR("fal"))->generation_type, GENERATION_VIDEO);
}

/* What a row does not say is never sent. */
static void rows_that_say_nothing(void **state)
{
	struct world *w = *state;
	struct imago_input source = picture(IMAGO_SOURCE, "image/png", 100, "");
	struct imago_task task = task_of(w, "imagen4", IMAGO_TEXT_TO_IMAGE);

	task.strength = 0.5;
	task.guidance = 3;
	task.steps = 9;
	task.scale = 4;
	assert_str(body_of(w, &task),
	           "{\"prompt\":\"a cat\",\"resolution\":\"1K\",\"aspect_ratio\":\"16:9\",\"num_images\":1,"
	           "\"output_format\":\"png\",\"safety_tolerance\":\"4\"}");
	task.inputs = &source;
	task.input_count = 1;
	refused(w, &task, "takes no picture");
	task.operation = IMAGO_FACE_SWAP;
	refused(w, &task, "not asked for this operation");
	task.operation = IMAGO_UPSCALE;
	refused(w, &task, "takes no picture");
	task.params = STR("{\"prompt\":\"maybe\"}");
	task.input_count = 0;
	task.operation = IMAGO_TEXT_TO_IMAGE;
	refused(w, &task, "neither optional nor none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(image_to_image, setup, teardown),
		cmocka_unit_test_setup_teardown(data_or_link, setup, teardown),
		cmocka_unit_test_setup_teardown(several_pictures, setup, teardown),
		cmocka_unit_test_setup_teardown(inpaint, setup, teardown),
		cmocka_unit_test_setup_teardown(avatars, setup, teardown),
		cmocka_unit_test_setup_teardown(enlargements, setup, teardown),
		cmocka_unit_test_setup_teardown(films, setup, teardown),
		cmocka_unit_test_setup_teardown(rows_that_say_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
