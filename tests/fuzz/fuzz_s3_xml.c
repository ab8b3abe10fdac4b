/*
 * Arbitrary bytes as what a bucket answers.
 *
 * The oracle: names are parts of the document, a text is no longer than the document, and an element that has a text is somewhere in it.
 */
#include "base/check.h"
#include "io/s3_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char *const names[] = { "Code", "Message", "UploadId", "ETag", "Error" };
	struct str xml = { (const char *)bytes, n }, root;
	struct arena a;

	arena_init(&a, 1 << 20);
	root = s3_xml_root(xml);
	CHECK(root.n <= n && (root.n == 0 || str_find(xml, root) != SIZE_MAX));
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct str text = s3_xml_text(&a, xml, names[i]);

		CHECK(text.n <= n);
		CHECK(text.n == 0 || str_find(xml, str_from(names[i])) != SIZE_MAX);
	}
	CHECK(!a.overflowed);
	arena_clear(&a);
	return 0;
}
