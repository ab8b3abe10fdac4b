#pragma once
/*
 * request - one order to draw, as it came over the wire.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"

enum { SIDE_MIN = 64, SIDE_MAX = 4096, PIXELS_MAX = 16 * 1024 * 1024 };

enum picture_format { FORMAT_PNG, FORMAT_JPEG, FORMAT_WEBP };

struct request {
	struct json *root; /* the texts below are views into it */
	struct str prompt, negative_prompt, style;
	int width, height;
	enum picture_format format;
	int64_t seed;
	int64_t number;
};

/* False: *why says what is wrong, in words for a log. */
bool request_parse(struct str text, struct request *out, struct str *why);
void request_clear(struct request *r);
const char *format_mime(enum picture_format format);
