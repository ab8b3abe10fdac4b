/*
 * Arbitrary bytes as base64, and as what becomes base64. The first byte says in what pieces they arrive.
 *
 * The oracle: pieces, and whether vectors are used, make no difference to the verdict; what was taken is encoded
 * to the same text again; what is encoded is taken and gives the same bytes.
 */
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Decodes to `out`, which has room for n bytes; each piece in an area just as large as it has to be. */
static bool decode(const char *text, size_t n, size_t piece, uint8_t *out, size_t *size)
{
	struct base64_decoder d;
	bool ok = true;

	*size = 0;
	base64_decode_init(&d);
	for (size_t at = 0; at < n && ok; at += piece) {
		size_t take = n - at < piece ? n - at : piece, written;
		char *area = mem_alloc(take > BASE64_ROOM(take) ? take : BASE64_ROOM(take));

		memcpy(area, text + at, take);
		ok = base64_decode(&d, area, take, (uint8_t *)area, &written);
		CHECK(written <= BASE64_ROOM(take) && ok == !d.bad);
		memcpy(out + *size, area, written);
		*size += written;
		mem_release(area);
	}
	return base64_decode_end(&d);
}

static void decode_alike(const char *text, size_t n, size_t piece)
{
	uint8_t *a = mem_alloc(n + 3), *b = mem_alloc(n + 3);
	char *again = mem_alloc(BASE64_LENGTH(n));
	size_t a_size, b_size;
	bool ok;

	(void)base64_use(BASE64_SCALAR);
	ok = decode(text, n, n + 1, a, &a_size);
	(void)base64_use(BASE64_BEST);
	CHECK(decode(text, n, n + 1, b, &b_size) == ok && a_size == b_size && memcmp(a, b, a_size) == 0);
	CHECK(decode(text, n, piece, b, &b_size) == ok);
	if (ok) {
		CHECK(a_size == b_size && memcmp(a, b, a_size) == 0);
		CHECK(base64_encode(a, a_size, again) == n && memcmp(again, text, n) == 0);
	}
	mem_release(again);
	mem_release(b);
	mem_release(a);
}

static void encode_alike(const uint8_t *bytes, size_t n, size_t piece)
{
	char *text = mem_alloc(BASE64_LENGTH(n)), *scalar = mem_alloc(BASE64_LENGTH(n));
	uint8_t *again = mem_alloc(n + 3);
	size_t length, size;

	(void)base64_use(BASE64_SCALAR);
	length = base64_encode(bytes, n, scalar);
	(void)base64_use(BASE64_BEST);
	CHECK(base64_encode(bytes, n, text) == length && length == BASE64_LENGTH(n));
	CHECK(memcmp(text, scalar, length) == 0);
	CHECK(decode(text, length, piece, again, &size) && size == n);
	CHECK(memcmp(again, bytes, n) == 0);
	mem_release(again);
	mem_release(scalar);
	mem_release(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	size_t piece;

	if (n == 0)
		return 0;
	piece = (size_t)bytes[0] + 1;
	decode_alike((const char *)bytes + 1, n - 1, piece);
	encode_alike(bytes + 1, n - 1, piece);
	return 0;
}
