/*
 * The catalog: the built-in one's promises, every mistake a file can have, and the questions
 * that are asked of rows.
 */
#include "driver_test.h"

#include "providers/catalog.h"

static struct catalog *builtin(void)
{
	struct catalog_error error;
	struct catalog *c = catalog_parse(catalog_builtin(), &error);

	if (!c)
		fail_msg("%s", error.text);
	return c;
}

/* ---- the built-in one ---- */

static void imagen4(void **state)
{
	static const char *const names[] = { "imagen4", "Imagen4", "imagen-4", "fal-ai/imagen4/preview",
		                             "FAL-AI/imagen4/preview" };
	struct catalog *c = builtin();
	const struct catalog_row *row = catalog_find(c, STR("imagen4"), STR(""));

	(void)state;
	assert_non_null(row);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_ptr_equal(catalog_find(c, str_from(names[i]), STR("fal")), row);
	assert_str(row->name, "imagen4");
	assert_str(row->provider, "fal");
	assert_str(row->upstream, "fal-ai/imagen4/preview");
	assert_int_equal(row->generation_type, GENERATION_IMAGEN4);
	assert_true(catalog_can(row, IMAGO_TEXT_TO_IMAGE));
	assert_false(catalog_can(row, IMAGO_VIDEO));
	assert_int_equal(row->credits, 5);
	assert_int_equal(row->cost_micros, 40000);
	assert_int_equal(row->max_images, 4);
	assert_int_equal(row->ratio_count, 5);
	assert_int_equal(row->formats, 7);
	assert_str(row->retired, "2026-08-17");
	assert_str(row->replacement, "nano-banana");
	assert_int_equal(row->deadline_s, CATALOG_DEADLINE_S);
	assert_int_equal(catalog_price(row, 4), 20);
	assert_int_equal(catalog_cost_micros(row, 4, 1792, 1024), 160000);
	assert_ptr_equal(catalog_default(c, STR("fal")), row);
	assert_null(catalog_find(c, STR("imagen4"), STR("demo")));
	assert_null(catalog_find(c, STR("imagen5"), STR("")));
	assert_null(catalog_find(c, STR(""), STR("")));
	catalog_free(&c);
	assert_null(c);
}

static void demo_and_flux(void **state)
{
	struct catalog *c = builtin();
	const struct catalog_row *demo = catalog_default(c, STR("demo"));
	const struct catalog_row *flux = catalog_find(c, STR("flux/dev"), STR(""));

	(void)state;
	assert_str(demo->name, "demo");
	assert_int_equal(demo->cost_micros, 0);
	assert_int_equal(demo->ratio_count, 0);
	assert_null(catalog_nearest_ratio(demo, 512, 512));
	assert_null(catalog_default(c, STR("acme")));
	assert_true(flux->cost_is_per_megapixel);
	assert_int_equal(catalog_cost_micros(flux, 1, 1024, 1024), 25000);
	assert_int_equal(catalog_cost_micros(flux, 1, 1025, 1024), 50000);
	assert_int_equal(catalog_cost_micros(flux, 3, 512, 512), 75000);
	assert_int_equal(catalog_cost_micros(flux, 1, 0, 0), 25000);
	catalog_free(&c);
}

static void every_row_is_reasonable(void **state)
{
	struct catalog *c = builtin();

	(void)state;
	assert_true(c->count >= 7);
	for (size_t i = 0; i < c->count; i++) {
		const struct catalog_row *row = &c->rows[i];

		assert_true(row->credits > 0);
		assert_true(row->max_images >= 1);
		assert_ptr_equal(catalog_find(c, row->name, row->provider), row);
	}
	catalog_free(&c);
}

static void nearest_names(void **state)
{
	static const struct {
		const char *asked, *nearest;
	} cases[] = {
		{ "imagen3", "imagen4" },
		{ "Imagen 4", "imagen4" },
		{ "nanobanana", "nano-banana" },
		{ "flux_dev", "flux-dev" },
		{ "flux-sch", "flux-schnell" },
		{ "fal-ai/imagen4/previw", "fal-ai/imagen4/preview" },
		{ "dall-e-3", "" },
		{ "", "" },
		{ "x", "" },
	};
	struct catalog *c = builtin();
	char longest[300];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_str(catalog_nearest(c, str_from(cases[i].asked)), cases[i].nearest);
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(catalog_nearest(c, (struct str){ longest, sizeof(longest) }).n, 0);
	catalog_free(&c);
}

static void nearest_ratios(void **state)
{
	static const struct {
		unsigned width, height;
		const char *ratio;
	} cases[] = {
		{ 1024, 1024, "1:1" }, { 512, 512, "1:1" },   { 1792, 1024, "16:9" }, { 1024, 1792, "9:16" },
		{ 1600, 1200, "4:3" }, { 1200, 1600, "3:4" }, { 16384, 1, "16:9" },   { 1, 16384, "9:16" },
		{ 1100, 1024, "1:1" }, { 0, 0, "1:1" },
	};
	struct catalog *c = builtin();
	const struct catalog_row *row = catalog_find(c, STR("imagen4"), STR(""));

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_str(catalog_nearest_ratio(row, cases[i].width, cases[i].height)->text, cases[i].ratio);
	catalog_free(&c);
}

static void formats(void **state)
{
	struct catalog_row row = { .formats = 0 };

	(void)state;
	assert_int_equal(catalog_format(&row, IMAGO_WEBP), IMAGO_WEBP);
	row.formats = 1u << IMAGO_JPEG | 1u << IMAGO_PNG;
	assert_int_equal(catalog_format(&row, IMAGO_JPEG), IMAGO_JPEG);
	assert_int_equal(catalog_format(&row, IMAGO_WEBP), IMAGO_PNG);
	row.formats = 1u << IMAGO_JPEG;
	assert_int_equal(catalog_format(&row, IMAGO_PNG), IMAGO_JPEG);
	row.formats = 1u << IMAGO_WEBP;
	assert_int_equal(catalog_format(&row, IMAGO_PNG), IMAGO_WEBP);
}

static void generation_types(void **state)
{
	enum generation_type t;

	(void)state;
	for (unsigned i = 0; i < GENERATION_TYPES; i++) {
		assert_true(generation_type_from(str_from(generation_type_name((enum generation_type)i)), &t));
		assert_int_equal(t, i);
	}
	assert_false(generation_type_from(STR("Imagen4"), &t));
	assert_false(generation_type_from(STR(""), &t));
}

/* ---- mistakes ---- */

#define REST \
	"\"provider\":\"p\",\"upstream\":\"u\",\"generation_type\":\"imagen4\",\"operations\":[\"text_to_image\"]," \
	"\"credits\":1,\"cost_micros\":2"
#define ONE(members) "{\"models\":[{" members "}]}"
#define WITH(members) ONE("\"name\":\"m\"," REST "," members)

/* clang-format off */
static const struct mistake {
	const char *text, *word;        /* word NULL: none */
	size_t row;
} mistakes[] = {
	{ ONE("\"name\":\"m\"," REST), NULL, 0 },
	{ "", "not JSON", 0 },
	{ "{", "not JSON", 0 },
	{ "[]", "models", 0 },
	{ "{}", "models", 0 },
	{ "{\"models\":{}}", "models", 0 },
	{ "{\"models\":[]}", "models", 0 },
	{ "{\"models\":[7]}", "not an object", 1 },
	{ "{\"models\":[{\"name\":\"m\"," REST "}],\"version\":1}", "member is not known: version", 0 },
	{ ONE(REST), "name is missing", 1 },
	{ ONE("\"name\":7," REST), "name is not a text", 1 },
	{ ONE("\"name\":\"\"," REST), "name is not a name", 1 },
	{ ONE("\"name\":\"a b\"," REST), "name is not a name", 1 },
	{ WITH("\"credit\":5"), "did you mean credits?", 1 },
	{ WITH("\"note\":5"), "note is not a text", 1 },
	{ WITH("\"default\":1"), "default", 1 },
	{ WITH("\"cost_per\":\"pixel\""), "cost_per", 1 },
	{ WITH("\"cost_per\":\"megapixel\""), NULL, 0 },
	{ WITH("\"deadline_s\":0"), "deadline_s", 1 },
	{ WITH("\"retired\":\"soon\""), "retired", 1 },
	{ WITH("\"retired\":\"2026-13-01\""), "retired", 1 },
	{ WITH("\"retired\":\"2026-08-17\""), NULL, 0 },
	{ WITH("\"replacement\":\"n\""), "replacement is not another model", 1 },
	{ WITH("\"replacement\":\"m\""), "replacement is not another model", 1 },
	{ WITH("\"aliases\":\"a\""), "aliases is not a list", 1 },
	{ WITH("\"aliases\":[]"), "aliases is not a list", 1 },
	{ WITH("\"aliases\":[1]"), "not a name", 1 },
	{ WITH("\"aliases\":[\"a\",\"A\"]"), "twice", 1 },
	{ WITH("\"params\":[]"), "params is not an object", 1 },
	{ WITH("\"params\":{\"max_images\":0}"), "max_images", 1 },
	{ WITH("\"params\":{\"max_images\":11}"), "max_images", 1 },
	{ WITH("\"params\":{\"aspect_ratios\":[\"16x9\"]}"), "not like 16:9", 1 },
	{ WITH("\"params\":{\"aspect_ratios\":[\"0:1\"]}"), "not like 16:9", 1 },
	{ WITH("\"params\":{\"aspect_ratios\":[\"1:101\"]}"), "not like 16:9", 1 },
	{ WITH("\"params\":{\"formats\":[\"gif\"]}"), "formats is not known: gif", 1 },
	{ WITH("\"params\":{\"formats\":[\"jpg\"]}"), "did you mean jpeg?", 1 },
	{ WITH("\"params\":{\"anything\":{\"of\":\"the driver\"}}"), NULL, 0 },
	{ ONE("\"name\":\"m\",\"provider\":\"p\",\"upstream\":\"u\",\"generation_type\":\"imagen\",\"operations\":[\"video\"],"
	      "\"credits\":1,\"cost_micros\":2"), "did you mean imagen4?", 1 },
	{ ONE("\"name\":\"m\",\"provider\":\"p\",\"upstream\":\"u\",\"generation_type\":\"video\",\"credits\":1,"
	      "\"cost_micros\":2"), "operations is missing", 1 },
	{ ONE("\"name\":\"m\",\"provider\":\"p\",\"upstream\":\"u\",\"generation_type\":\"video\",\"operations\":[\"paint\"],"
	      "\"credits\":1,\"cost_micros\":2"), "operations is not known: paint; did you mean inpaint?", 1 },
	{ ONE("\"name\":\"m\",\"provider\":\"p\",\"upstream\":\"u\",\"generation_type\":\"video\",\"operations\":[\"video\"],"
	      "\"cost_micros\":2"), "credits is missing", 1 },
	{ ONE("\"name\":\"m\",\"provider\":\"p\",\"upstream\":\"u\",\"generation_type\":\"video\",\"operations\":[\"video\"],"
	      "\"credits\":-1,\"cost_micros\":2"), "credits is not a whole number", 1 },
	{ ONE("\"name\":\"m\",\"provider\":\"p\",\"upstream\":\"u\",\"generation_type\":\"video\",\"operations\":[\"video\"],"
	      "\"credits\":1,\"cost_micros\":0.04"), "cost_micros is not a whole number", 1 },
	{ "{\"models\":[{\"name\":\"m\"," REST "},{\"name\":\"M\"," REST "}]}", "the name M is taken", 2 },
	{ "{\"models\":[{\"name\":\"m\"," REST "},{\"name\":\"n\",\"aliases\":[\"m\"]," REST "}]}", "the alias m is taken", 2 },
	{ "{\"models\":[{\"name\":\"m\",\"default\":true," REST "},{\"name\":\"n\",\"default\":true," REST "}]}", "default model already", 2 },
	{ "{\"models\":[{\"name\":\"m\",\"replacement\":\"n\"," REST "},{\"name\":\"n\"," REST "}]}", NULL, 0 },
};
/* clang-format on */

static void file_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
		const struct mistake *m = &mistakes[i];
		struct catalog_error error = { 0 };
		struct catalog *c = catalog_parse(str_from(m->text), &error);

		if ((c != NULL) != (m->word == NULL))
			fail_msg("%s: %s", m->text, c ? "accepted" : error.text);
		if (!c && (str_find(str_from(error.text), str_from(m->word)) == SIZE_MAX || error.row != m->row))
			fail_msg("%s:\n row %zu, %s", m->text, error.row, error.text);
		catalog_free(&c);
	}
}

/* One model with two providers: names may repeat across them, not within. */
static void two_providers(void **state)
{
	const char *text =
		"{\"models\":[{\"name\":\"m\"," REST "},{\"name\":\"m\",\"provider\":\"q\",\"upstream\":\"v\","
		"\"generation_type\":\"video\",\"operations\":[\"video\"],\"credits\":9,\"cost_micros\":0}]}";
	struct catalog_error error;
	struct catalog *c = catalog_parse(str_from(text), &error);

	(void)state;
	assert_non_null(c);
	assert_int_equal(catalog_find(c, STR("m"), STR(""))->credits, 1);
	assert_int_equal(catalog_find(c, STR("m"), STR("q"))->credits, 9);
	assert_str(catalog_find(c, STR("m"), STR("q"))->params, "{}");
	assert_int_equal(catalog_find(c, STR("v"), STR(""))->max_images, 1);
	catalog_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(imagen4),
		cmocka_unit_test(demo_and_flux),
		cmocka_unit_test(every_row_is_reasonable),
		cmocka_unit_test(nearest_names),
		cmocka_unit_test(nearest_ratios),
		cmocka_unit_test(formats),
		cmocka_unit_test(generation_types),
		cmocka_unit_test(file_mistakes),
		cmocka_unit_test(two_providers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
