/*
 * fields - see the header; texts are quoted only in part, so that an error is never larger than the request.
 */
#include "api/fields.h"

#include "api/texts.h"

static struct str nearest_of(struct str name, const char *const *known)
{
	struct str best = { NULL, 0 };
	unsigned least = 4;

	for (; *known; known++) {
		unsigned d = str_distance(name, str_from(*known), least);

		if (d < least) {
			least = d;
			best = str_from(*known);
		}
	}
	return best;
}

static bool is_known(struct str name, const char *const *known)
{
	for (; *known; known++)
		if (str_is(name, *known))
			return true;
	return false;
}

/* Printable and short enough to be quoted in an error. */
static struct str quoted(struct api_req *r, struct str s)
{
	return arena_copy(&r->http->arena, str_clip(s, 60));
}

void field_refuse(struct fields *f, const char *name, struct str message)
{
	if (f->failed)
		return;
	f->failed = true;
	api_fail_field(f->r, name, message);
}

static void refuse_unknown(struct fields *f, struct str name, const char *const *known)
{
	struct str near = nearest_of(name, known);
	struct str field = quoted(f->r, name);

	f->failed = true;
	api_fail(f->r, FAULT_UNKNOWN_FIELD,
	         near.n ? TEXT_FILL(f->r, UNKNOWN_NEAREST, field, near) : TEXT_FILL(f->r, UNKNOWN_FIELD, field));
}

void fields_init(struct fields *f, struct api_req *r, const struct json *object, const char *const *known)
{
	struct str name;
	const struct json *value;

	*f = (struct fields){ .r = r, .object = object };
	for (size_t i = 0; !f->failed && json_member(object, i, &name, &value); i++)
		if (!is_known(name, known))
			refuse_unknown(f, name, known);
}

struct str field_text(struct fields *f, const char *name)
{
	const struct json *v = json_get(f->object, name);
	enum json_type type = json_type(v);

	if (f->failed || type == JSON_ABSENT || type == JSON_NULL)
		return (struct str){ NULL, 0 };
	if (type != JSON_STRING) {
		field_refuse(f, name, TEXT_FILL(f->r, MUST_BE_TEXT, str_from(name)));
		return (struct str){ NULL, 0 };
	}
	return json_str(v);
}

static struct str joined(struct arena *a, const char *const *values)
{
	struct str all = { "", 0 };

	for (; *values; values++)
		all = arena_printf(a, "%.*s%s%s", STRF(all), all.n ? ", " : "", *values);
	return all;
}

struct str field_choice(struct fields *f, const char *name, const char *const *values, const char *otherwise)
{
	struct str s = field_text(f, name);
	struct arena *a = &f->r->http->arena;
	struct str near, all;

	if (f->failed || !s.p)
		return str_from(otherwise);
	if (is_known(s, values))
		return arena_copy(a, s);
	near = nearest_of(s, values);
	all = joined(a, values);
	field_refuse(f, name,
	             near.n ? TEXT_FILL(f->r, DID_YOU_MEAN, str_from(name), all, near)
	                    : TEXT_FILL(f->r, MUST_BE_ONE_OF, str_from(name), all));
	return str_from(otherwise);
}

int64_t field_int(struct fields *f, const char *name, int64_t otherwise, bool *given)
{
	const struct json *v = json_get(f->object, name);
	enum json_type type = json_type(v);

	*given = type == JSON_INT;
	if (f->failed || type == JSON_ABSENT || type == JSON_NULL)
		return otherwise;
	if (type == JSON_INT)
		return json_int(v, otherwise);
	*given = true;
	return INT64_MIN; /* not a number that any range allows */
}
