/*
 * texts - two tables from one file: texts by id, and titles of faults by code.
 */
#include "api/texts.h"

static const char *const texts[TEXT_COUNT][LANGUAGES] = {
#define TEXT(id, en, fr) [TEXT_##id] = { en, fr },
#include "api/texts.def"
#undef TEXT
};

static const char *const names[TEXT_COUNT] = {
#define TEXT(id, en, fr) [TEXT_##id] = #id,
#include "api/texts.def"
#undef TEXT
};

static const char *const fault_ids[FAULT_COUNT] = {
#define FAULT(id, status, slug, retry, title) [FAULT_##id] = "FAULT_" #id,
#include "base/faults.def"
#undef FAULT
};

static const char *const codes[LANGUAGES] = { [LANG_EN] = "en", [LANG_FR] = "fr" };

const char *text_get(enum language l, enum text_id id)
{
	return texts[id][l];
}

struct str text_fill(struct api_req *r, enum text_id id, const struct str *values, unsigned count)
{
	struct str rest = str_from(texts[id][r->language]), filled;
	unsigned next = 0;
	struct buf b;
	size_t at;

	buf_init(&b, 8192);
	while (next < count && (at = str_find(rest, STR("{}"))) != SIZE_MAX) {
		buf_str(&b, str_sub(rest, 0, at));
		buf_str(&b, values[next++]);
		rest = str_skip(rest, at + 2);
	}
	buf_str(&b, rest);
	filled = arena_copy(&r->http->arena, buf_view(&b));
	buf_clear(&b);
	return filled;
}

struct str text_number(struct api_req *r, int64_t n)
{
	return arena_printf(&r->http->arena, "%lld", (long long)n);
}

/* In groups of three, as the language writes them. */
static struct str number_grouped(struct api_req *r, int64_t n)
{
	static const char *const separators[LANGUAGES] = { [LANG_EN] = ",", [LANG_FR] = "\u202f" };
	struct arena *a = &r->http->arena;
	struct str rest = { NULL, 0 };

	while (n >= 1000) {
		rest = arena_printf(a, "%s%03d%.*s", separators[r->language], (int)(n % 1000), STRF(rest));
		n /= 1000;
	}
	return arena_printf(a, "%lld%.*s", (long long)n, STRF(rest));
}

/* English has one form for 1; French has it for 0 too. */
static bool is_singular(enum language l, int64_t n)
{
	return n == 1 || (l == LANG_FR && n == 0);
}

struct str text_count(struct api_req *r, enum text_id one, enum text_id many, int64_t n)
{
	struct str number = number_grouped(r, n);

	return text_fill(r, is_singular(r->language, n) ? one : many, &number, 1);
}

struct str text_fault(enum language l, enum fault_code code)
{
	if (l != LANG_EN)
		for (int i = 0; i < TEXT_COUNT; i++)
			if (!strcmp(names[i], fault_ids[code]))
				return str_from(texts[i][l]);
	return str_from(fault_title(code));
}

struct str text_fault_slug(enum language l, struct str slug)
{
	enum fault_code code = fault_from_slug(slug);

	return code == FAULT_COUNT ? slug : text_fault(l, code);
}

const char *language_code(enum language l)
{
	return codes[l];
}

/* "fr-CA;q=0.8" names fr; a weight of 0 means "not this one". Order in the list is taken as preference. */
static bool language_of_tag(struct str tag, enum language *out)
{
	struct str rest = str_trim(tag);
	struct str name = str_trim(str_cut(&rest, ';'));
	struct str weight = str_trim(rest);

	if (str_eq(weight, STR("q=0")) || str_starts(weight, STR("q=0.0")))
		return false;
	for (int i = 0; i < LANGUAGES; i++) {
		*out = (enum language)i;
		if (str_eq_nocase(str_sub(name, 0, 2), str_from(codes[i])) && (name.n == 2 || name.p[2] == '-'))
			return true;
	}
	return false;
}

enum language language_from(struct str accept_language, enum language otherwise)
{
	enum language l;

	while (accept_language.p)
		if (language_of_tag(str_cut(&accept_language, ','), &l))
			return l;
	return otherwise;
}
