/*
 * text: what is left of a prompt before it is drawn, and that anything can be drawn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>
#include <vips/vips.h>

#include "pixels/text.h"

static const struct {
	const char *in, *out;
	size_t most;
	bool cut;
} rows[] = {
	{ "", "", 10, false },
	{ "  \n\t ", "", 10, false },
	{ " a  \r\n b ", "a b", 10, false },
	{ "a\x01\x7f\xc2\x85"
	  "b",
	  "a b", 10, false },
	{ "a\xe2\x80\xae"
	  "b\xe2\x81\xa6"
	  "c\xef\xbb\xbf",
	  "abc", 10, false },
	{ "a\xe2\x80\xa8"
	  "b\xc2\xa0"
	  "c\xe3\x80\x80"
	  "d",
	  "a b c d", 10, false },
	{ "\xef\xbf\xbf\xef\xb7\x90\xf4\x8f\xbf\xbf!", "!", 10, false },
	{ "abcde", "abcde", 5, false },
	{ "abcdef", "abcde", 5, true },
	{ "abcde   ", "abcde", 5, false },
	{ "жщюя", "жщ", 2, true },
	{ "<b>&", "<b>&", 10, false },
	/* eight marks on one letter: four stay */
	{ "e\xcc\x80\xcc\x81\xcc\x82\xcc\x83\xcc\x84\xcc\x85\xcc\x86\xcc\x87x", "e\xcc\x80\xcc\x81\xcc\x82\xcc\x83x",
	  10, false },
	/* a family joined by zero-width joiners stays one */
	{ "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80", 10, false },
};

static void test_tidy(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out;
		bool cut;

		buf_init(&out, 1000);
		text_tidy(str_from(rows[i].in), rows[i].most, &out, &cut);
		if (!str_is(buf_view(&out), rows[i].out) || cut != rows[i].cut) {
			print_error("row %zu: \"%.*s\"%s\n", i, STRF(buf_view(&out)), cut ? " cut" : "");
			fail();
		}
		buf_clear(&out);
	}
}

static void test_render(void **state)
{
	struct mask one, wide, broken;

	(void)state;
	assert_true(text_render(STR("Zażółć <gęślą> & jaźń"), 20, false, 0, &one));
	assert_true(one.width > 150 && one.height > 10 && one.height < 40);
	assert_true(text_render(STR("Zażółć <gęślą> & jaźń"), 40, true, 0, &wide));
	assert_true(wide.width > one.width * 3 / 2);
	assert_true(text_render(STR("Zażółć <gęślą> & jaźń"), 20, false, 80, &broken));
	assert_true(broken.width <= 81 && broken.height > one.height * 2);
	mask_clear(&one);
	mask_clear(&wide);
	mask_clear(&broken);
	assert_false(text_render(STR(""), 20, false, 0, &one));
	mask_clear(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tidy),
		cmocka_unit_test(test_render),
	};

	int failed;

	if (vips_init("test_text") != 0)
		return 1;
	vips_concurrency_set(1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fflush(NULL);
	/* What fontconfig read it keeps for ever, and the leak checker would say so. */
	_exit(failed);
}
