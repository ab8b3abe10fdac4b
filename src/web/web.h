#pragma once
/*
 * web - the page's files, embedded at build, and a template filler that escapes.
 *
 * In a template {{name}} is replaced by the value, escaped for text and attributes; {{&name}} by the value as it is,
 * for what was rendered by a template itself.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

struct web_file {
	const char *name; /* "page.css" */
	const char *type;
	const char *bytes;
	size_t size;
	const char *etag; /* hex digits of its content's hash */
};

/* NULL: there is none of that name. */
const struct web_file *web_find(struct str name);

struct web_value {
	const char *name;
	struct str value;
};

/* A placeholder without a value is our bug. */
void web_fill(struct buf *out, const char *file, const struct web_value *values, unsigned count);
#define WEB_FILL(out, file, ...) \
	web_fill((out), (file), (const struct web_value[]){ __VA_ARGS__ }, \
	         (unsigned)COUNT_OF(((const struct web_value[]){ __VA_ARGS__ })))
void web_escape(struct buf *out, struct str s);

/* made by embed.py */
extern const struct web_file web_files[];
extern const size_t web_file_count;
