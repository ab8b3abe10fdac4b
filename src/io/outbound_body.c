/*
 * outbound_body - the body of a request, as curl asks for it.
 *
 *  1. It is one text, or segments: text, a file's bytes, or a file's base64. What curl is given is made in
 *     curl's own buffer (64 KiB), so that the memory of a request does not grow with its files.
 *  2. Files are read by pread: the place is kept here, and two calls may send the same descriptor.
 *  3. The length is announced before. A file that ends early is an error at once: the peer would wait for the rest.
 *  4. Base64 is made from whole groups of three bytes; where curl has room for less than a group, the
 *     group waits in `group`.
 */
#include <errno.h>
#include <unistd.h>

#include "base/base64.h"
#include "io/outbound_priv.h"

enum { GROUP = 3, GROUP_TEXT = 4, PIECE = 4096 * GROUP };

static const struct outbound_file *file_of(const struct outbound_call *call, const struct imago_segment *s)
{
	return &call->files[s->input];
}

void body_check(const struct outbound_call *call)
{
	const struct imago_call *r = &call->request;

	CHECK(r->segment_count <= IMAGO_SEGMENTS_MAX);
	for (unsigned i = 0; i < r->segment_count; i++)
		CHECK(!r->segments[i].is_input || r->segments[i].input < call->file_count);
}

uint64_t body_length(const struct outbound_call *call)
{
	const struct imago_call *r = &call->request;
	uint64_t length = 0;

	if (r->segment_count == 0)
		return r->body.n;
	for (unsigned i = 0; i < r->segment_count; i++) {
		const struct imago_segment *s = &r->segments[i];

		if (!s->is_input)
			length += s->text.n;
		else if (s->as_base64)
			length += BASE64_LENGTH(file_of(call, s)->bytes);
		else
			length += file_of(call, s)->bytes;
	}
	return length;
}

void body_begin(struct outbound_transfer *t)
{
	const struct imago_call *r = &t->call->request;

	t->body = (struct outbound_body){ 0 };
	if (r->segment_count == 0)
		t->body.unsent = r->body;
}

/* All n bytes of the file from b->at on. */
static bool read_file(struct outbound_body *b, const struct outbound_file *f, char *p, size_t n)
{
	while (n > 0) {
		ssize_t got = pread(f->fd, p, n, (off_t)b->at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
		b->at += (uint64_t)got;
	}
	return true;
}

static bool put_raw(struct outbound_body *b, const struct outbound_file *f, char *p, size_t n, size_t *got)
{
	uint64_t left = f->bytes - b->at;

	*got = n < left ? n : (size_t)left;
	return read_file(b, f, p, *got);
}

static bool put_base64(struct outbound_body *b, const struct outbound_file *f, char *p, size_t n, size_t *got)
{
	uint64_t left = f->bytes - b->at;
	size_t want = n / GROUP_TEXT * GROUP;
	uint8_t piece[PIECE];

	*got = 0;
	want = want < PIECE ? want : PIECE;
	if (want == 0)
		want = GROUP;
	want = want < left ? want : (size_t)left;
	if (!read_file(b, f, (char *)piece, want))
		return false;
	if (n >= GROUP_TEXT) {
		*got = base64_encode(piece, want, p);
		return true;
	}
	b->unsent = (struct str){ b->group, base64_encode(piece, want, b->group) };
	return true;
}

/* Some of the segment that is next; it is left behind when nothing of it is left. */
static bool put_segment(struct outbound_transfer *t, char *p, size_t n, size_t *got)
{
	struct outbound_body *b = &t->body;
	const struct imago_segment *s = &t->call->request.segments[b->segment];
	const struct outbound_file *f;

	*got = 0;
	if (!s->is_input) {
		b->unsent = s->text;
		b->segment++;
		return true;
	}
	f = file_of(t->call, s);
	if (!(s->as_base64 ? put_base64(b, f, p, n, got) : put_raw(b, f, p, n, got)))
		return false;
	if (b->at == f->bytes) {
		b->segment++;
		b->at = 0;
	}
	return true;
}

bool body_read(struct outbound_transfer *t, char *p, size_t n, size_t *got)
{
	struct outbound_body *b = &t->body;
	size_t piece;

	*got = 0;
	while (*got < n) {
		if (b->unsent.n > 0) {
			piece = n - *got < b->unsent.n ? n - *got : b->unsent.n;
			memcpy(p + *got, b->unsent.p, piece);
			b->unsent = str_skip(b->unsent, piece);
		} else if (b->segment == t->call->request.segment_count) {
			break;
		} else if (!put_segment(t, p + *got, n - *got, &piece)) {
			return false;
		}
		*got += piece;
	}
	return true;
}
