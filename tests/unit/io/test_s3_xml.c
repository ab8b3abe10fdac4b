/* s3_xml: what buckets of several makes answer, and what is no answer. */
#include "helpers.h"

#include "io/s3_xml.h"

static const struct {
	const char *xml, *root, *code;
} rows[] = {
	{ "<Error><Code>AccessDenied</Code></Error>", "Error", "AccessDenied" },
	{ "<?xml version='1.0' encoding='UTF-8'?>\n<Error>\n <Code>NoSuchKey</Code><Message>x</Message></Error>",
	  "Error", "NoSuchKey" },
	{ "<s3:Error xmlns:s3=\"x\"><s3:Code a='b'>A</s3:Code></s3:Error>", "Error", "A" },
	{ "<!-- <Code>no</Code> --><R><Code>yes</Code></R>", "R", "yes" },
	{ "<R><Code>&lt;&amp;&gt;&quot;&apos;&#65;&#x42;&#xe9;&#x20ac;</Code></R>", "R",
	  "<&>\"'AB\xc3\xa9\xe2\x82\xac" },
	{ "<R><Code>a;b&c &unknown; &#xd800;</Code></R>", "R", "a;b&c &unknown; ?" },
	{ "<R><Code/><Code>second</Code></R>", "R", "second" },
	{ "<R><Codes>no</Codes><code>no</code></R>", "R", "" },
	{ "<R><Code>cut off", "R", "" },
	{ "<R><Code", "R", "" },
	{ "<!-- never ends <R>", "", "" },
	{ "not XML at all", "", "" },
	{ "{\"Code\": \"x\"}", "", "" },
	{ "", "", "" },
	{ "<", "", "" },
	{ "<>", "", "" },
};

static void test_rows(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str xml = str_from(rows[i].xml), code = s3_xml_text(&a, xml, "Code");

		if (!str_is(s3_xml_root(xml), rows[i].root) || !str_is(code, rows[i].code))
			fail_msg("%s: root %.*s, code %.*s", rows[i].xml, STRF(s3_xml_root(xml)), STRF(code));
	}
	arena_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
