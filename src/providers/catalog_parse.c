/*
 * From the catalog's text to its rows.
 *
 * All or nothing: a catalog with one mistake is refused, so that a typing error in a price
 * cannot hide. The first mistake is reported with its row and, for a wrong name, the nearest
 * right one.
 *
 * Invariants
 *  1. Rows, strings and lists live in the store's arena; the JSON tree does not outlive the parse.
 *  2. No two rows of one provider share a name or an alias, in any case.
 *  3. A replacement is the name of another row of the same provider.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/wall.h"
#include "providers/catalog.h"

enum {
	TEXT_MAX = 1 << 20,
	ARENA_CAP = 16 << 20,
	NAME_MAX_BYTES = 100,
	LIST_MAX = 32,
	RATIO_SIDE_MAX = 100,
	MICROS_MAX = 1000000000,
};

struct catalog_store {
	struct catalog catalog;
	struct arena arena;
};

struct reader {
	struct arena *arena;
	struct catalog_error *error;
	const struct json *row, *params;
	struct catalog_row *out;
};

static const char *const row_members[] = {
	"name",        "aliases",  "provider",   "upstream", "generation_type", "operations", "default", "credits",
	"cost_micros", "cost_per", "deadline_s", "retired",  "replacement",     "note",       "params",  NULL,
};
static const char *const file_members[] = { "models", NULL };

static const char *const operation_words[IMAGO_OPERATIONS + 1] = {
	[IMAGO_TEXT_TO_IMAGE] = "text_to_image",
	[IMAGO_IMAGE_TO_IMAGE] = "image_to_image",
	[IMAGO_INPAINT] = "inpaint",
	[IMAGO_CONTROLNET] = "controlnet",
	[IMAGO_UPSCALE] = "upscale",
	[IMAGO_FACE_FIX] = "face_fix",
	[IMAGO_FACE_SWAP] = "face_swap",
	[IMAGO_REMOVE_BACKGROUND] = "remove_background",
	[IMAGO_ANALYZE] = "analyze",
	[IMAGO_ANALYZE_GENERATE] = "analyze_generate",
	[IMAGO_VIDEO] = "video",
};
static const char *const format_words[IMAGO_FORMATS + 1] = {
	[IMAGO_PNG] = "png",
	[IMAGO_JPEG] = "jpeg",
	[IMAGO_WEBP] = "webp",
};
static const char *const type_words[GENERATION_TYPES + 1] = {
	[GENERATION_AVATAR] = "avatar",
	[GENERATION_IMAGEN4] = "imagen4",
	[GENERATION_VIDEO] = "video",
};
static const char *const unit_words[] = { "image", "megapixel", NULL };

/* ---- errors and words ---- */

static bool fail(struct reader *r, const char *format, ...) PRINTF_LIKE(2, 3);

static bool fail(struct reader *r, const char *format, ...)
{
	struct str name = json_str(json_get(r->row, "name")), text;
	va_list ap;

	va_start(ap, format);
	text = arena_vprintf(r->arena, format, ap);
	va_end(ap);
	if (r->error->row > 0)
		text = arena_printf(r->arena, "model %zu (%.*s): %.*s", r->error->row, STRF(name), STRF(text));
	text.n = text.n < sizeof(r->error->text) ? text.n : sizeof(r->error->text) - 1;
	memcpy(r->error->text, text.p, text.n);
	r->error->text[text.n] = '\0';
	return false;
}

/* Index in the list, or -1 with an error that names the nearest word. */
static int word_index(struct reader *r, const char *what, struct str word, const char *const *words)
{
	unsigned best = 1000;
	int nearest = 0;

	for (int i = 0; words[i]; i++) {
		unsigned distance = str_distance(word, str_from(words[i]), 1000);

		if (distance == 0)
			return i;
		if (distance < best) {
			best = distance;
			nearest = i;
		}
	}
	(void)fail(r, "%s is not known: %.*s; did you mean %s?", what, STRF(word), words[nearest]);
	return -1;
}

static bool members_are_known(struct reader *r, const struct json *object, const char *const *known)
{
	const struct json *value;
	struct str key;

	for (size_t i = 0; json_member(object, i, &key, &value); i++) {
		if (word_index(r, "member", key, known) < 0)
			return false;
	}
	return true;
}

/* ---- members of a row ---- */

static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7F)
			return false;
	}
	return s.n > 0 && s.n <= NAME_MAX_BYTES;
}

/* Absent: empty, which is right for what is optional. */
static bool read_text(struct reader *r, const char *key, bool required, struct str *out)
{
	const struct json *v = json_get(r->row, key);

	if (!v && !required)
		return true;
	if (json_type(v) != JSON_STRING)
		return fail(r, v ? "%s is not a text" : "%s is missing", key);
	*out = arena_copy(r->arena, json_str(v));
	return true;
}

static bool read_name(struct reader *r, const char *key, bool required, struct str *out)
{
	if (!read_text(r, key, required, out))
		return false;
	if (json_get(r->row, key) && !is_plain(*out))
		return fail(r, "%s is not a name of 1 to 100 letters, digits and signs", key);
	return true;
}

static bool read_number(struct reader *r, const struct json *object, const char *key, int64_t least, int64_t most,
                        int64_t *out)
{
	const struct json *v = json_get(object, key);

	if (!v && *out >= 0)
		return true;
	if (!v)
		return fail(r, "%s is missing", key);
	if (json_type(v) != JSON_INT || json_int(v, 0) < least || json_int(v, 0) > most)
		return fail(r, "%s is not a whole number from %lld to %lld", key, (long long)least, (long long)most);
	*out = json_int(v, 0);
	return true;
}

/* A list of different texts; NULL with count 0 when absent. */
static bool read_list(struct reader *r, const struct json *object, const char *key, struct str **out, unsigned *count)
{
	const struct json *list = json_get(object, key);

	*out = NULL;
	*count = 0;
	if (!list)
		return true;
	if (json_type(list) != JSON_ARRAY || json_count(list) == 0 || json_count(list) > LIST_MAX)
		return fail(r, "%s is not a list of 1 to %d texts", key, LIST_MAX);
	*out = arena_array(r->arena, struct str, json_count(list));
	for (size_t i = 0; i < json_count(list); i++) {
		struct str s = json_str(json_at(list, i));

		if (!is_plain(s))
			return fail(r, "%s has an entry that is not a name", key);
		for (unsigned k = 0; k < *count; k++) {
			if (str_eq_nocase((*out)[k], s))
				return fail(r, "%s has %.*s twice", key, STRF(s));
		}
		(*out)[(*count)++] = arena_copy(r->arena, s);
	}
	return true;
}

static bool read_bits(struct reader *r, const struct json *object, const char *key, const char *const *words,
                      unsigned *bits)
{
	struct str *list;
	unsigned count;

	if (!read_list(r, object, key, &list, &count))
		return false;
	*bits = 0;
	for (unsigned i = 0; i < count; i++) {
		int index = word_index(r, key, list[i], words);

		if (index < 0)
			return false;
		*bits |= 1u << index;
	}
	return true;
}

static bool read_ratio(struct reader *r, struct str text, struct catalog_ratio *out)
{
	struct str rest = text, width = str_cut(&rest, ':');
	uint64_t w, h;

	if (!str_to_u64(width, &w) || !str_to_u64(rest, &h) || w == 0 || h == 0 || w > RATIO_SIDE_MAX ||
	    h > RATIO_SIDE_MAX)
		return fail(r, "aspect_ratios has an entry that is not like 16:9: %.*s", STRF(text));
	*out = (struct catalog_ratio){ text, (unsigned)w, (unsigned)h };
	return true;
}

static bool read_ratios(struct reader *r)
{
	struct catalog_ratio *ratios;
	struct str *list;
	unsigned count;

	if (!read_list(r, r->params, "aspect_ratios", &list, &count))
		return false;
	ratios = arena_array(r->arena, struct catalog_ratio, count);
	for (unsigned i = 0; i < count; i++) {
		if (!read_ratio(r, list[i], &ratios[i]))
			return false;
	}
	r->out->ratios = ratios;
	r->out->ratio_count = count;
	return true;
}

static bool read_params(struct reader *r)
{
	int64_t max_images = 1;
	struct buf text;

	r->params = json_get(r->row, "params");
	if (r->params && json_type(r->params) != JSON_OBJECT)
		return fail(r, "params is not an object");
	if (!read_ratios(r) || !read_bits(r, r->params, "formats", format_words, &r->out->formats) ||
	    !read_number(r, r->params, "max_images", 1, IMAGO_IMAGES_MAX, &max_images))
		return false;
	r->out->max_images = (unsigned)max_images;
	buf_init(&text, TEXT_MAX);
	if (r->params)
		json_dump(r->params, &text);
	else
		buf_cstr(&text, "{}");
	r->out->params = arena_copy(r->arena, buf_view(&text));
	buf_clear(&text);
	return true;
}

static bool read_type(struct reader *r)
{
	struct str word = { NULL, 0 };
	int index;

	if (!read_text(r, "generation_type", true, &word))
		return false;
	index = word_index(r, "generation_type", word, type_words);
	if (index >= 0)
		r->out->generation_type = (enum generation_type)index;
	return index >= 0;
}

static bool read_prices(struct reader *r)
{
	int64_t deadline = CATALOG_DEADLINE_S;
	struct str unit = STR("image");
	int index;

	r->out->credits = r->out->cost_micros = -1;
	if (!read_number(r, r->row, "credits", 0, MICROS_MAX, &r->out->credits) ||
	    !read_number(r, r->row, "cost_micros", 0, MICROS_MAX, &r->out->cost_micros) ||
	    !read_number(r, r->row, "deadline_s", 1, 86400, &deadline) || !read_text(r, "cost_per", false, &unit))
		return false;
	index = word_index(r, "cost_per", unit, unit_words);
	r->out->cost_is_per_megapixel = index == 1;
	r->out->deadline_s = (unsigned)deadline;
	return index >= 0;
}

static bool read_retired(struct reader *r)
{
	int64_t us;

	if (!read_text(r, "retired", false, &r->out->retired))
		return false;
	if (r->out->retired.n > 0 &&
	    !wall_parse_rfc3339(arena_printf(r->arena, "%.*sT00:00:00Z", STRF(r->out->retired)), &us))
		return fail(r, "retired is not a day like 2026-08-17");
	return true;
}

static bool read_row(struct reader *r)
{
	struct catalog_row *out = r->out;
	const struct json *is_default = json_get(r->row, "default");
	struct str *aliases;

	if (json_type(r->row) != JSON_OBJECT)
		return fail(r, "a model is not an object");
	if (!members_are_known(r, r->row, row_members))
		return false;
	if (!read_name(r, "name", true, &out->name) || !read_name(r, "provider", true, &out->provider) ||
	    !read_name(r, "upstream", true, &out->upstream) || !read_name(r, "replacement", false, &out->replacement) ||
	    !read_text(r, "note", false, &out->note) || !read_retired(r) || !read_type(r) || !read_prices(r) ||
	    !read_bits(r, r->row, "operations", operation_words, &out->operations) || !read_params(r) ||
	    !read_list(r, r->row, "aliases", &aliases, &out->alias_count))
		return false;
	out->aliases = aliases;
	if (out->operations == 0)
		return fail(r, "operations is missing");
	if (is_default && json_type(is_default) != JSON_BOOL)
		return fail(r, "default is neither true nor false");
	out->is_default = json_bool(is_default, false);
	return true;
}

/* ---- the rows together ---- */

static bool row_answers_to(const struct catalog_row *row, struct str name)
{
	if (str_eq_nocase(row->name, name))
		return true;
	for (unsigned i = 0; i < row->alias_count; i++) {
		if (str_eq_nocase(row->aliases[i], name))
			return true;
	}
	return false;
}

/* Against the rows before it, so that each pair is looked at once. */
static bool row_is_distinct(struct reader *r, const struct catalog *c, size_t index)
{
	const struct catalog_row *row = &c->rows[index];

	for (size_t i = 0; i < index; i++) {
		const struct catalog_row *other = &c->rows[i];

		if (!str_eq(other->provider, row->provider))
			continue;
		if (other->is_default && row->is_default)
			return fail(r, "%.*s is the provider's default model already", STRF(other->name));
		if (row_answers_to(other, row->name))
			return fail(r, "the name %.*s is taken", STRF(row->name));
		for (unsigned k = 0; k < row->alias_count; k++) {
			if (row_answers_to(other, row->aliases[k]))
				return fail(r, "the alias %.*s is taken", STRF(row->aliases[k]));
		}
	}
	return true;
}

static bool replacement_exists(struct reader *r, const struct catalog *c, const struct catalog_row *row)
{
	if (row->replacement.n == 0)
		return true;
	for (size_t i = 0; i < c->count; i++) {
		const struct catalog_row *other = &c->rows[i];

		if (other != row && str_eq(other->provider, row->provider) && str_eq(other->name, row->replacement))
			return true;
	}
	return fail(r, "replacement is not another model of the provider: %.*s", STRF(row->replacement));
}

static bool read_rows(struct reader *r, const struct json *models, struct catalog *c)
{
	size_t count = json_count(models);
	struct catalog_row *rows = arena_array(r->arena, struct catalog_row, count);

	c->rows = rows;
	for (size_t i = 0; i < count; i++) {
		r->error->row = i + 1;
		r->row = json_at(models, i);
		r->out = &rows[i];
		if (!read_row(r) || !row_is_distinct(r, c, i))
			return false;
		c->count++;
	}
	for (size_t i = 0; i < count; i++) {
		r->error->row = i + 1;
		r->row = json_at(models, i);
		if (!replacement_exists(r, c, &rows[i]))
			return false;
	}
	r->error->row = 0;
	return true;
}

static bool read_file(struct reader *r, struct str text, struct catalog *c)
{
	struct json_error why;
	struct json *root;
	const struct json *models;
	bool ok = false;

	if (text.n > TEXT_MAX)
		return fail(r, "the catalog is larger than 1 MiB");
	root = json_parse(text, &why);
	if (!root)
		return fail(r, "the catalog is not JSON: %s, at byte %zu", why.text, why.position);
	models = json_get(root, "models");
	if (json_type(models) != JSON_ARRAY || json_count(models) == 0 || json_count(models) > CATALOG_ROWS_MAX)
		(void)fail(r, "the catalog is not an object with a list \"models\" of 1 to %d", CATALOG_ROWS_MAX);
	else
		ok = members_are_known(r, root, file_members) && read_rows(r, models, c);
	if (ok && r->arena->overflowed)
		ok = fail(r, "the catalog is too large");
	json_free(&root);
	return ok;
}

struct catalog *catalog_parse(struct str json, struct catalog_error *error)
{
	struct catalog_store *store = mem_new(struct catalog_store);
	struct reader r = { .arena = &store->arena, .error = error };
	struct catalog *c = &store->catalog;

	arena_init(&store->arena, ARENA_CAP);
	c->store = store;
	error->row = 0;
	if (!read_file(&r, json, c))
		catalog_free(&c);
	return c;
}

void catalog_free(struct catalog **c)
{
	if (!*c)
		return;
	arena_clear(&(*c)->store->arena);
	mem_release((*c)->store);
	*c = NULL;
}

const char *generation_type_name(enum generation_type t)
{
	return t < GENERATION_TYPES ? type_words[t] : "";
}

bool generation_type_from(struct str name, enum generation_type *out)
{
	for (unsigned i = 0; i < GENERATION_TYPES; i++) {
		if (str_is(name, type_words[i])) {
			*out = (enum generation_type)i;
			return true;
		}
	}
	return false;
}
