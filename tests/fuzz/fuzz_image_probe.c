/*
 * Arbitrary bytes as a picture. The first byte says in what pieces the rest arrives.
 *
 * The oracle: pieces make no difference, the verdict is final, a whole picture has dimensions within
 * the limits, and what lies behind its end changes nothing but the count of trailing bytes.
 */
#include "base/check.h"
#include "io/image_probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct image_probe probe(const uint8_t *bytes, size_t n, size_t piece)
{
	struct image_probe p;

	image_probe_init(&p);
	for (size_t at = 0; at < n; at += piece) {
		enum image_verdict before = p.verdict;

		image_probe_feed(&p, bytes + at, n - at < piece ? n - at : piece);
		CHECK(before == IMAGE_MORE || before == p.verdict);
	}
	image_probe_end(&p);
	return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct image_probe whole, pieces, longer;
	size_t piece;

	if (n == 0)
		return 0;
	piece = (size_t)bytes[0] + 1;
	bytes++;
	n--;
	whole = probe(bytes, n, n + 1);
	pieces = probe(bytes, n, piece);
	CHECK(whole.verdict != IMAGE_MORE && whole.size == n && pieces.size == n);
	CHECK(whole.verdict == pieces.verdict && whole.type == pieces.type && whole.trailing == pieces.trailing);
	CHECK(whole.width == pieces.width && whole.height == pieces.height);
	CHECK(whole.width <= IMAGE_SIDE_MAX && whole.height <= IMAGE_SIDE_MAX);
	CHECK((uint64_t)whole.width * whole.height <= IMAGE_PIXELS_MAX);
	if (whole.verdict != IMAGE_WHOLE)
		return 0;
	CHECK(whole.width > 0 && whole.height > 0 && whole.type != IMAGE_UNKNOWN && whole.trailing < n);
	longer = probe(bytes, n - whole.trailing, piece);
	CHECK(longer.verdict == IMAGE_WHOLE && longer.trailing == 0);
	return 0;
}
