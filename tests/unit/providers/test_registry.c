/*
 * The built-in drivers are sound and the built-in catalog fits them; a driver or a catalog
 * that is not is named.
 */
#include "driver_test.h"

#include "providers/registry.h"

static void built_in(void **state)
{
	struct catalog_error error;
	struct catalog *c = catalog_parse(catalog_builtin(), &error);
	const char *why = "";
	struct str reason = STR("");
	struct arena a;

	(void)state;
	arena_init(&a, 4 << 20);
	if (!registry_check(&why))
		fail_msg("%s", why);
	if (!c)
		fail_msg("%s", error.text);
	if (!registry_check_catalog(c, &a, &reason))
		fail_msg("%.*s", STRF(reason));
	assert_ptr_equal(registry_find(STR("fal")), &fal_driver);
	assert_ptr_equal(registry_find(STR("demo")), &demo_driver);
	assert_null(registry_find(STR("Fal")));
	assert_null(registry_find(STR("")));
	assert_null(registry_at(99));
	catalog_free(&c);
	arena_clear(&a);
}

static void expect_unsound(struct imago_driver d, const char *word)
{
	const char *why = "";

	if (driver_is_sound(&d, &why) || str_find(str_from(why), str_from(word)) == SIZE_MAX)
		fail_msg("expected \"%s\", got \"%s\"", word, why);
}

#define BREAK(member, value, word) \
	do { \
		struct imago_driver d_ = fal_driver; \
		d_.member = (value); \
		expect_unsound(d_, (word)); \
	} while (0)

static void unsound(void **state)
{
	(void)state;
	BREAK(abi, 2, "version");
	BREAK(type, NULL, "type");
	BREAK(type, "", "type");
	BREAK(type, "Fal_AI", "type");
	BREAK(type, "abcdefghijklmnopqrstuvwxyz0123456789", "type");
	BREAK(name, NULL, "name");
	BREAK(operations, 0, "operations");
	BREAK(operations, 1u << IMAGO_OPERATIONS, "operations");
	BREAK(build_submit, NULL, "submit");
	BREAK(parse_submit, NULL, "submit");
	BREAK(parse_poll, NULL, "CAN_POLL");
	BREAK(build_result, NULL, "CAN_POLL");
	BREAK(poll_first_ms, 0, "intervals");
	BREAK(poll_longest_ms, 1, "intervals");
	BREAK(build_cancel, NULL, "CAN_CANCEL");
	BREAK(capabilities, IMAGO_IN_HOUSE | IMAGO_CAN_POLL, "in-house");
	BREAK(build_check, NULL, "check");
	BREAK(parse_check, NULL, "check");
}

#define ROW(provider, operations, params) \
	"{\"models\":[{\"name\":\"m\",\"provider\":\"" provider "\",\"upstream\":\"fal-ai/m\"," \
	"\"generation_type\":\"imagen4\",\"operations\":[" operations "],\"credits\":1,\"cost_micros\":1," \
	"\"params\":" params "}]}"

/* clang-format off */
static const struct misfit {
	const char *catalog, *word;             /* word NULL: fits */
} misfits[] = {
	{ ROW("fal", "\"text_to_image\"", "{}"), NULL },
	{ ROW("fal", "\"text_to_image\"", "{\"size\":\"aspect_ratio\",\"aspect_ratios\":[\"1:1\"]}"), NULL },
	{ ROW("acme", "\"text_to_image\"", "{}"), "no provider of type acme" },
	{ ROW("fal", "\"text_to_image\",\"face_swap\"", "{}"), "cannot do all" },
	{ ROW("fal", "\"text_to_image\"", "{\"sizes\":\"image_size\"}"), "sizes" },
	{ ROW("fal", "\"text_to_image\"", "{\"size\":\"any\"}"), "neither" },
	{ ROW("fal", "\"text_to_image\"", "{\"size\":\"aspect_ratio\"}"), "aspect ratio 1:1" },
	{ ROW("demo", "\"text_to_image\"", "{\"max_images\":2}"), "one picture" },
};
/* clang-format on */

static void catalog_fits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(misfits); i++) {
		struct catalog_error error;
		struct catalog *c = catalog_parse(str_from(misfits[i].catalog), &error);
		struct str why = STR("");
		struct arena a;
		bool ok;

		arena_init(&a, 1 << 20);
		assert_non_null(c);
		ok = registry_check_catalog(c, &a, &why);
		if (ok != !misfits[i].word || (!ok && str_find(why, str_from(misfits[i].word)) == SIZE_MAX))
			fail_msg("%s: %.*s", misfits[i].catalog, STRF(why));
		catalog_free(&c);
		arena_clear(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_in),
		cmocka_unit_test(unsound),
		cmocka_unit_test(catalog_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
