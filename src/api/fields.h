#pragma once
/*
 * fields - reading a request's body field by field; the first thing wrong is answered with its name.
 *
 * A reader that has failed has sent its answer: later calls do nothing, and the handler returns.
 */
#include "api/api.h"

struct fields {
	struct api_req *r;
	const struct json *object;
	bool failed;
};

/* Names outside `known` (NULL ends) are refused, with the nearest known one. */
void fields_init(struct fields *f, struct api_req *r, const struct json *object, const char *const *known);
/* Empty when absent or null. */
struct str field_text(struct fields *f, const char *name);
/* One of `values` (NULL ends); absent: `otherwise`. */
struct str field_choice(struct fields *f, const char *name, const char *const *values, const char *otherwise);
int64_t field_int(struct fields *f, const char *name, int64_t otherwise, bool *given);
void field_refuse(struct fields *f, const char *name, struct str message);
