/* json: what is refused and where, the getters, and that what is written can be read. */
#include "unit.h"

#include <math.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "corpus.h"

static struct json *parsed(const char *text)
{
	struct json_error error;
	struct json *v = json_parse(str_from(text), &error);

	ROW(v != NULL, "%s: refused at %zu: %s", text, error.position, error.text);
	return v;
}

/* The position is where reading stopped: never before the fault, never past the end. */
static void refuses(void **state)
{
	static const struct {
		struct str text;
		size_t least, most;
		const char *why;
	} rows[] = {
#define BAD(literal, least, most, why) { { literal, sizeof(literal) - 1 }, least, most, why }
		BAD("", 0, 0, "the text is empty"),
		BAD(" ", 1, 1, "the text ends too early"),
		BAD("{\"a\":1", 6, 6, "the text ends too early"),
		BAD("[1,2", 4, 4, "the text ends too early"),
		BAD("\"abc", 4, 4, "the text ends too early"),
		BAD("{\"a\":1} x", 8, 9, "something follows the value"),
		BAD("1 2", 2, 3, "something follows the value"),
		BAD("[]]", 2, 3, "something follows the value"),
		BAD("{\"a\":1,\"a\":2}", 7, 11, "a key occurs twice"),
		BAD("\xef\xbb\xbf{}", 0, 3, "not valid JSON"),
		BAD("[NaN]", 1, 4, "not valid JSON"),
		BAD("[Infinity]", 1, 9, "not valid JSON"),
		BAD("[1e999]", 1, 6, "a number is out of range"),
		BAD("[-1e999]", 1, 7, "a number is out of range"),
		BAD("[9223372036854775808]", 1, 20, "a number is out of range"),
		BAD("[01]", 1, 3, "not valid JSON"),
		BAD("[1.]", 1, 3, "not valid JSON"),
		BAD("[\"\\ud800\"]", 1, 9, "not valid JSON"),
		BAD("[\"\\udc00\"]", 1, 9, "not valid JSON"),
		BAD("[\"\\ud800\\u0041\"]", 1, 15, "not valid JSON"),
		BAD("[\"\\u0000\"]", 1, 9, "a NUL character"),
		BAD("{\"\\u0000\":1}", 1, 10, "a NUL character"),
		BAD("[\"a\nb\"]", 3, 5, "not valid JSON"),
		BAD("[\"\xff\"]", 1, 3, "invalid UTF-8"),
		BAD("[\"\xc0\xaf\"]", 1, 3, "invalid UTF-8"),
		BAD("[\"\xed\xa0\x80\"]", 1, 4, "invalid UTF-8"),
		BAD("123\0", 3, 3, "a NUL byte"),
		BAD("{\"a\0b\":1}", 3, 3, "a NUL byte"),
		BAD("[\"\\\0\"]", 3, 3, "a NUL byte"),
		BAD("[1,]", 3, 4, "not valid JSON"),
		BAD("{'a':1}", 1, 2, "not valid JSON"),
		BAD("//x\n1", 0, 1, "not valid JSON"),
#undef BAD
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct json_error error = { .position = SIZE_MAX };
		struct json *v = json_parse(rows[i].text, &error);

		ROW(!v, "row %zu was taken", i);
		ROW(strcmp(error.text, rows[i].why) == 0, "row %zu: %s", i, error.text);
		ROW(error.position >= rows[i].least && error.position <= rows[i].most, "row %zu: at %zu", i,
		    error.position);
	}
}

static char *nested(size_t depth, const char *open, const char *close, size_t *n)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < depth; i++)
		buf_cstr(&b, open);
	buf_byte(&b, '1');
	for (size_t i = 0; i < depth; i++)
		buf_cstr(&b, close);
	*n = b.n;
	return b.p;
}

/* The scan is a loop: that it says where level 65 opens shows that it went no deeper. */
static void refuses_deep_nesting(void **state)
{
	static const struct {
		size_t depth;
		const char *open, *close;
		size_t position; /* SIZE_MAX: taken */
	} rows[] = {
		{ 64, "[", "]", SIZE_MAX },       { 65, "[", "]", 64 },        { 100000, "[", "]", 64 },
		{ 64, "{\"a\":", "}", SIZE_MAX }, { 65, "{\"a\":", "}", 320 }, { 100000, "{\"\":", "}", 256 },
	};
	struct json *v;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct json_error error = { .position = SIZE_MAX };
		size_t n;
		char *text = nested(rows[i].depth, rows[i].open, rows[i].close, &n);

		v = json_parse((struct str){ text, n }, &error);
		ROW((v != NULL) == (rows[i].position == SIZE_MAX), "row %zu", i);
		ROW(error.position == rows[i].position, "row %zu: at %zu", i, error.position);
		json_free(&v);
		mem_release(text);
	}
	/* brackets in strings and side by side are no depth */
	v = parsed("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\", [], {}, []]");
	json_free(&v);
}

static void reads_values(void **state)
{
	struct json *v = parsed("{\"s\":\"t\\u00e4xt\",\"i\":-5,\"r\":1.5,\"t\":true,\"f\":false,\"n\":null,"
	                        "\"a\":[1,\"two\",{}],\"o\":{\"b\":1,\"a\":2}}");
	const struct json *member;
	struct str key;

	(void)state;
	assert_int_equal(json_type(v), JSON_OBJECT);
	assert_int_equal(json_count(v), 8);
	assert_str(json_str(json_get(v, "s")), "t\xc3\xa4xt");
	assert_int_equal(json_int(json_get(v, "i"), 0), -5);
	assert_true(json_real(json_get(v, "i"), 0) == -5.0);
	assert_true(json_real(json_get(v, "r"), 0) == 1.5);
	assert_int_equal(json_int(json_get(v, "r"), 9), 9);
	assert_true(json_bool(json_get(v, "t"), false));
	assert_false(json_bool(json_get(v, "f"), true));
	assert_true(json_bool(json_get(v, "n"), true));
	assert_int_equal(json_type(json_get(v, "n")), JSON_NULL);
	assert_int_equal(json_type(json_get(v, "t")), JSON_BOOL);
	assert_int_equal(json_type(json_get(v, "f")), JSON_BOOL);
	assert_int_equal(json_type(json_get(v, "r")), JSON_REAL);
	assert_int_equal(json_type(json_get(v, "a")), JSON_ARRAY);
	assert_int_equal(json_count(json_get(v, "a")), 3);
	assert_str(json_str(json_at(json_get(v, "a"), 1)), "two");
	assert_null(json_at(json_get(v, "a"), 3));
	assert_true(json_member(json_get(v, "o"), 0, &key, &member));
	assert_str(key, "b");
	assert_true(json_member(json_get(v, "o"), 1, &key, &member));
	assert_str(key, "a");
	assert_int_equal(json_int(member, 0), 2);
	assert_false(json_member(json_get(v, "o"), 2, &key, &member));
	/* absent and of another type */
	assert_null(json_get(v, "none"));
	assert_null(json_get(json_get(v, "a"), "x"));
	assert_null(json_get(NULL, "x"));
	assert_null(json_at(v, 0));
	assert_int_equal(json_type(NULL), JSON_ABSENT);
	assert_int_equal(json_count(NULL), 0);
	assert_str(json_str(NULL), "");
	assert_str(json_str(json_get(v, "i")), "");
	assert_int_equal(json_int(json_get(v, "s"), 3), 3);
	assert_true(json_real(json_get(v, "s"), 2.5) == 2.5);
	assert_false(json_member(NULL, 0, &key, &member));
	json_free(&v);
	assert_null(v);
	json_free(&v);
}

static void dumps(void **state)
{
	static const struct {
		const char *text, *dumped;
	} rows[] = {
		{ " { \"b\" : [ 1 , -2.50, 1.0, 1e30, true ] , \"a\" : { } , \"n\" : null } ",
		  "{\"b\":[1,-2.5,1.0,1e+30,true],\"a\":{},\"n\":null}" },
		{ "\"\\u000a\\\"\\\\\\/\\u00e4\\ud83d\\ude42\"", "\"\\n\\\"\\\\/\xc3\xa4\xf0\x9f\x99\x82\"" },
		{ "0.1", "0.1" },
		{ "[]", "[]" },
		{ "-0.0", "-0.0" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct json *v = parsed(rows[i].text);

		buf_reset(&b);
		json_dump(v, &b);
		assert_str(buf_view(&b), rows[i].dumped);
		json_free(&v);
	}
	buf_reset(&b);
	json_dump(NULL, &b);
	assert_str(buf_view(&b), "null");
	buf_clear(&b);
}

static void writes_nested_values(void **state)
{
	struct json_writer w;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	w = json_writer(&b);
	jw_object(&w);
	jw_kv_int(&w, "i", -1);
	jw_kv_str(&w, "s", STR("x"));
	jw_kv_cstr(&w, "c", NULL);
	jw_kv_bool(&w, "b", true);
	jw_key(&w, "a");
	jw_array(&w);
	jw_object(&w);
	jw_end_object(&w);
	jw_array(&w);
	jw_end_array(&w);
	jw_raw(&w, STR("{\"r\":1}"));
	jw_null(&w);
	jw_end_array(&w);
	jw_key_str(&w, STR("q\"k"));
	jw_bool(&w, false);
	jw_end_object(&w);
	assert_str(buf_view(&b),
	           "{\"i\":-1,\"s\":\"x\",\"c\":null,\"b\":true,\"a\":[{},[],{\"r\":1},null],\"q\\\"k\":false}");
	assert_int_equal(w.depth, 0);
	buf_clear(&b);
}

static void writes_strings(void **state)
{
	static const struct {
		const char *text, *json;
	} rows[] = {
		{ "", "\"\"" },
		{ "plain ascii text, longer than eight", "\"plain ascii text, longer than eight\"" },
		{ "a\"b\\c/d", "\"a\\\"b\\\\c/d\"" },
		{ "\n\r\t\x01\x1f\x7f", "\"\\n\\r\\t\\u0001\\u001f\x7f\"" },
		{ "\xc3\xa4\xf0\x9f\x99\x82", "\"\xc3\xa4\xf0\x9f\x99\x82\"" },
		{ "12345678\xff"
		  "12345678",
		  "\"12345678\xef\xbf\xbd"
		  "12345678\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "a\xe2\x82", "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
	};
	struct json_writer w;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		buf_reset(&b);
		w = json_writer(&b);
		jw_cstr(&w, rows[i].text);
		assert_str(buf_view(&b), rows[i].json);
	}
	buf_reset(&b);
	w = json_writer(&b);
	jw_str(&w, (struct str){ "a\0b", 3 });
	assert_str(buf_view(&b), "\"a\\u0000b\"");
	buf_clear(&b);
}

/* Every byte, alone and at each place of a word: read back, or U+FFFD where it is no text. */
static void writes_what_can_be_read(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (unsigned c = 1; c < 256; c++) {
		for (unsigned at = 0; at < 17; at++) {
			char text[17];
			struct json_writer w;
			struct json *v;
			struct json_error error;

			memset(text, 'a', sizeof(text));
			text[at] = (char)c;
			buf_reset(&b);
			w = json_writer(&b);
			jw_str(&w, (struct str){ text, sizeof(text) });
			v = json_parse(buf_view(&b), &error);
			ROW(v, "byte %02x at %u", c, at);
			if (c < 0x80)
				ROW(str_eq(json_str(v), (struct str){ text, sizeof(text) }), "byte %02x at %u", c, at);
			else
				ROW(json_str(v).n == sizeof(text) + 2, "byte %02x at %u", c, at);
			json_free(&v);
		}
	}
	buf_clear(&b);
}

static void writes_fixed_numbers(void **state)
{
	static const struct {
		int64_t v;
		unsigned decimals;
		const char *json;
	} rows[] = {
		{ 40000, 6, "0.04" },
		{ 1000000, 6, "1" },
		{ 1, 6, "0.000001" },
		{ 0, 6, "0" },
		{ -40000, 6, "-0.04" },
		{ 1234567, 6, "1.234567" },
		{ 12, 0, "12" },
		{ -5, 1, "-0.5" },
		{ 100, 2, "1" },
		{ 101, 2, "1.01" },
		{ 110, 2, "1.1" },
		{ INT64_MIN, 18, "-9.223372036854775808" },
		{ INT64_MAX, 6, "9223372036854.775807" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 256);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct json_writer w = json_writer(&b);

		buf_reset(&b);
		jw_fixed(&w, rows[i].v, rows[i].decimals);
		assert_str(buf_view(&b), rows[i].json);
	}
	buf_clear(&b);
}

static void writes_doubles(void **state)
{
	static const struct {
		double v;
		const char *json;
	} rows[] = {
		{ 0.1, "0.1" },
		{ 1, "1" },
		{ -2.5, "-2.5" },
		{ 1e300, "1e+300" },
		{ 1.0 / 3, "0.333333333333333" },
		{ (double)NAN, "null" },
		{ (double)INFINITY, "null" },
		{ -(double)INFINITY, "null" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 256);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct json_writer w = json_writer(&b);

		buf_reset(&b);
		jw_double(&w, rows[i].v);
		assert_str(buf_view(&b), rows[i].json);
	}
	buf_clear(&b);
}

static void marks_what_did_not_fit(void **state)
{
	struct json_writer w;
	struct buf b;

	(void)state;
	buf_init(&b, 20);
	w = json_writer(&b);
	jw_array(&w);
	for (int i = 0; i < 10; i++)
		jw_str(&w, STR("12345"));
	jw_end_array(&w);
	assert_true(b.overflowed);
	assert_true(buf_len(&b) <= 20);
	buf_clear(&b);
}

/* The four files that hold valid JSON by the letter and are refused here on purpose. */
static bool is_deviation(const char *name)
{
	static const char *const names[] = {
		"y_object_duplicated_key.json",
		"y_object_duplicated_key_and_value.json",
		"y_object_escaped_null_in_key.json",
		"y_string_null_escape.json",
	};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

enum { TAR_BLOCK = 512, TAR_SIZE_AT = 124, TAR_TYPE_AT = 156, CORPUS_FILE_MOST = 300000 };

/* One member of the archive: its base name and bytes; false at the end. */
static bool next_member(FILE *tar, char name[101], char *bytes, size_t *n)
{
	char head[TAR_BLOCK];
	size_t padded;

	if (fread(head, 1, TAR_BLOCK, tar) != TAR_BLOCK || !head[0])
		return false;
	*n = (size_t)strtoul(head + TAR_SIZE_AT, NULL, 8);
	padded = (*n + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	assert_true(padded <= CORPUS_FILE_MOST);
	assert_int_equal(fread(bytes, 1, padded, tar), padded);
	head[100] = '\0';
	return str_to_cstr(str_from(strrchr(head, '/') ? strrchr(head, '/') + 1 : head), name, 101);
}

static void agrees_with_json_test_suite(void **state)
{
	FILE *tar = corpus_open("JSONTestSuite.tar.xz");
	char *bytes = mem_alloc(CORPUS_FILE_MOST), name[101];
	unsigned yes = 0, no = 0, either = 0, deviations = 0;
	size_t n;

	(void)state;
	while (next_member(tar, name, bytes, &n)) {
		struct json_error error = { 0 };
		struct json *v;

		if (name[0] == '\0' || name[1] != '_')
			continue;
		v = json_parse((struct str){ bytes, n }, &error);
		ROW(v || (error.text[0] && error.position <= n), "%s: no reason or no place", name);
		if (is_deviation(name)) {
			ROW(!v, "%s was taken", name);
			deviations++;
		} else if (name[0] != 'i') {
			ROW((v != NULL) == (name[0] == 'y'), "%s: %s", name, v ? "taken" : error.text);
		}
		yes += name[0] == 'y';
		no += name[0] == 'n';
		either += name[0] == 'i';
		json_free(&v);
	}
	corpus_close(tar);
	mem_release(bytes);
	assert_int_equal(deviations, 4);
	assert_int_equal(yes, 95);
	assert_int_equal(no, 188);
	assert_int_equal(either, 35);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_deep_nesting),
		cmocka_unit_test(reads_values),
		cmocka_unit_test(dumps),
		cmocka_unit_test(writes_nested_values),
		cmocka_unit_test(writes_strings),
		cmocka_unit_test(writes_what_can_be_read),
		cmocka_unit_test(writes_fixed_numbers),
		cmocka_unit_test(writes_doubles),
		cmocka_unit_test(marks_what_did_not_fit),
		cmocka_unit_test(agrees_with_json_test_suite),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
