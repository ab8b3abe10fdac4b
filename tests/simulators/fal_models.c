/*
 * The models that do not make pictures from words alone: what each must be given, and in what it answers. What is
 * missing or cannot be fetched fails the job, as with fal: the submit itself is accepted.
 */
#include "base/url.h"
#include "fal_sim.h"

static const struct sim_model {
	const char *name;
	const char *image, *mask; /* members that must be there */
	bool no_prompt;
	enum sim_answer answer;
} models[] = {
	{ "fal-ai/flux/dev/image-to-image", "image_url", NULL, false, SIM_PICTURES },
	{ "fal-ai/flux-lora/image-to-image", "image_url", NULL, false, SIM_PICTURES },
	{ "fal-ai/flux-general/inpainting", "image_url", "mask_url", false, SIM_PICTURES },
	{ "fal-ai/nano-banana/edit", "image_urls", NULL, false, SIM_PICTURES },
	{ "fal-ai/nano-banana-pro/edit", "image_urls", NULL, false, SIM_PICTURES },
	{ "fal-ai/esrgan", "image_url", NULL, true, SIM_PICTURE },
	{ "fal-ai/clarity-upscaler", "image_url", NULL, true, SIM_PICTURE },
	{ "fal-ai/birefnet", "image_url", NULL, true, SIM_PICTURE },
	{ "fal-ai/birefnet/v2", "image_url", NULL, true, SIM_PICTURE },
	{ "fal-ai/veo3.1", NULL, NULL, false, SIM_MOVIE },
	{ "fal-ai/veo3.1/fast", NULL, NULL, false, SIM_MOVIE },
	{ "fal-ai/veo3.1/image-to-video", "image_url", NULL, false, SIM_MOVIE },
};

static const struct sim_model *model_of(struct str name)
{
	static const struct sim_model others = { .answer = SIM_PICTURES };

	for (size_t i = 0; i < COUNT_OF(models); i++) {
		if (str_is(name, models[i].name))
			return &models[i];
	}
	return &others;
}

enum sim_answer sim_model_answer(struct str name)
{
	return model_of(name)->answer;
}

static bool is_base64(struct str s)
{
	size_t n = s.n;

	while (n > 0 && s.n - n < 2 && s.p[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++) {
		char c = s.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
		      c == '/'))
			return false;
	}
	return n > 0 && s.n % 4 == 0;
}

/* "missing", "file_download_error", or NULL. */
static const char *fault_of_link(const struct json *link)
{
	static const char *const heads[] = { "data:image/png;base64,", "data:image/jpeg;base64,",
		                             "data:image/webp;base64," };
	struct str text = json_str(link);
	struct url parts;

	if (text.n == 0)
		return "missing";
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		struct str head = str_from(heads[i]);

		if (str_starts(text, head))
			return is_base64(str_skip(text, head.n)) ? NULL : "image_load_error";
	}
	return url_parse(text, &parts) ? NULL : "file_download_error";
}

static const char *fault_of_member(const struct json *input, const char *name)
{
	const struct json *value = name ? json_get(input, name) : NULL;
	const char *fault = NULL;

	if (!name)
		return NULL;
	if (json_type(value) != JSON_ARRAY)
		return fault_of_link(value);
	if (json_count(value) == 0)
		return "missing";
	for (size_t i = 0; !fault && i < json_count(value); i++)
		fault = fault_of_link(json_at(value, i));
	return fault;
}

static const char *fault_of_loras(const struct json *loras)
{
	const char *fault = NULL;

	for (size_t i = 0; !fault && i < json_count(loras); i++)
		fault = fault_of_link(json_get(json_at(loras, i), "path"));
	return fault;
}

const struct sim_fault *sim_model_fault(struct str name, const struct json *input)
{
	const struct sim_model *m = model_of(name);
	const char *fault = fault_of_member(input, m->image);

	if (!fault)
		fault = fault_of_member(input, m->mask);
	if (!fault)
		fault = fault_of_loras(json_get(input, "loras"));
	if (!fault && !m->no_prompt && json_str(json_get(input, "prompt")).n == 0)
		fault = "missing";
	return fault ? sim_fault_find(str_from(fault)) : NULL;
}
