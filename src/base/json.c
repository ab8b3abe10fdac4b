/*
 * json - reading, by jansson behind a scan of our own.
 *
 * jansson recurses once for each level and ends a text at a NUL byte, so scan() goes
 * over the bytes first, in constant stack. It knows only strings, brackets and NUL;
 * everything else is left for jansson to refuse.
 *
 * A struct json is a json_t: the casts are all in this file.
 */
#include "base/json.h"

#include <stdio.h>

/* jansson's words for what we also name: set apart while its header is read. */
#define json_type jansson_type
#define json_real jansson_real
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_REAL JANSSON_REAL
#define JSON_NULL JANSSON_NULL
#include <jansson.h>
#undef json_type
#undef json_real
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_REAL
#undef JSON_NULL

static const json_t *in(const struct json *v)
{
	return (const json_t *)(const void *)v;
}

static struct json *out(json_t *v)
{
	return (struct json *)(void *)v;
}

static bool refuse(struct json_error *error, size_t position, const char *why)
{
	error->position = position;
	(void)snprintf(error->text, sizeof(error->text), "%s", why);
	return false;
}

static bool scan(struct str text, struct json_error *error)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\0')
			return refuse(error, i, "a NUL byte");
		if (quoted && c == '\\' && i + 1 < text.n && text.p[i + 1] != '\0')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '[' || c == '{') && ++depth > JSON_DEPTH_MAX)
			return refuse(error, i, "nested more than 64 levels deep");
		else if (!quoted && (c == ']' || c == '}') && depth > 0)
			depth--;
	}
	return true;
}

/* jansson's own text quotes the input, which may hold a key. */
static const char *reason(enum json_error_code code)
{
	switch (code) {
	case json_error_premature_end_of_input: return "the text ends too early";
	case json_error_end_of_input_expected: return "something follows the value";
	case json_error_invalid_utf8: return "invalid UTF-8";
	case json_error_duplicate_key: return "a key occurs twice";
	case json_error_numeric_overflow: return "a number is out of range";
	case json_error_null_character:
	case json_error_null_byte_in_key: return "a NUL character";
	case json_error_stack_overflow: return "nested too deep";
	case json_error_out_of_memory: return "out of memory";
	default: return "not valid JSON";
	}
}

struct json *json_parse(struct str text, struct json_error *error)
{
	json_error_t failure;
	json_t *root;

	if (!text.n) {
		(void)refuse(error, 0, "the text is empty");
		return NULL;
	}
	if (!scan(text, error))
		return NULL;
	root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &failure);
	if (!root)
		(void)refuse(error, failure.position > 0 ? (size_t)failure.position : 0,
		             reason(json_error_code(&failure)));
	return out(root);
}

void json_free(struct json **root)
{
	json_decref((json_t *)(void *)*root);
	*root = NULL;
}

enum json_type json_type(const struct json *v)
{
	static const enum json_type types[] = {
		[JANSSON_OBJECT] = JSON_OBJECT, [JANSSON_ARRAY] = JSON_ARRAY, [JANSSON_STRING] = JSON_STRING,
		[JSON_INTEGER] = JSON_INT,      [JANSSON_REAL] = JSON_REAL,   [JSON_TRUE] = JSON_BOOL,
		[JSON_FALSE] = JSON_BOOL,       [JANSSON_NULL] = JSON_NULL,
	};

	return v ? types[json_typeof(in(v))] : JSON_ABSENT;
}

/* The getters of jansson take NULL and values of another type, and answer NULL or 0. */

const struct json *json_get(const struct json *object, const char *key)
{
	return out(json_object_get(in(object), key));
}

const struct json *json_at(const struct json *array, size_t i)
{
	return out(json_array_get(in(array), i));
}

size_t json_count(const struct json *array_or_object)
{
	const json_t *v = in(array_or_object);

	return json_array_size(v) + json_object_size(v);
}

struct str json_str(const struct json *v)
{
	const char *p = json_string_value(in(v));

	return p ? (struct str){ p, json_string_length(in(v)) } : STR("");
}

int64_t json_int(const struct json *v, int64_t otherwise)
{
	return json_type(v) == JSON_INT ? json_integer_value(in(v)) : otherwise;
}

double json_real(const struct json *v, double otherwise)
{
	enum json_type type = json_type(v);

	return type == JSON_INT || type == JSON_REAL ? json_number_value(in(v)) : otherwise;
}

bool json_bool(const struct json *v, bool otherwise)
{
	return json_type(v) == JSON_BOOL ? json_typeof(in(v)) == JSON_TRUE : otherwise;
}

bool json_member(const struct json *object, size_t i, struct str *key, const struct json **value)
{
	/* the iterator functions do not write, but they do not say so */
	json_t *o = (json_t *)(void *)(uintptr_t)object;
	void *at = json_object_iter(o);

	while (at && i-- > 0)
		at = json_object_iter_next(o, at);
	if (!at)
		return false;
	*key = str_from(json_object_iter_key(at));
	*value = out(json_object_iter_value(at));
	return true;
}

static void dump(const struct json *v, struct json_writer *w);

static void dump_object(const struct json *v, struct json_writer *w)
{
	json_t *o = (json_t *)(void *)(uintptr_t)v;

	jw_object(w);
	for (void *at = json_object_iter(o); at; at = json_object_iter_next(o, at)) {
		jw_key(w, json_object_iter_key(at));
		dump(out(json_object_iter_value(at)), w);
	}
	jw_end_object(w);
}

static void dump_array(const struct json *v, struct json_writer *w)
{
	jw_array(w);
	for (size_t i = 0; i < json_count(v); i++)
		dump(json_at(v, i), w);
	jw_end_array(w);
}

/* "1.0" must not become the integer 1. */
static void dump_real(double v, struct json_writer *w)
{
	char text[40];
	int n = snprintf(text, sizeof(text), "%.15g", v);

	if (n > 0 && !strpbrk(text, ".e"))
		n = snprintf(text, sizeof(text), "%.15g.0", v);
	jw_raw(w, (struct str){ text, (size_t)n });
}

/* As deep as json_parse let the tree become. */
static void dump(const struct json *v, struct json_writer *w)
{
	switch (json_type(v)) {
	case JSON_OBJECT: dump_object(v, w); return;
	case JSON_ARRAY: dump_array(v, w); return;
	case JSON_STRING: jw_str(w, json_str(v)); return;
	case JSON_INT: jw_int(w, json_int(v, 0)); return;
	case JSON_REAL: dump_real(json_real(v, 0), w); return;
	case JSON_BOOL: jw_bool(w, json_bool(v, false)); return;
	case JSON_NULL:
	case JSON_ABSENT: jw_null(w); return;
	}
}

void json_dump(const struct json *v, struct buf *to)
{
	struct json_writer w = json_writer(to);

	dump(v, &w);
}
