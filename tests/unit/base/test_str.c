/* str: compare, search, cut, numbers, UTF-8. */
#include "unit.h"

static void compares(void **state)
{
	(void)state;
	assert_true(str_eq((struct str){ NULL, 0 }, STR("")));
	assert_true(str_eq_nocase(STR("Content-Type"), STR("content-tYPE")));
	assert_false(str_eq_nocase(STR("a"), STR("ab")));
	assert_false(str_eq_nocase(STR("["), STR("{")));
	assert_false(str_eq_nocase(STR("\xc4"), STR("\xe4")));
	assert_true(str_starts(STR("abc"), STR("ab")) && str_starts(STR("abc"), STR("")));
	assert_false(str_starts(STR("a"), STR("ab")));
	assert_true(str_ends(STR("abc"), STR("bc")) && str_ends(STR("abc"), STR("")));
	assert_false(str_ends(STR("c"), STR("bc")));
	assert_true(str_cmp(STR("a"), STR("b")) < 0 && str_cmp(STR("ab"), STR("a")) > 0);
	assert_int_equal(str_cmp(STR("x"), STR("x")), 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
}

static void finds(void **state)
{
	static const struct {
		const char *s, *needle;
		size_t at;
	} rows[] = {
		{ "abc", "", 0 },        { "", "", 0 },
		{ "abc", "abc", 0 },     { "abc", "abcd", SIZE_MAX },
		{ "aab", "ab", 1 },      { "aaaa", "b", SIZE_MAX },
		{ "xyzzy", "zy", 3 },    { "", "a", SIZE_MAX },
		{ "ababac", "abac", 2 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		ROW(str_find(str_from(rows[i].s), str_from(rows[i].needle)) == rows[i].at, "row %zu", i);
	assert_int_equal(str_find_byte(STR("a=b"), '='), 1);
	assert_true(str_find_byte(STR(""), '=') == SIZE_MAX);
	/* nothing past the length is looked at */
	assert_true(str_find((struct str){ "abc", 2 }, STR("bc")) == SIZE_MAX);
}

static void slices(void **state)
{
	(void)state;
	assert_str(str_sub(STR("hello"), 1, 3), "ell");
	assert_str(str_sub(STR("hello"), 4, SIZE_MAX), "o");
	assert_str(str_sub(STR("hello"), 5, 1), "");
	assert_str(str_sub(STR("hello"), SIZE_MAX, SIZE_MAX), "");
	assert_str(str_skip(STR("hello"), 2), "llo");
	assert_str(str_trim(STR(" \t\r\n a b \n")), "a b");
	assert_str(str_trim(STR(" \t ")), "");
}

static void blanks(void **state)
{
	static const char *const blank[] = {
		"", " ", " \t\r\n\v\f", "\xc2\xa0", "\xe3\x80\x80 \xe2\x80\xa8", "\xc2\x85"
	};
	static const char *const not_blank[] = { "a",    " a ",   "\xc3\xa9", "\xe2\x80\x8b", "\xef\xbb\xbf",
		                                 "\xc2", " \xa0", "\x01" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(blank); i++)
		assert_true(str_is_blank(str_from(blank[i])));
	for (size_t i = 0; i < COUNT_OF(not_blank); i++)
		assert_false(str_is_blank(str_from(not_blank[i])));
	assert_false(str_is_blank((struct str){ "\0", 1 }));
}

static void cuts(void **state)
{
	static const struct {
		const char *text, *parts[4];
		unsigned count;
	} rows[] = {
		{ "a,b,c", { "a", "b", "c" }, 3 }, { "", { "" }, 1 },         { ",", { "", "" }, 2 },
		{ "a,", { "a", "" }, 2 },          { "none", { "none" }, 1 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str rest = str_from(rows[i].text);
		unsigned count = 0;

		while (rest.p) {
			struct str part = str_cut(&rest, ',');

			assert_true(count < rows[i].count);
			assert_str(part, rows[i].parts[count++]);
		}
		ROW(count == rows[i].count, "row %zu: %u parts", i, count);
	}
}

static void reads_integers(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} rows[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "007", true, 7 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "99999999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "-", false, 0 },
		{ "+1", false, 0 },
		{ "--1", false, 0 },
		{ "12 ", false, 0 },
		{ " 12", false, 0 },
		{ "1.0", false, 0 },
		{ "0x10", false, 0 },
	};
	uint64_t u;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t v = 77;

		ROW(str_to_i64(str_from(rows[i].text), &v) == rows[i].ok, "\"%s\"", rows[i].text);
		ROW(v == (rows[i].ok ? rows[i].value : 77), "\"%s\" gave %lld", rows[i].text, (long long)v);
	}
	assert_true(str_to_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
	assert_false(str_to_u64(STR("18446744073709551616"), &u));
	assert_false(str_to_u64(STR("-1"), &u));
	assert_false(str_to_u64((struct str){ NULL, 0 }, &u));
}

static void reads_doubles(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		double value;
	} rows[] = {
		{ "0", true, 0 },      { "-1.5", true, -1.5 }, { "1e3", true, 1000 }, { "+2.5E-1", true, 0.25 },
		{ "1e999", false, 0 }, { "inf", false, 0 },    { "nan", false, 0 },   { "0x1p3", false, 0 },
		{ "1.", false, 0 },    { ".5", false, 0 },     { "1e", false, 0 },    { "1e+", false, 0 },
		{ "", false, 0 },      { "1 ", false, 0 },     { " 1", false, 0 },    { "1,5", false, 0 },
	};
	char longest[200];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		double v = 0;

		ROW(str_to_double(str_from(rows[i].text), &v) == rows[i].ok, "\"%s\"", rows[i].text);
		ROW(v == rows[i].value, "\"%s\" gave %g", rows[i].text, v);
	}
	memset(longest, '1', sizeof(longest));
	assert_false(str_to_double((struct str){ longest, sizeof(longest) }, &(double){ 0 }));
}

static void checks_utf8(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		size_t points;
	} rows[] = {
		{ "", true, 0 },
		{ "abc", true, 3 },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82", true, 3 },
		{ "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", true, 3 },
		{ "\xc0\xaf", false, 0 },
		{ "\xc1\x81", false, 0 },
		{ "\xe0\x9f\xbf", false, 0 },
		{ "\xf0\x8f\xbf\xbf", false, 0 },
		{ "\xed\xa0\x80", false, 0 },
		{ "\xf4\x90\x80\x80", false, 0 },
		{ "\xf5\x80\x80\x80", false, 0 },
		{ "\x80", false, 0 },
		{ "\xc3", false, 0 },
		{ "\xe2\x82", false, 0 },
		{ "\xf0\x9f\x99", false, 0 },
		{ "\xc3"
		  "a",
		  false, 0 },
		{ "\xff", false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str s = str_from(rows[i].text);

		ROW(str_is_utf8(s) == rows[i].ok, "row %zu", i);
		if (rows[i].ok)
			ROW(str_code_points(s) == rows[i].points, "row %zu", i);
	}
	/* a sequence that goes on behind the view is not whole */
	assert_false(str_is_utf8((struct str){ "\xc3\xa4", 1 }));
}

static void measures_distance(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned cap, distance;
	} rows[] = {
		{ "", "", 5, 0 },      { "abc", "abc", 5, 0 },        { "abc", "abd", 5, 1 },
		{ "abc", "ac", 5, 1 }, { "kitten", "sitting", 9, 3 }, { "kitten", "sitting", 2, 2 },
		{ "", "abc", 9, 3 },
	};
	char longest[100];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		unsigned d = str_distance(str_from(rows[i].a), str_from(rows[i].b), rows[i].cap);

		ROW(d == rows[i].distance, "%s %s: %u", rows[i].a, rows[i].b, d);
	}
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(str_distance((struct str){ longest, 100 }, (struct str){ longest, 100 }, 3), 3);
}

static void copies_to_cstr(void **state)
{
	char out[4];

	(void)state;
	assert_true(str_to_cstr(STR("abc"), out, sizeof(out)));
	assert_string_equal(out, "abc");
	assert_true(str_to_cstr((struct str){ NULL, 0 }, out, sizeof(out)));
	assert_string_equal(out, "");
	assert_false(str_to_cstr(STR("abcd"), out, sizeof(out)));
	assert_false(str_to_cstr(STR(""), out, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares),       cmocka_unit_test(finds),       cmocka_unit_test(slices),
		cmocka_unit_test(blanks),         cmocka_unit_test(cuts),        cmocka_unit_test(reads_integers),
		cmocka_unit_test(reads_doubles),  cmocka_unit_test(checks_utf8), cmocka_unit_test(measures_distance),
		cmocka_unit_test(copies_to_cstr),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
