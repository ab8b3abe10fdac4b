/*
 * web - look-up and filling; the files themselves are in the generated web_files.c.
 */
#include "web/web.h"

#include "base/check.h"

const struct web_file *web_find(struct str name)
{
	for (size_t i = 0; i < web_file_count; i++)
		if (str_is(name, web_files[i].name))
			return &web_files[i];
	return NULL;
}

void web_escape(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '<': buf_cstr(out, "&lt;"); break;
		case '>': buf_cstr(out, "&gt;"); break;
		case '&': buf_cstr(out, "&amp;"); break;
		case '"': buf_cstr(out, "&quot;"); break;
		case '\'': buf_cstr(out, "&#39;"); break;
		default: buf_byte(out, s.p[i]);
		}
	}
}

static struct str value_of(struct str name, const struct web_value *values, unsigned count)
{
	unsigned i = 0;

	while (i < count && !str_is(name, values[i].name))
		i++;
	CHECK(i < count);
	return values[i].value;
}

void web_fill(struct buf *out, const char *file, const struct web_value *values, unsigned count)
{
	const struct web_file *f = web_find(str_from(file));
	struct str rest, name;
	size_t at, end;

	CHECK(f);
	rest = (struct str){ f->bytes, f->size };
	while ((at = str_find(rest, STR("{{"))) != SIZE_MAX && (end = str_find(rest, STR("}}"))) != SIZE_MAX) {
		buf_str(out, str_sub(rest, 0, at));
		name = str_sub(rest, at + 2, end - at - 2);
		if (str_starts(name, STR("&")))
			buf_str(out, value_of(str_skip(name, 1), values, count));
		else
			web_escape(out, value_of(name, values, count));
		rest = str_skip(rest, end + 2);
	}
	buf_str(out, rest);
}
