/* ./.env: what shells, Docker Compose and python-dotenv take for a value. */
#include "world.h"

static void reads(void **state)
{
	/* name=value with | between entries; "!" is a line that is refused */
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "", "" },
		{ "A=1", "A=1|" },
		{ "A=1\nB=2\n", "A=1|B=2|" },
		{ "A=1\r\nB=2\r\n", "A=1|B=2|" },
		{ "\n\n  A = 1  \n", "A=1|" },
		{ "# note\nA=1 # note\n#B=2", "A=1|" },
		{ "A=a#b", "A=a#b|" },
		{ "A=#b", "A=|" },
		{ "A=", "A=|" },
		{ "A=b=c==", "A=b=c==|" },
		{ "export A=1\nexport\tB=2", "A=1|B=2|" },
		{ "exportA=1", "exportA=1|" },
		{ "A='x # y'", "A=x # y|" },
		{ "A=\"x # y\" # note", "A=x # y|" },
		{ "A='a\\nb'", "A=a\\nb|" },
		{ "A=\"a\\nb\\t\\\"c\\\\\\$d\"", "A=a\nb\t\"c\\$d|" },
		{ "A=$B${C}", "A=$B${C}|" },
		{ "A='one\ntwo'\nB=3", "A=one\ntwo|B=3|" },
		{ "A=\"\"\nB=''", "A=|B=|" },
		{ "A=it's", "A=it's|" },
		{ "no sign\nA=1", "!A=1|" },
		{ "=1\nA=1", "!A=1|" },
		{ "1A=1\nA=1", "!A=1|" },
		{ "A B=1\nC=2", "!C=2|" },
		{ "A='x' y\nB=2", "!B=2|" },
		{ "A=\"never closed\nB=2", "!" },
		{ "A=\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87", "A=\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87|" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		struct dotenv d = { .text = str_from(rows[i].text), .arena = &arena };
		enum dotenv_entry entry;
		struct str name, value;
		struct buf got;

		arena_init(&arena, 65536);
		buf_init(&got, 4096);
		while ((entry = dotenv_next(&d, &name, &value)) != DOTENV_END) {
			if (entry == DOTENV_BAD)
				buf_cstr(&got, "!");
			else
				buf_printf(&got, "%.*s=%.*s|", STRF(name), STRF(value));
		}
		ROW(str_is(buf_view(&got), rows[i].expected), "row %zu: %.*s", i, STRF(buf_view(&got)));
		buf_clear(&got);
		arena_clear(&arena);
	}
}

static void counts_lines(void **state)
{
	static const unsigned lines[] = { 2, 5, 6 };
	struct arena arena;
	struct dotenv d = { .text = STR("# one\nA=1\n\nB='x\ny'\nC=3\n"), .arena = &arena };
	struct str name, value;

	(void)state;
	arena_init(&arena, 65536);
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		assert_int_equal(dotenv_next(&d, &name, &value), DOTENV_PAIR);
		assert_int_equal(d.line, lines[i]);
	}
	assert_int_equal(dotenv_next(&d, &name, &value), DOTENV_END);
	arena_clear(&arena);
}

/* Every prefix and every single byte replaced: it ends, and reads nothing outside. */
static void survives_anything(void **state)
{
	static const char text[] = "export A='x\ny' # c\nB=\"\\n\\\"\"\r\n =\n#\nC = d e\n";
	char copy[sizeof text];

	(void)state;
	for (size_t i = 0; i < sizeof text; i++) {
		for (int byte = 0; byte < 256; byte++) {
			struct arena arena;
			struct dotenv d = { .arena = &arena };
			struct str name, value;
			unsigned entries = 0;

			memcpy(copy, text, sizeof text);
			copy[i] = (char)byte;
			d.text = (struct str){ copy, byte % 2 ? i + 1 : sizeof text - 1 };
			if (d.text.n > sizeof text - 1)
				d.text.n = sizeof text - 1;
			arena_init(&arena, 65536);
			while (dotenv_next(&d, &name, &value) != DOTENV_END)
				assert_true(++entries < 100);
			arena_clear(&arena);
		}
	}
}

static void is_reported_by_line(void **state)
{
	struct world w;
	struct config *c = load(&w, NULL, NULL, "IMAGO_ENV=production\nwhat is this\n", NULL);

	(void)state;
	assert_true(says(c, false, "/.env:2 is not NAME=value"));
	assert_true(c->is_production);
	unload(&w, &c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(counts_lines),
		cmocka_unit_test(survives_anything),
		cmocka_unit_test(is_reported_by_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
