/*
 * hints: which words are heard, in four languages, and which are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pixels/hints.h"

enum { NONE = -1 };

static const struct {
	const char *prompt;
	int scene, time, weather;
} rows[] = {
	{ "", NONE, NONE, NONE },
	{ "a portrait of my grandmother", NONE, NONE, NONE },
	{ "mountains", MOUNTAINS, NONE, NONE },
	{ "MOUNTAIN, Sunset!", MOUNTAINS, SUNSET, NONE },
	{ "sunset over the sea", SEA, SUNSET, NONE },
	{ "coucher de soleil sur la mer", SEA, SUNSET, NONE },
	{ "Закат над морем", SEA, SUNSET, NONE },
	{ "ЗАКАТ НА МОРЕ", SEA, SUNSET, NONE },
	{ "pôr do sol, poente, mar", SEA, SUNSET, NONE },
	{ "зимний лес ночью", FOREST, NIGHT, SNOWFALL },
	{ "город под дождём", CITY, NONE, RAIN },
	{ "un chat", CAT, NONE, NONE },
	{ "котёнок", CAT, NONE, NONE },
	{ "gatinha no jardim", CAT, NONE, NONE },
	{ "garden with a cat", CAT, NONE, NONE },
	{ "mountains and a castle", CASTLE, NONE, NONE },
	{ "château", CASTLE, NONE, NONE },
	{ "ЗАМОК в тумане", CASTLE, NONE, MIST },
	{ "космос", SPACE, NONE, NONE },
	{ "галактика", SPACE, NONE, NONE },
	{ "сад", GARDEN, NONE, NONE },
	{ "flores na primavera", GARDEN, NONE, NONE },
	{ "deserto", DESERT, NONE, NONE },
	{ "forêt", FOREST, NONE, NONE },
	{ "floresta à noite", FOREST, NIGHT, NONE },
	{ "azulejos", TILES, NONE, NONE },
	{ "узор", WAVES, NONE, NONE },
	{ "vitrail", CELLS, NONE, NONE },
	{ "abstract", FLOW, NONE, NONE },
	{ "sunrise,fog", NONE, DAWN, MIST },
	{ "meio-dia", NONE, DAY, NONE },
	/* parts of words and other words are not meant */
	{ "category, concatenate, chatting", NONE, NONE, NONE },
	{ "season researcher", NONE, NONE, NONE },
	{ "marble", FLOW, NONE, NONE },
	{ "日本語 \xf0\x9f\x8e\x89 \xf4\x8f\xbf\xbf", NONE, NONE, NONE },
	{ "a-very-long-word-that-never-ends-and-goes-on-and-on-and-on-and-on-and-on-and-on cat", CAT, NONE, NONE },
};

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hints h;

		hints_read(str_from(rows[i].prompt), &h);
		if (h.scene == rows[i].scene && h.time == rows[i].time && h.weather == rows[i].weather)
			continue;
		print_error("\"%s\": scene %d time %d weather %d\n", rows[i].prompt, h.scene, h.time, h.weather);
		fail();
	}
}

/* The dice decide what words leave open, and nothing but the request moves them. */
static void test_plan_follows_the_request(void **state)
{
	struct request r = { .prompt = STR("x"), .width = 64, .height = 64, .seed = 1, .number = 1 };
	struct plan a = plan_make(&r), b = plan_make(&r), other;
	unsigned scenes = 0;

	(void)state;
	assert_memory_equal(&a.dice, &b.dice, sizeof(a.dice));
	assert_int_equal(a.scene, b.scene);
	r.negative_prompt = STR("y");
	other = plan_make(&r);
	assert_int_not_equal(a.dice.state, other.dice.state);
	for (r.seed = 0; r.seed < 200; r.seed++)
		scenes |= 1u << plan_make(&r).scene;
	assert_true(__builtin_popcount(scenes) >= 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_plan_follows_the_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
