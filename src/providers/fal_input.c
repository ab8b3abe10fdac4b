/*
 * From a task to the model's input: a JSON object without any wrapper.
 *
 * fal's models share names but not vocabularies, and one that gets a member it does not
 * know may answer 422 and charge for it. So only what the catalog row declares in its params
 * is sent, and a row that says something unknown is refused, not ignored.
 *
 * Pictures go along as data URIs, which need nobody to reach us; a large one as a link, where there is one.
 */
#include "base/buf.h"
#include "base/json.h"
#include "base/url.h"
#include "providers/driver.h"
#include "providers/fal.h"
#include "providers/registry.h"

enum { BODY_CAP = 1 << 20, SIDE_MAX = 16384, LINK_FROM = 1 << 20, DATA_URI_MAX = 16 << 20 };

static const char *const format_names[IMAGO_FORMATS] = {
	[IMAGO_PNG] = "png",
	[IMAGO_JPEG] = "jpeg",
	[IMAGO_WEBP] = "webp",
};

static const char *const known_params[] = {
	"max_images", "aspect_ratios",   "formats",          "size",        "size_step", "size_max", "resolutions",
	"seed",       "negative_prompt", "max_queue_length", "unit_micros", "extra",     "prompt",   "image",
	"mask",       "loras",           "strength",         "steps",       "guidance",  "scale",    "face",
	"open",
};

/* The sizes that fal has names for. */
/* clang-format off */
static const struct preset {
	const char *name;
	unsigned width, height;
} presets[] = {
	{ "square_hd", 1024, 1024 },      { "square", 512, 512 },
	{ "portrait_4_3", 768, 1024 },    { "portrait_16_9", 576, 1024 },
	{ "landscape_4_3", 1024, 768 },   { "landscape_16_9", 1024, 576 },
};
/* clang-format on */

struct builder {
	const struct imago_task *task;
	const struct json *params, *own; /* the row's, and what the client adds */
	struct json_writer w;
	struct fal_input *input;
	struct imago_memory *memory;
	struct imago_outcome *out;
};

static bool has_text(const struct json *array, struct str text)
{
	for (size_t i = 0; i < json_count(array); i++) {
		if (str_eq(json_str(json_at(array, i)), text))
			return true;
	}
	return false;
}

static bool params_are_known(struct builder *b)
{
	struct str key;
	const struct json *value;

	if (json_type(b->params) != JSON_OBJECT)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "the model's params are not a JSON object");
	for (size_t i = 0; json_member(b->params, i, &key, &value); i++) {
		bool known = false;

		for (size_t k = 0; k < COUNT_OF(known_params) && !known; k++)
			known = str_is(key, known_params[k]);
		if (!known) {
			outcome_fail(b->out, IMAGO_BAD_INPUT,
			             imago_printf(b->memory,
			                          "the model's params have a member that fal does not know: %.*s",
			                          STRF(key)));
			return false;
		}
	}
	return true;
}

/* ---- size ---- */

static bool write_aspect_ratio(struct builder *b)
{
	struct str ratio = b->task->aspect_ratio;

	if (!has_text(json_get(b->params, "aspect_ratios"), ratio)) {
		outcome_fail(b->out, IMAGO_BAD_INPUT,
		             imago_printf(b->memory, "the model has no aspect ratio %.*s", STRF(ratio)));
		return false;
	}
	jw_kv_str(&b->w, "aspect_ratio", ratio);
	return true;
}

static int64_t round_up(int64_t n, int64_t step)
{
	return (n + step - 1) / step * step;
}

/* Sides that the model accepts, same shape, not smaller than asked where its maximum allows that. */
static void fit_sides(const struct builder *b, int64_t *width, int64_t *height)
{
	int64_t step = json_int(json_get(b->params, "size_step"), 1);
	int64_t max = json_int(json_get(b->params, "size_max"), SIDE_MAX);
	int64_t longest = *width > *height ? *width : *height;

	if (step < 1 || step > 1024)
		step = 1;
	if (max < step || max > SIDE_MAX)
		max = SIDE_MAX;
	max -= max % step;
	if (longest > max) {
		*width = *width * max / longest;
		*height = *height * max / longest;
	}
	*width = round_up(*width > 0 ? *width : 1, step);
	*height = round_up(*height > 0 ? *height : 1, step);
}

static bool write_image_size(struct builder *b)
{
	const struct imago_task *t = b->task;
	int64_t width = t->width, height = t->height;

	if (width == 0 || height == 0 || width > SIDE_MAX || height > SIDE_MAX)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "no picture can have this size");
	jw_key(&b->w, "image_size");
	for (size_t i = 0; i < COUNT_OF(presets); i++) {
		if (presets[i].width == t->width && presets[i].height == t->height) {
			jw_cstr(&b->w, presets[i].name);
			return true;
		}
	}
	fit_sides(b, &width, &height);
	jw_object(&b->w);
	jw_kv_int(&b->w, "width", width);
	jw_kv_int(&b->w, "height", height);
	jw_end_object(&b->w);
	return true;
}

/* The smallest that has the pixels, so that a picture is scaled down to its size and not up. */
static void write_resolution(struct builder *b)
{
	const struct json *table = json_get(b->params, "resolutions"), *pixels;
	int64_t asked = (int64_t)b->task->width * b->task->height;
	bool largest = str_is(b->task->quality, "ultra");
	struct str name, chosen = { NULL, 0 };

	for (size_t i = 0; json_member(table, i, &name, &pixels); i++) {
		chosen = name;
		if (!largest && json_int(pixels, 0) >= asked)
			break;
	}
	if (chosen.n > 0)
		jw_kv_str(&b->w, "resolution", chosen);
}

static bool write_size(struct builder *b)
{
	struct str size = json_str(json_get(b->params, "size"));

	write_resolution(b);
	if (str_is(size, "aspect_ratio"))
		return write_aspect_ratio(b);
	if (str_is(size, "image_size"))
		return write_image_size(b);
	if (json_get(b->params, "size"))
		return outcome_refuse(b->out, IMAGO_BAD_INPUT,
		                      "the model's params: size is neither aspect_ratio nor image_size");
	return true;
}

/* ---- the rest ---- */

static bool write_count(struct builder *b)
{
	int64_t max = json_int(json_get(b->params, "max_images"), 0);
	unsigned n = b->task->num_images;

	if (n == 0 || n > (max > 0 ? max : 1)) {
		outcome_fail(b->out, IMAGO_BAD_INPUT,
		             imago_printf(b->memory, "the model cannot make %u pictures in one call", n));
		return false;
	}
	if (max > 0)
		jw_kv_int(&b->w, "num_images", n);
	return true;
}

/* A format that the model lacks is made from the least lossy one it has. */
static bool write_format(struct builder *b)
{
	const struct json *formats = json_get(b->params, "formats");
	struct str wanted;

	if (json_count(formats) == 0)
		return true;
	if (b->task->format >= IMAGO_FORMATS)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "there is no such picture format");
	wanted = str_from(format_names[b->task->format]);
	if (!has_text(formats, wanted))
		wanted = has_text(formats, STR("png")) ? STR("png") : json_str(json_at(formats, 0));
	jw_kv_str(&b->w, "output_format", wanted);
	return true;
}

/* A member of that name in an object, the name not being ours. */
static bool has_member(const struct json *object, struct str name)
{
	const struct json *value;
	struct str key;

	for (size_t i = 0; json_member(object, i, &key, &value); i++) {
		if (str_eq(key, name))
			return true;
	}
	return false;
}

static void write_value(struct builder *b, struct str key, const struct json *value)
{
	struct buf text;

	buf_init(&text, BODY_CAP);
	json_dump(value, &text);
	jw_key_str(&b->w, key);
	jw_raw(&b->w, buf_view(&text));
	buf_clear(&text);
}

/* The row's, but for those that the client says otherwise; and of the client's only what the row opens. */
static bool write_extra(struct builder *b)
{
	const struct json *extra = json_get(b->params, "extra"), *value;
	struct str key;

	for (size_t i = 0; json_member(extra, i, &key, &value); i++) {
		if (!has_member(b->own, key))
			write_value(b, key, value);
	}
	for (size_t i = 0; json_member(b->own, i, &key, &value); i++) {
		if (!has_text(json_get(b->params, "open"), key)) {
			outcome_fail(b->out, IMAGO_BAD_INPUT,
			             imago_printf(b->memory, "the model takes no further parameter of this name: %.*s",
			                          STRF(str_clip(key, 60))));
			return false;
		}
		write_value(b, key, value);
	}
	return true;
}

/* ---- pictures ---- */

static bool is_sendable(struct str content_type)
{
	return str_is(content_type, "image/png") || str_is(content_type, "image/jpeg") ||
	       str_is(content_type, "image/webp");
}

static bool write_picture(struct builder *b, unsigned index)
{
	const struct imago_input *in = &b->task->inputs[index];
	struct fal_input *input = b->input;

	if (in->url.n > 0 && in->bytes > LINK_FROM) {
		jw_str(&b->w, in->url);
		return true;
	}
	if (!is_sendable(in->content_type))
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "fal is sent PNG, JPEG and WEBP pictures only");
	if (in->bytes > DATA_URI_MAX)
		return outcome_refuse(
			b->out, IMAGO_BAD_INPUT,
			"the picture is too large to be sent along, and this server cannot be reached from outside");
	if (input->place_count == IMAGO_INPUTS_MAX)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "there are too many pictures");
	jw_str(&b->w, imago_printf(b->memory, "data:%.*s;base64,", STRF(in->content_type)));
	/* Before the quote that ends the text. */
	input->places[input->place_count++] = (struct fal_place){ buf_len(b->w.out) - 1, index };
	return true;
}

static bool write_one(struct builder *b, struct str member, enum imago_role role, const char *missing)
{
	int index = imago_task_input(b->task, role);

	if (index < 0)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, missing);
	jw_key_str(&b->w, member);
	return write_picture(b, (unsigned)index);
}

static bool write_all(struct builder *b, struct str member)
{
	if (imago_task_input(b->task, IMAGO_SOURCE) < 0)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "there is no picture to work on");
	jw_key_str(&b->w, member);
	jw_array(&b->w);
	for (unsigned i = 0; i < b->task->input_count; i++) {
		if (b->task->inputs[i].role == IMAGO_SOURCE && !write_picture(b, i))
			return false;
	}
	jw_end_array(&b->w);
	return true;
}

static bool write_pictures(struct builder *b)
{
	enum imago_operation op = b->task->operation;
	struct str image = json_str(json_get(b->params, "image")), mask = json_str(json_get(b->params, "mask"));
	bool has_source = imago_task_input(b->task, IMAGO_SOURCE) >= 0;

	if (image.n == 0 && (has_source || (op != IMAGO_TEXT_TO_IMAGE && op != IMAGO_VIDEO)))
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "the model takes no picture");
	if (op == IMAGO_INPAINT && mask.n == 0)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "the model takes no mask");
	if (str_is(image, "image_urls") && !write_all(b, image))
		return false;
	if (image.n > 0 && !str_is(image, "image_urls") &&
	    !write_one(b, image, IMAGO_SOURCE, "there is no picture to work on"))
		return false;
	return mask.n == 0 || write_one(b, mask, IMAGO_MASK, "there is no mask");
}

static bool write_loras(struct builder *b)
{
	const struct imago_task *t = b->task;
	struct url parts;

	if (t->lora_count == 0)
		return true;
	if (!json_bool(json_get(b->params, "loras"), false))
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "the model takes no LoRA weights");
	jw_key(&b->w, "loras");
	jw_array(&b->w);
	for (unsigned i = 0; i < t->lora_count && i < IMAGO_LORAS_MAX; i++) {
		if (!url_parse(t->loras[i].url, &parts))
			return outcome_refuse(b->out, IMAGO_BAD_INPUT, "the address of the LoRA weights is not one");
		jw_object(&b->w);
		jw_kv_str(&b->w, "path", t->loras[i].url);
		jw_key(&b->w, "scale");
		jw_double(&b->w, t->loras[i].weight);
		jw_end_object(&b->w);
	}
	jw_end_array(&b->w);
	return true;
}

/* ---- numbers ---- */

static void write_number(struct builder *b, const char *param, const char *key, bool said, double v)
{
	if (!said || !json_bool(json_get(b->params, param), false))
		return;
	jw_key(&b->w, key);
	jw_double(&b->w, v);
}

static void write_numbers(struct builder *b)
{
	const struct imago_task *t = b->task;
	struct str scale = json_str(json_get(b->params, "scale")), face = json_str(json_get(b->params, "face"));

	write_number(b, "strength", "strength", t->strength >= 0, t->strength);
	write_number(b, "steps", "num_inference_steps", t->steps > 0, t->steps);
	write_number(b, "guidance", "guidance_scale", t->guidance >= 0, t->guidance);
	if (scale.n > 0 && t->scale > 0) {
		jw_key_str(&b->w, scale);
		jw_int(&b->w, t->scale);
	}
	if (face.n > 0) {
		jw_key_str(&b->w, face);
		jw_bool(&b->w, t->operation == IMAGO_FACE_FIX);
	}
}

static bool write_prompt(struct builder *b)
{
	const struct imago_task *t = b->task;
	struct str use = json_str(json_get(b->params, "prompt"));
	bool is_empty = str_trim(t->prompt).n == 0;

	if (use.n > 0 && !str_is(use, "optional") && !str_is(use, "none"))
		return outcome_refuse(b->out, IMAGO_BAD_INPUT,
		                      "the model's params: prompt is neither optional nor none");
	if (use.n == 0 && is_empty)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "there is no prompt");
	if (!is_empty && !str_is(use, "none"))
		jw_kv_str(&b->w, "prompt", t->prompt);
	if (json_bool(json_get(b->params, "negative_prompt"), false) && t->negative_prompt.n > 0)
		jw_kv_str(&b->w, "negative_prompt", t->negative_prompt);
	return true;
}

static bool write_input(struct builder *b)
{
	const struct imago_task *t = b->task;

	if (!(fal_driver.operations & (1u << t->operation)))
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "fal is not asked for this operation");
	if (!params_are_known(b))
		return false;
	jw_object(&b->w);
	if (!write_prompt(b) || !write_pictures(b) || !write_loras(b))
		return false;
	if (!write_size(b) || !write_count(b) || !write_format(b) || !write_extra(b))
		return false;
	write_numbers(b);
	if (json_bool(json_get(b->params, "seed"), false) && t->has_seed)
		jw_kv_int(&b->w, "seed", t->seed);
	jw_end_object(&b->w);
	return true;
}

bool fal_input_build(const struct imago_task *task, struct imago_memory *memory, struct fal_input *input,
                     struct imago_outcome *out)
{
	struct json_error error;
	struct json *params = json_parse(task->params.n > 0 ? task->params : STR("{}"), &error);
	struct json *own = json_parse(task->extra.n > 0 ? task->extra : STR("{}"), &error);
	struct builder b = { .task = task, .params = params, .own = own, .input = input, .memory = memory, .out = out };
	struct buf body;
	bool ok;

	input->place_count = 0;
	buf_init(&body, BODY_CAP);
	b.w = json_writer(&body);
	ok = write_input(&b);
	input->max_queue_length = json_int(json_get(params, "max_queue_length"), -1);
	json_free(&params);
	json_free(&own);
	input->body = driver_take(memory, &body);
	if (ok && !input->body.p)
		return outcome_refuse(out, IMAGO_BAD_INPUT, "the prompt is too long");
	return ok;
}
