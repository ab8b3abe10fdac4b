/*
 * Checks everything again that the server has checked: this side trusts no other process.
 */
#include "pixels/request.h"

enum { PROMPT_BYTES_MAX = 64 * 1024 };

static const struct {
	const char *name, *mime;
} formats[] = {
	[FORMAT_PNG] = { "png", "image/png" },
	[FORMAT_JPEG] = { "jpeg", "image/jpeg" },
	[FORMAT_WEBP] = { "webp", "image/webp" },
};

static bool format_parse(struct str name, enum picture_format *out)
{
	for (unsigned i = 0; i < COUNT_OF(formats); i++) {
		if (!str_is(name, formats[i].name))
			continue;
		*out = (enum picture_format)i;
		return true;
	}
	return false;
}

static bool size_is_fine(int64_t width, int64_t height)
{
	return width >= SIDE_MIN && width <= SIDE_MAX && height >= SIDE_MIN && height <= SIDE_MAX &&
	       width * height <= PIXELS_MAX;
}

static bool request_read(const struct json *root, struct request *r, struct str *why)
{
	int64_t width = json_int(json_get(root, "width"), 0), height = json_int(json_get(root, "height"), 0);

	if (json_type(root) != JSON_OBJECT || !str_is(json_str(json_get(root, "op")), "draw")) {
		*why = STR("only the operation draw is known");
		return false;
	}
	r->prompt = json_str(json_get(root, "prompt"));
	r->negative_prompt = json_str(json_get(root, "negative_prompt"));
	r->style = json_str(json_get(root, "style"));
	r->seed = json_int(json_get(root, "seed"), 0);
	r->number = json_int(json_get(root, "number"), 1);
	if (r->prompt.n > PROMPT_BYTES_MAX) {
		*why = STR("the prompt is too long");
		return false;
	}
	if (!size_is_fine(width, height)) {
		*why = STR("a side has 64 to 4096 pixels");
		return false;
	}
	r->width = (int)width;
	r->height = (int)height;
	if (!format_parse(json_str(json_get(root, "format")), &r->format)) {
		*why = STR("the format is one of png, jpeg, webp");
		return false;
	}
	return true;
}

bool request_parse(struct str text, struct request *out, struct str *why)
{
	struct json_error error;

	*out = (struct request){ .root = json_parse(text, &error) };
	if (!out->root) {
		*why = STR("the request is not JSON");
		return false;
	}
	if (request_read(out->root, out, why))
		return true;
	request_clear(out);
	return false;
}

void request_clear(struct request *r)
{
	json_free(&r->root);
}

const char *format_mime(enum picture_format format)
{
	return formats[format].mime;
}
