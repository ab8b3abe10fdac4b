/*
 * A film of one second and one colour: a whole MP4 with its index in front and one frame, a JPEG. Players that know
 * motion JPEG show it; what matters here is that every box is there and of the right length.
 */
#include "fal_sim.h"
#include "pictures.h"

enum { SCALE = 1000, DURATION = 1000, JPEG_IN_MPEG4 = 0x6C };

static void put(struct buf *out, uint64_t value, unsigned bytes)
{
	while (bytes-- > 0)
		buf_byte(out, (char)(value >> (8 * bytes) & 0xFF));
}

static void zeros(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_byte(out, 0);
}

/* Returns where the box began, for box_end. */
static size_t box(struct buf *out, const char *name)
{
	size_t at = buf_len(out);

	zeros(out, 4);
	buf_cstr(out, name);
	return at;
}

/* A box whose content begins with a version and flags. */
static size_t full_box(struct buf *out, const char *name, uint32_t version_and_flags)
{
	size_t at = box(out, name);

	put(out, version_and_flags, 4);
	return at;
}

static void box_end(struct buf *out, size_t at)
{
	uint32_t n = (uint32_t)(buf_len(out) - at);

	for (unsigned i = 0; i < 4; i++)
		out->p[out->from + at + i] = (char)(n >> (24 - 8 * i) & 0xFF);
}

static void matrix(struct buf *out)
{
	for (unsigned i = 0; i < 9; i++)
		put(out, i == 8 ? 0x40000000 : i % 4 == 0 ? 0x10000 : 0, 4);
}

static void movie_header(struct buf *out)
{
	size_t at = full_box(out, "mvhd", 0);

	zeros(out, 8);
	put(out, SCALE, 4);
	put(out, DURATION, 4);
	put(out, 0x10000, 4); /* speed */
	put(out, 0x100, 2);   /* volume */
	zeros(out, 10);
	matrix(out);
	zeros(out, 24);
	put(out, 2, 4); /* the next track's number */
	box_end(out, at);
}

static void track_header(struct buf *out, unsigned width, unsigned height)
{
	size_t at = full_box(out, "tkhd", 3);

	zeros(out, 8);
	put(out, 1, 4);
	zeros(out, 4);
	put(out, DURATION, 4);
	zeros(out, 16);
	matrix(out);
	put(out, (uint64_t)width << 16, 4);
	put(out, (uint64_t)height << 16, 4);
	box_end(out, at);
}

static void media_header(struct buf *out)
{
	size_t at = full_box(out, "mdhd", 0);

	zeros(out, 8);
	put(out, SCALE, 4);
	put(out, DURATION, 4);
	put(out, 0x55C40000, 4); /* language: not said */
	box_end(out, at);
	at = full_box(out, "hdlr", 0);
	zeros(out, 4);
	buf_cstr(out, "vide");
	zeros(out, 13);
	box_end(out, at);
}

static void data_reference(struct buf *out)
{
	size_t at = full_box(out, "vmhd", 1), inner;

	zeros(out, 8);
	box_end(out, at);
	at = box(out, "dinf");
	inner = full_box(out, "dref", 0);
	put(out, 1, 4);
	box_end(out, full_box(out, "url ", 1)); /* in this file */
	box_end(out, inner);
	box_end(out, at);
}

/* An MPEG-4 descriptor around one that names the codec. */
static void codec(struct buf *out)
{
	size_t at = full_box(out, "esds", 0);

	buf_put(out, "\x03\x15\x00\x01\x00\x04\x0d", 7);
	put(out, JPEG_IN_MPEG4, 1);
	put(out, 0x11, 1);
	zeros(out, 11);
	buf_put(out, "\x06\x01\x02", 3);
	box_end(out, at);
}

static void description(struct buf *out, unsigned width, unsigned height)
{
	size_t at = full_box(out, "stsd", 0), entry;

	put(out, 1, 4);
	entry = box(out, "mp4v");
	zeros(out, 6);
	put(out, 1, 2);
	zeros(out, 16);
	put(out, width, 2);
	put(out, height, 2);
	put(out, 0x480000, 4);
	put(out, 0x480000, 4);
	zeros(out, 4);
	put(out, 1, 2);
	zeros(out, 32);
	put(out, 0x18FFFF, 4);
	codec(out);
	box_end(out, entry);
	box_end(out, at);
}

/* One sample in one chunk. Returns where its offset stands. */
static size_t samples(struct buf *out, size_t bytes)
{
	size_t at = full_box(out, "stts", 0), offset;

	put(out, 1, 4);
	put(out, 1, 4);
	put(out, DURATION, 4);
	box_end(out, at);
	at = full_box(out, "stsc", 0);
	put(out, 1, 4);
	put(out, 1, 4);
	put(out, 1, 4);
	put(out, 1, 4);
	box_end(out, at);
	at = full_box(out, "stsz", 0);
	put(out, bytes, 4);
	put(out, 1, 4);
	box_end(out, at);
	at = full_box(out, "stco", 0);
	put(out, 1, 4);
	offset = buf_len(out);
	zeros(out, 4);
	box_end(out, at);
	return offset;
}

static size_t track(struct buf *out, unsigned width, unsigned height, size_t bytes)
{
	size_t trak = box(out, "trak"), mdia, minf, stbl, offset;

	track_header(out, width, height);
	mdia = box(out, "mdia");
	media_header(out);
	minf = box(out, "minf");
	data_reference(out);
	stbl = box(out, "stbl");
	description(out, width, height);
	offset = samples(out, bytes);
	box_end(out, stbl);
	box_end(out, minf);
	box_end(out, mdia);
	box_end(out, trak);
	return offset;
}

void sim_movie_make(struct buf *out, unsigned width, unsigned height, uint32_t rgb)
{
	struct buf frame;
	size_t at, offset;

	buf_init(&frame, PICTURE_BYTES_MAX);
	picture_make(&frame, IMAGO_JPEG, width, height, rgb);
	at = box(out, "ftyp");
	buf_cstr(out, "isom");
	put(out, 512, 4);
	buf_cstr(out, "isomiso2mp41");
	box_end(out, at);
	at = box(out, "moov");
	movie_header(out);
	offset = track(out, width, height, buf_len(&frame));
	box_end(out, at);
	at = box(out, "mdat");
	for (unsigned i = 0; i < 4; i++)
		out->p[out->from + offset + i] = (char)(buf_len(out) >> (24 - 8 * i) & 0xFF);
	buf_str(out, buf_view(&frame));
	box_end(out, at);
	buf_clear(&frame);
}
