/*
 * From a task to the body: one flat JSON object with the key in it.
 *
 * Numbers are brought into the documented bounds here, because an answer of "must be between" may come after a
 * wait, and steps above the maximum are dropped there in silence. Steps and `enhance_prompt` are always sent: what
 * the documents say about their defaults contradicts itself, and a prompt must not be rewritten unasked.
 *
 * ControlNet's documents have "yes" and "no" where the others have true and false.
 *
 * Pictures go along by address only, so a server that cannot be reached from outside is told so before anything is
 * sent.
 */
#include "base/buf.h"
#include "providers/driver.h"
#include "providers/modelslab.h"

enum {
	BODY_CAP = 256 << 10,
	SIDE_MIN = 256,
	SIDE_MAX = 1024,
	SIDE_STEP = 8,
	SAMPLES_MAX = 4,
	STEPS_MAX = 20,
	CONTROL_STEPS_FEW = 21,
	CONTROL_STEPS_MANY = 31,
	SCALE_MAX = 4
};

static const char *const known_params[] = {
	"max_images", "aspect_ratios", "formats",   "steps", "steps_max",
	"guidance",   "strength",      "scheduler", "scale", "safety_checker",
};

/* What a client may add. None of them names an address, and none is one of ours. */
static const char *const known_extra[] = {
	"algorithm_type", "clip_skip", "highres_fix", "lora_model", "lora_strength",     "multi_lingual",
	"scheduler",      "tomesd",    "upscale",     "vae",        "use_karras_sigmas",
};

static const char *const controls[] = {
	"canny",        "depth",   "hed",      "mlsd",    "normal",      "openpose", "scribble",
	"segmentation", "inpaint", "softedge", "lineart", "shuffle",     "tile",     "face_detector",
	"qrcode",       "blur",    "pose",     "gray",    "low_quality",
};

struct builder {
	const struct imago_task *task;
	const struct json *params, *extra;
	struct json_writer w;
	struct imago_memory *memory;
	struct imago_outcome *out;
};

static bool is_among(struct str word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (str_is(word, words[i]))
			return true;
	}
	return false;
}

static bool members_are_known(struct builder *b, const struct json *object, const char *const *known, size_t count,
                              const char *what)
{
	const struct json *value;
	struct str key;

	if (json_type(object) != JSON_OBJECT) {
		outcome_fail(b->out, IMAGO_BAD_INPUT, imago_printf(b->memory, "%s are not a JSON object", what));
		return false;
	}
	for (size_t i = 0; json_member(object, i, &key, &value); i++) {
		if (is_among(key, known, count))
			continue;
		outcome_fail(b->out, IMAGO_BAD_INPUT,
		             imago_printf(b->memory, "%s have a member that ModelsLab does not know: %.*s", what,
		                          STRF(str_clip(key, 60))));
		return false;
	}
	return true;
}

/* ---- numbers within bounds ---- */

static double within(double v, double least, double most)
{
	return v < least ? least : v > most ? most : v;
}

static double param(const struct builder *b, const char *name, double otherwise)
{
	return json_real(json_get(b->params, name), otherwise);
}

static void write_real(struct builder *b, const char *key, double v)
{
	jw_key(&b->w, key);
	jw_double(&b->w, v);
}

/* The task's own where it was said (not negative), else the row's. */
static double said_or_param(const struct builder *b, double said, const char *name, double otherwise)
{
	return said >= 0 ? said : param(b, name, otherwise);
}

static unsigned side(double pixels)
{
	unsigned n = (unsigned)within(pixels, SIDE_MIN, SIDE_MAX) + SIDE_STEP / 2;

	return n - n % SIDE_STEP;
}

/* The same shape, within the bounds; what the client asked for is made of it later. */
static bool write_size(struct builder *b)
{
	unsigned width = b->task->width, height = b->task->height, longest = width > height ? width : height;
	double shrink = longest > SIDE_MAX ? (double)SIDE_MAX / longest : 1;

	if (width == 0 || height == 0)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "no picture can have this size");
	jw_kv_int(&b->w, "width", side(width * shrink));
	jw_kv_int(&b->w, "height", side(height * shrink));
	return true;
}

static void write_steps(struct builder *b)
{
	bool is_control = b->task->operation == IMAGO_CONTROLNET;
	double most = within(param(b, "steps_max", STEPS_MAX), 1, STEPS_MAX);
	double steps = b->task->steps > 0 ? b->task->steps : param(b, "steps", STEPS_MAX);

	if (is_control)
		jw_kv_int(&b->w, "num_inference_steps",
		          steps > CONTROL_STEPS_FEW ? CONTROL_STEPS_MANY : CONTROL_STEPS_FEW);
	else
		jw_kv_int(&b->w, "num_inference_steps", (int64_t)within(steps, 1, most));
}

static void write_flag(struct builder *b, const char *key, bool on)
{
	if (b->task->operation == IMAGO_CONTROLNET)
		jw_kv_cstr(&b->w, key, on ? "yes" : "no");
	else
		jw_kv_bool(&b->w, key, on);
}

/* ---- pictures ---- */

static bool write_address(struct builder *b, const char *key, int input)
{
	struct str url = b->task->inputs[input].url;

	if (url.n == 0)
		return outcome_refuse(
			b->out, IMAGO_BAD_INPUT,
			"ModelsLab fetches pictures by their address, and this server has none that can be "
			"reached from outside");
	jw_kv_str(&b->w, key, url);
	return true;
}

static bool write_input(struct builder *b, const char *key, enum imago_role role, const char *missing)
{
	int input = imago_task_input(b->task, role);

	if (input < 0)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, missing);
	return write_address(b, key, input);
}

/* Edges, depth or pose as they are; or a photograph, of which they are made there. */
static bool write_control(struct builder *b)
{
	const struct imago_task *t = b->task;
	int source = imago_task_input(t, IMAGO_SOURCE), control = imago_task_input(t, IMAGO_CONTROL);

	if (!is_among(t->control, controls, COUNT_OF(controls))) {
		outcome_fail(b->out, IMAGO_BAD_INPUT,
		             imago_printf(b->memory, "ModelsLab has no ControlNet of this kind: %.*s",
		                          STRF(str_clip(t->control, 60))));
		return false;
	}
	if (source < 0 && control < 0)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "there is no picture to follow");
	jw_kv_str(&b->w, "controlnet_model", t->control);
	jw_kv_str(&b->w, "controlnet_type", t->control);
	write_flag(b, "auto_hint", control < 0);
	if (t->control_weight >= 0)
		write_real(b, "controlnet_conditioning_scale", within(t->control_weight, 0.1, 5));
	if (!write_address(b, "init_image", source >= 0 ? source : control))
		return false;
	return control < 0 || write_address(b, "control_image", control);
}

static bool write_pictures(struct builder *b)
{
	enum imago_operation op = b->task->operation;

	if (op == IMAGO_TEXT_TO_IMAGE)
		return true;
	if (op == IMAGO_CONTROLNET && !write_control(b))
		return false;
	if (op != IMAGO_CONTROLNET && !write_input(b, "init_image", IMAGO_SOURCE, "there is no picture to change"))
		return false;
	if (op == IMAGO_INPAINT && !write_input(b, "mask_image", IMAGO_MASK, "there is no mask"))
		return false;
	write_real(b, "strength", within(said_or_param(b, b->task->strength, "strength", 0.7), 0, 1));
	return true;
}

/* ---- the two kinds of body ---- */

static bool write_count(struct builder *b)
{
	int64_t max = json_int(json_get(b->params, "max_images"), 1);
	unsigned n = b->task->num_images;

	if (n == 0 || n > SAMPLES_MAX || n > max) {
		outcome_fail(b->out, IMAGO_BAD_INPUT,
		             imago_printf(b->memory, "the model cannot make %u pictures in one call", n));
		return false;
	}
	jw_kv_int(&b->w, "samples", n);
	return true;
}

static void write_extra(struct builder *b)
{
	struct str scheduler = json_str(json_get(b->params, "scheduler")), key;
	const struct json *value;
	struct buf text;

	if (scheduler.n > 0 && !json_get(b->extra, "scheduler"))
		jw_kv_str(&b->w, "scheduler", scheduler);
	for (size_t i = 0; json_member(b->extra, i, &key, &value); i++) {
		buf_init(&text, BODY_CAP);
		json_dump(value, &text);
		jw_key_str(&b->w, key);
		jw_raw(&b->w, buf_view(&text));
		buf_clear(&text);
	}
}

static bool write_generation(struct builder *b)
{
	const struct imago_task *t = b->task;

	if (str_trim(t->prompt).n == 0)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "there is no prompt");
	if (t->lora_count > 0)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT,
		                      "ModelsLab takes LoRA models by its own names (lora_model), not by address");
	jw_kv_str(&b->w, "prompt", t->prompt);
	if (t->negative_prompt.n > 0)
		jw_kv_str(&b->w, "negative_prompt", t->negative_prompt);
	if (!write_size(b) || !write_count(b))
		return false;
	write_steps(b);
	write_real(b, "guidance_scale", within(said_or_param(b, t->guidance, "guidance", 7.5), 1, 20));
	if (t->has_seed)
		jw_kv_int(&b->w, "seed", t->seed);
	write_flag(b, "safety_checker", json_bool(json_get(b->params, "safety_checker"), true));
	write_flag(b, "enhance_prompt", false);
	if (!write_pictures(b))
		return false;
	write_extra(b);
	return true;
}

static bool write_enlargement(struct builder *b)
{
	bool faces = b->task->operation == IMAGO_FACE_FIX;
	double scale = b->task->scale > 0 ? b->task->scale : param(b, "scale", faces ? 2 : 4);

	if (b->task->num_images != 1)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "one picture becomes one picture");
	if (json_count(b->extra) > 0)
		return outcome_refuse(b->out, IMAGO_BAD_INPUT, "an enlargement has no further parameters");
	if (!write_input(b, "init_image", IMAGO_SOURCE, "there is no picture to enlarge"))
		return false;
	jw_kv_int(&b->w, "scale", (int64_t)within(scale, 1, SCALE_MAX));
	jw_kv_bool(&b->w, "face_enhance", faces);
	return true;
}

static bool write_body(struct builder *b, struct imago_secret key)
{
	enum imago_operation op = b->task->operation;

	if (!members_are_known(b, b->params, known_params, COUNT_OF(known_params), "the model's params") ||
	    !members_are_known(b, b->extra, known_extra, COUNT_OF(known_extra), "the further parameters"))
		return false;
	jw_object(&b->w);
	jw_kv_str(&b->w, "key", key.value);
	jw_kv_str(&b->w, "model_id", b->task->model);
	if (!(op == IMAGO_UPSCALE || op == IMAGO_FACE_FIX ? write_enlargement(b) : write_generation(b)))
		return false;
	jw_end_object(&b->w);
	return true;
}

static struct json *object_of(struct str text)
{
	struct json_error error;

	return json_parse(text.n > 0 ? text : STR("{}"), &error);
}

struct str modelslab_input_build(const struct imago_task *task, const struct imago_account *account,
                                 struct imago_memory *memory, struct imago_outcome *out)
{
	struct json *params = object_of(task->params), *extra = object_of(task->extra);
	struct builder b = { .task = task, .params = params, .extra = extra, .memory = memory, .out = out };
	struct str body;
	struct buf text;
	bool ok;

	buf_init(&text, BODY_CAP);
	b.w = json_writer(&text);
	ok = write_body(&b, account->credential);
	json_free(&params);
	json_free(&extra);
	body = driver_take(memory, &text);
	if (ok && !body.p)
		outcome_fail(out, IMAGO_BAD_INPUT, STR("the prompt is too long"));
	return ok ? body : (struct str){ NULL, 0 };
}

struct str modelslab_key_body(const struct imago_account *account, struct imago_memory *memory)
{
	struct json_writer w;
	struct buf text;

	buf_init(&text, BODY_CAP);
	w = json_writer(&text);
	jw_object(&w);
	jw_kv_str(&w, "key", account->credential.value);
	jw_end_object(&w);
	return driver_take(memory, &text);
}
