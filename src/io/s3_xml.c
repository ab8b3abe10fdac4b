/*
 * s3_xml - tags are looked for one after the other; comments and declarations are stepped over.
 */
#include "io/s3_xml.h"

#include "base/buf.h"

enum { TEXT_MAX = 4096 };

/* Behind the next opening tag; *name is its name. False: there is none. */
static bool next_tag(struct str *rest, struct str *name)
{
	for (;;) {
		size_t at = str_find_byte(*rest, '<'), end;
		bool comment;

		if (at == SIZE_MAX)
			return false;
		*rest = str_skip(*rest, at + 1);
		comment = str_starts(*rest, STR("!--"));
		end = comment ? str_find(*rest, STR("-->")) : str_find_byte(*rest, '>');
		if (end == SIZE_MAX)
			return false;
		*name = str_sub(*rest, 0, end);
		*rest = str_skip(*rest, end + (comment ? 3 : 1));
		if (name->n > 0 && !strchr("!?/", name->p[0]))
			return true;
	}
}

/* "s3:Code xml:lang=…" is Code. */
static struct str local_name(struct str tag)
{
	size_t n = 0;

	while (n < tag.n && !strchr(" \t\r\n/", tag.p[n]))
		n++;
	tag.n = n;
	n = str_find_byte(tag, ':');
	return n == SIZE_MAX ? tag : str_skip(tag, n + 1);
}

static void put_utf8(struct buf *out, uint64_t c)
{
	if (c < 0x80) {
		buf_byte(out, (char)c);
	} else if (c < 0x800) {
		buf_byte(out, (char)(0xc0 | c >> 6));
		buf_byte(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000 && (c < 0xd800 || c > 0xdfff)) {
		buf_byte(out, (char)(0xe0 | c >> 12));
		buf_byte(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_byte(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_byte(out, '?');
	}
}

static bool is_number(struct str entity, uint64_t *value)
{
	bool hex = str_starts(entity, STR("#x"));

	if (!hex)
		return str_starts(entity, STR("#")) && str_to_u64(str_skip(entity, 1), value);
	*value = 0;
	for (size_t i = 2; i < entity.n && i < 10; i++) {
		const char *digits = "0123456789abcdef", *at = strchr(digits, entity.p[i] | 0x20);

		if (!entity.p[i] || !at)
			return false;
		*value = *value << 4 | (uint64_t)(at - digits);
	}
	return entity.n > 2;
}

static void put_entity(struct buf *out, struct str entity)
{
	static const struct {
		const char *name;
		char c;
	} named[] = { { "lt", '<' }, { "gt", '>' }, { "amp", '&' }, { "quot", '"' }, { "apos", '\'' } };
	uint64_t value;

	for (size_t i = 0; i < COUNT_OF(named); i++)
		if (str_is(entity, named[i].name)) {
			buf_byte(out, named[i].c);
			return;
		}
	if (is_number(entity, &value))
		put_utf8(out, value);
	else
		buf_printf(out, "&%.*s;", STRF(entity));
}

static struct str unescaped(struct arena *a, struct str text)
{
	struct buf out;
	struct str copy;

	buf_init(&out, TEXT_MAX);
	while (text.n > 0) {
		size_t amp = str_find_byte(text, '&'), end = str_find_byte(text, ';');

		if (amp == SIZE_MAX || end == SIZE_MAX || end < amp) {
			size_t plain = end == SIZE_MAX || amp == SIZE_MAX ? text.n : end + 1;

			buf_str(&out, str_sub(text, 0, plain));
			text = str_skip(text, plain);
			continue;
		}
		buf_str(&out, str_sub(text, 0, amp));
		put_entity(&out, str_sub(text, amp + 1, end - amp - 1));
		text = str_skip(text, end + 1);
	}
	copy = arena_copy(a, buf_view(&out));
	buf_clear(&out);
	return copy;
}

struct str s3_xml_root(struct str xml)
{
	struct str name;

	return next_tag(&xml, &name) ? local_name(name) : STR("");
}

struct str s3_xml_text(struct arena *a, struct str xml, const char *name)
{
	struct str tag;

	while (next_tag(&xml, &tag)) {
		size_t end = str_find_byte(xml, '<');

		if (str_is(local_name(tag), name) && tag.p[tag.n - 1] != '/' && end != SIZE_MAX)
			return unescaped(a, str_sub(xml, 0, end < TEXT_MAX ? end : TEXT_MAX));
	}
	return STR("");
}
