/*
 * The edge's guard and parser: one byte to choose the cuts, one for the body limit, then what a
 * client sends. Fed whole and cut, it must give the same requests, bodies and refusal; and what
 * is accepted must look as the rules say.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/http/feed.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { PIECE_MAX = 64 };

static void check_request(const struct feed *f)
{
	const struct http_req *req = &f->req;

	CHECK(req->method != HTTP_OTHER_);
	CHECK(req->path.n && (req->path.p[0] == '/' || str_is(req->path, "*")));
	CHECK(req->field_count <= http_default_limits.fields);
	CHECK(req->target.n <= http_default_limits.target_bytes);
	CHECK(req->content_length >= -1);
	CHECK(req->minor == 0 || req->host.n);
	CHECK(req->minor == 1 || req->content_length >= 0);
	CHECK(str_is_utf8(req->path));
	for (unsigned i = 0; i < req->field_count; i++) {
		struct str name = req->fields[i].name, value = req->fields[i].value;

		CHECK(name.n && str_find_byte(name, ' ') == SIZE_MAX && str_find_byte(name, ':') == SIZE_MAX);
		CHECK(str_find_byte(value, '\r') == SIZE_MAX && str_find_byte(value, '\n') == SIZE_MAX);
		CHECK(str_find_byte(value, '\0') == SIZE_MAX);
	}
}

static void run(struct feed *f, const uint8_t *bytes, size_t n, uint32_t cuts, uint64_t limit)
{
	size_t at = 0;

	feed_init(f, limit);
	f->accepted = check_request;
	while (at < n) {
		size_t piece = n - at;
		char *copy;

		if (cuts) {
			cuts = cuts * 1664525u + 1013904223u;
			piece = (cuts >> 16) % PIECE_MAX + 1;
			/* Some runs byte by byte: ends of lines are where it matters. */
			if (cuts & 0x80000000u)
				piece = 1;
			piece = piece < n - at ? piece : n - at;
		}
		copy = mem_alloc(piece);
		memcpy(copy, bytes + at, piece);
		feed_bytes(f, copy, piece);
		mem_release(copy);
		at += piece;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct feed whole, cut;
	uint64_t limit;

	if (n < 2)
		return 0;
	limit = (uint64_t)bytes[1] * 64;
	run(&whole, bytes + 2, n - 2, 0, limit);
	run(&cut, bytes + 2, n - 2, bytes[0] + 1u, limit);
	CHECK(whole.refusals <= 1 && cut.refusals <= 1);
	CHECK(buf_len(&whole.body) <= limit);
	CHECK(str_eq(buf_view(&whole.told), buf_view(&cut.told)));
	feed_clear(&whole);
	feed_clear(&cut);
	return 0;
}
