#pragma once
/*
 * json - read a JSON text into a tree, and write one into a buf.
 *
 * Reading: jansson builds the tree, behind a small loop that refuses what it would take
 * or choke on (depth over 64, a NUL byte, anything after the value); duplicate keys,
 * lone surrogates and invalid UTF-8 are refused too. Values never outlive the tree:
 * strings are borrowed from it until json_free. Never give this a body that may hold a
 * picture: one 4 MiB string costs 44 ms.
 *
 * Writing: commas and nesting are kept by the writer; strings are escaped, and invalid
 * UTF-8 becomes U+FFFD, so that what goes out can always be read.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/str.h"

enum { JSON_DEPTH_MAX = 64 };

struct json; /* one value; json_t underneath */

struct json_error {
	size_t position; /* byte offset where reading stopped */
	char text[120];  /* why, without quoting the input */
};

enum json_type { JSON_NULL, JSON_BOOL, JSON_INT, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT, JSON_ABSENT };

/* NULL on error. The caller frees the root only. */
MUST_CHECK struct json *json_parse(struct str text, struct json_error *error);
void json_free(struct json **root);

/* All getters take NULL (absent) and answer JSON_ABSENT, NULL, empty or the default. */
enum json_type json_type(const struct json *v);
const struct json *json_get(const struct json *object, const char *key);
const struct json *json_at(const struct json *array, size_t i);
size_t json_count(const struct json *array_or_object);
struct str json_str(const struct json *v);                 /* strings only, else empty */
int64_t json_int(const struct json *v, int64_t otherwise); /* JSON_INT only */
/* JSON_INT or JSON_REAL. Its symbol has another name: jansson calls one of its own json_real. */
double json_real(const struct json *v, double otherwise) __asm__("imago_json_real");
bool json_bool(const struct json *v, bool otherwise);
/* The i-th member of an object, in the order of the text; false past the end. Takes i steps. */
bool json_member(const struct json *object, size_t i, struct str *key, const struct json **value);
/* The tree below v as compact text. */
void json_dump(const struct json *v, struct buf *out);

struct json_writer {
	struct buf *out;
	uint8_t depth;
	bool comma; /* the next value needs one in front */
};

struct json_writer json_writer(struct buf *out);
void jw_object(struct json_writer *w);
void jw_array(struct json_writer *w);
void jw_end_object(struct json_writer *w);
void jw_end_array(struct json_writer *w);
void jw_key(struct json_writer *w, const char *key);
void jw_key_str(struct json_writer *w, struct str key);
void jw_str(struct json_writer *w, struct str s);
void jw_cstr(struct json_writer *w, const char *s); /* NULL writes null */
void jw_int(struct json_writer *w, int64_t v);
void jw_bool(struct json_writer *w, bool v);
void jw_null(struct json_writer *w);
void jw_fixed(struct json_writer *w, int64_t v, unsigned decimals); /* 40000, 6 -> 0.04: no float */
void jw_double(struct json_writer *w, double v);                    /* shortest of 15 digits; NaN, inf: null */
void jw_raw(struct json_writer *w, struct str json);                /* already JSON */

/* key and value in one call */
void jw_kv_str(struct json_writer *w, const char *key, struct str s);
void jw_kv_cstr(struct json_writer *w, const char *key, const char *s);
void jw_kv_int(struct json_writer *w, const char *key, int64_t v);
void jw_kv_bool(struct json_writer *w, const char *key, bool v);
