/*
 * The walk is a small machine that wants a number of bytes (gathered in `hold`) for its next
 * step, after passing over `skip` bytes:
 *
 *   SNIFF ─┬─ PNG_CHUNK ⟲ (length, type; IHDR's content is gathered, the rest passed over)
 *          ├─ JPEG_MARKER ⟲ JPEG_LENGTH ⟲ JPEG_FRAME, and JPEG_SCAN inside the coded data
 *          ├─ WEBP_FIRST (WEBP_LONG), WEBP_CHUNK ⟲ up to the size that RIFF gave
 *          ├─ GIF_SCREEN, GIF_BLOCK ⟲ GIF_LABEL or GIF_FRAME, then GIF_SUB ⟲
 *          └─ AVIF and MP4: image_probe_boxes.c
 *
 * Invariants
 *  1. Each step consumes at least one byte or ends the walk, so the time is linear in the bytes.
 *  2. Dimensions are checked the moment they are read, before anything is done with them.
 *  3. Nothing is allocated and no length from outside is used but as a number to pass over.
 */
#include "io/image_probe_priv.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { SNIFF_BYTES = 12, PARTS_MAX = 100 * 1000, PNG_EXTRA_MAX = 1000, SCANS_MAX = 200, JPEG_SEGMENTS_MAX = 4000 };

static const uint8_t png_signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };

static uint32_t le16(const uint8_t *p)
{
	return (uint32_t)p[1] << 8 | p[0];
}

static uint32_t le24(const uint8_t *p)
{
	return (uint32_t)p[2] << 16 | le16(p);
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | le24(p);
}

/* Only for the few bytes of IHDR and IEND. */
static uint32_t crc_of(const uint8_t *p, size_t n)
{
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
	}
	return ~crc;
}

void probe_next(struct image_probe *p, enum probe_step step, uint8_t want)
{
	p->step = (uint8_t)step;
	p->want = want;
	p->held = 0;
}

void probe_end_with(struct image_probe *p, enum image_verdict verdict)
{
	p->verdict = verdict;
	p->skip = 0;
}

static void broken(struct image_probe *p)
{
	probe_end_with(p, IMAGE_BROKEN);
}

/* The last part was met; there must have been pixels in between. */
static void whole(struct image_probe *p)
{
	probe_end_with(p, p->width && p->has_pixels ? IMAGE_WHOLE : IMAGE_BROKEN);
}

bool probe_set_dimensions(struct image_probe *p, uint64_t width, uint64_t height)
{
	if (width == 0 || height == 0) {
		broken(p);
		return false;
	}
	if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX || width * height > IMAGE_PIXELS_MAX) {
		probe_end_with(p, IMAGE_TOO_BIG);
		return false;
	}
	p->width = (unsigned)width;
	p->height = (unsigned)height;
	return true;
}

bool probe_count_part(struct image_probe *p, uint32_t most)
{
	if (++p->parts <= most)
		return true;
	probe_end_with(p, IMAGE_TOO_BIG);
	return false;
}

/* ---- PNG ---- */

static bool png_is_name(const uint8_t *type)
{
	for (int i = 0; i < 4; i++) {
		uint8_t lower = type[i] | 0x20;

		if (lower < 'a' || lower > 'z')
			return false;
	}
	return true;
}

static void png_header(struct image_probe *p)
{
	/* bit depths allowed for the colour types 0, 2, 3, 4, 6 */
	static const uint8_t depths[7] = { 1 | 2 | 4 | 8 | 16, 0, 8 | 16, 1 | 2 | 4 | 8, 8 | 16, 0, 8 | 16 };
	const uint8_t *h = p->hold; /* length, "IHDR", 13 bytes, crc */
	uint8_t depth = h[16], colour = h[17];

	if (probe_be32(h) != 13 || memcmp(h + 4, "IHDR", 4) != 0 || probe_be32(h + 21) != crc_of(h + 4, 17)) {
		broken(p);
		return;
	}
	if (colour > 6 || (depth & (depth - 1)) != 0 || !(depths[colour] & depth) || h[18] || h[19] || h[20] > 1) {
		broken(p);
		return;
	}
	if (probe_set_dimensions(p, probe_be32(h + 8), probe_be32(h + 12)))
		probe_next(p, PNG_CHUNK, 8);
}

static void png_chunk(struct image_probe *p)
{
	uint32_t length = probe_be32(p->hold);
	const uint8_t *type = p->hold + 4;
	bool is_data = memcmp(type, "IDAT", 4) == 0;

	if (length > 0x7fffffffu || !png_is_name(type) || memcmp(type, "IHDR", 4) == 0) {
		broken(p);
		return;
	}
	if (memcmp(type, "IEND", 4) == 0) {
		if (length)
			broken(p);
		else
			probe_next(p, PNG_END, 4);
		return;
	}
	/* Ten thousand little text chunks cost a decoder more than the picture does. */
	if (!is_data && !probe_count_part(p, PNG_EXTRA_MAX))
		return;
	p->has_pixels |= is_data;
	p->skip = (uint64_t)length + 4;
	probe_next(p, PNG_CHUNK, 8);
}

static void png_end(struct image_probe *p)
{
	if (probe_be32(p->hold) == 0xae426082u) /* the CRC of an empty IEND */
		whole(p);
	else
		broken(p);
}

/* ---- JPEG ---- */

static bool jpeg_is_frame(uint8_t marker)
{
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static void jpeg_marker(struct image_probe *p)
{
	uint8_t marker = p->hold[1];

	if (p->hold[0] != 0xff) {
		broken(p);
		return;
	}
	if (marker == 0xff) { /* a fill byte: the marker is the next one */
		p->held = 1;
		return;
	}
	if (marker == 0xd9) {
		whole(p);
		return;
	}
	if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
		probe_next(p, JPEG_MARKER, 2);
		return;
	}
	if (marker < 0xc0 || marker == 0xd8) {
		broken(p);
		return;
	}
	if (!probe_count_part(p, JPEG_SEGMENTS_MAX))
		return;
	p->step = JPEG_LENGTH; /* the marker stays in hold[1] */
	p->want = 4;
}

static void jpeg_length(struct image_probe *p)
{
	uint8_t marker = p->hold[1];
	uint32_t length = probe_be16(p->hold + 2);

	if (length < 2 || (marker == 0xda && !p->width)) {
		broken(p);
		return;
	}
	if (jpeg_is_frame(marker)) {
		if (length < 8 || p->width) {
			broken(p);
			return;
		}
		p->step = JPEG_FRAME;
		p->want = 9;
		return;
	}
	p->skip = length - 2;
	if (marker != 0xda) {
		probe_next(p, JPEG_MARKER, 2);
		return;
	}
	p->has_pixels = true;
	if (++p->scans > SCANS_MAX)
		probe_end_with(p, IMAGE_TOO_BIG);
	else
		probe_next(p, JPEG_SCAN, 2);
}

static void jpeg_frame(struct image_probe *p)
{
	uint32_t length = probe_be16(p->hold + 2);

	if (!probe_set_dimensions(p, probe_be16(p->hold + 7), probe_be16(p->hold + 5)))
		return;
	p->skip = length - 7;
	probe_next(p, JPEG_MARKER, 2);
}

/* Inside coded data: 0xff 0x00 is a byte, 0xff 0xd0..d7 a restart; everything else is a marker. */
static void jpeg_scan(struct image_probe *p)
{
	uint8_t marker = p->hold[1];

	if (marker == 0xff) {
		p->held = 1;
		return;
	}
	if (marker == 0 || (marker >= 0xd0 && marker <= 0xd7)) {
		probe_next(p, JPEG_SCAN, 2);
		return;
	}
	p->step = JPEG_MARKER;
	jpeg_marker(p);
}

/* ---- WEBP ---- */

static bool webp_dimensions(struct image_probe *p, const uint8_t *chunk)
{
	const uint8_t *body = chunk + 8;

	if (memcmp(chunk, "VP8 ", 4) == 0) {
		if (body[0] & 1 || memcmp(body + 3, "\x9d\x01\x2a", 3) != 0) {
			broken(p);
			return false;
		}
		p->has_pixels = true;
		return probe_set_dimensions(p, le16(body + 6) & 0x3fff, le16(body + 8) & 0x3fff);
	}
	if (memcmp(chunk, "VP8L", 4) == 0) {
		uint32_t bits = le32(body + 1);

		if (body[0] != 0x2f || bits >> 29) {
			broken(p);
			return false;
		}
		p->has_pixels = true;
		return probe_set_dimensions(p, (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
	}
	if (memcmp(chunk, "VP8X", 4) == 0 && le32(chunk + 4) == 10)
		return probe_set_dimensions(p, (uint64_t)le24(body + 4) + 1, (uint64_t)le24(body + 7) + 1);
	broken(p);
	return false;
}

/* What lies between here and the end of RIFF. `at` is the offset of the chunk's content. */
static void webp_pass(struct image_probe *p, uint64_t at, uint32_t length, unsigned read)
{
	uint64_t padded = (uint64_t)length + (length & 1);

	if (padded < read || at + padded > p->end) {
		broken(p);
		return;
	}
	p->skip = padded - read;
	if (at + padded == p->end)
		probe_next(p, WEBP_CHUNK, 0); /* nothing more to read: the end is met after the skip */
	else
		probe_next(p, WEBP_CHUNK, 8);
}

/* A lossless picture may be shorter than the ten bytes that the other two kinds begin with. */
static void webp_first(struct image_probe *p)
{
	uint32_t riff = le32(p->hold + 4);

	p->end = (uint64_t)riff + 8;
	if (riff & 1) {
		broken(p);
		return;
	}
	if (memcmp(p->hold + 12, "VP8L", 4) != 0) {
		p->step = WEBP_LONG;
		p->want = 30;
		return;
	}
	if (webp_dimensions(p, p->hold + 12))
		webp_pass(p, 20, le32(p->hold + 16), 5);
}

static void webp_long(struct image_probe *p)
{
	if (webp_dimensions(p, p->hold + 12))
		webp_pass(p, 20, le32(p->hold + 16), 10);
}

static void webp_chunk(struct image_probe *p, uint64_t at)
{
	const uint8_t *name = p->hold;

	if (p->want == 0) {
		whole(p);
		return;
	}
	if (!probe_count_part(p, PARTS_MAX))
		return;
	if (memcmp(name, "VP8 ", 4) == 0 || memcmp(name, "VP8L", 4) == 0 || memcmp(name, "ANMF", 4) == 0)
		p->has_pixels = true;
	webp_pass(p, at, le32(p->hold + 4), 0);
}

/* ---- GIF ---- */

static uint64_t gif_table_bytes(uint8_t flags)
{
	return flags & 0x80 ? (uint64_t)3 << ((flags & 7) + 1) : 0;
}

static void gif_screen(struct image_probe *p)
{
	if (!probe_set_dimensions(p, le16(p->hold + 6), le16(p->hold + 8)))
		return;
	p->skip = gif_table_bytes(p->hold[10]);
	probe_next(p, GIF_BLOCK, 1);
}

static void gif_block(struct image_probe *p)
{
	uint8_t kind = p->hold[0];

	if (kind == 0x3b) {
		whole(p);
		return;
	}
	if (!probe_count_part(p, PARTS_MAX))
		return;
	if (kind == 0x21)
		probe_next(p, GIF_LABEL, 1);
	else if (kind == 0x2c)
		probe_next(p, GIF_FRAME, 9);
	else
		broken(p);
}

static void gif_frame(struct image_probe *p)
{
	uint64_t width = le16(p->hold + 4), height = le16(p->hold + 6);

	if (width == 0 || height == 0 || width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX) {
		broken(p);
		return;
	}
	p->skip = gif_table_bytes(p->hold[8]) + 1; /* the colour table and the code size */
	p->has_pixels = true;
	probe_next(p, GIF_SUB, 1);
}

static void gif_sub(struct image_probe *p)
{
	if (p->hold[0] == 0) {
		probe_next(p, GIF_BLOCK, 1);
		return;
	}
	p->skip = p->hold[0];
	probe_next(p, GIF_SUB, 1);
}

/* ---- the machine ---- */

static void walk(struct image_probe *p, const uint8_t *bytes, size_t n, uint64_t at);

/* Twelve bytes tell the types apart; the next step wants what it needs on top of them. */
static void sniff(struct image_probe *p)
{
	const uint8_t *h = p->hold;

	if (memcmp(h, png_signature, 8) == 0) {
		p->type = IMAGE_PNG;
		memmove(p->hold, h + 8, 4);
		probe_next(p, PNG_HEADER, 25);
		p->held = 4;
	} else if (h[0] == 0xff && h[1] == 0xd8 && h[2] == 0xff) {
		uint8_t rest[SNIFF_BYTES - 2];

		memcpy(rest, h + 2, sizeof(rest));
		p->type = IMAGE_JPEG;
		probe_next(p, JPEG_MARKER, 2);
		walk(p, rest, sizeof(rest), 2);
	} else if (memcmp(h, "RIFF", 4) == 0 && memcmp(h + 8, "WEBP", 4) == 0) {
		p->type = IMAGE_WEBP;
		p->step = WEBP_FIRST;
		p->want = 25;
	} else if (memcmp(h, "GIF87a", 6) == 0 || memcmp(h, "GIF89a", 6) == 0) {
		p->type = IMAGE_GIF;
		p->step = GIF_SCREEN;
		p->want = 13;
	} else if (!probe_boxes_sniff(p)) {
		probe_end_with(p, IMAGE_NOT_ONE);
	}
}

/* `at`: how many bytes of the file were consumed. */
static void run_step(struct image_probe *p, uint64_t at)
{
	switch ((enum probe_step)p->step) {
	case SNIFF: sniff(p); break;
	case PNG_HEADER: png_header(p); break;
	case PNG_CHUNK: png_chunk(p); break;
	case PNG_END: png_end(p); break;
	case JPEG_MARKER: jpeg_marker(p); break;
	case JPEG_LENGTH: jpeg_length(p); break;
	case JPEG_FRAME: jpeg_frame(p); break;
	case JPEG_SCAN: jpeg_scan(p); break;
	case WEBP_FIRST: webp_first(p); break;
	case WEBP_LONG: webp_long(p); break;
	case WEBP_CHUNK: webp_chunk(p, at); break;
	case GIF_SCREEN: gif_screen(p); break;
	case GIF_BLOCK: gif_block(p); break;
	case GIF_LABEL: probe_next(p, GIF_SUB, 1); break;
	case GIF_FRAME: gif_frame(p); break;
	case GIF_SUB: gif_sub(p); break;
	case BOX_BRAND:
	case BOX_HEAD:
	case BOX_LARGE:
	case BOX_TRACK:
	case BOX_TRACK_SIZE:
	case BOX_EXTENT: probe_boxes_step(p, at); break;
	}
}

/* Up to n bytes into `hold`, or past coded data that holds no marker. Returns what was used. */
static size_t gather(struct image_probe *p, const uint8_t *bytes, size_t n)
{
	size_t take = (size_t)(p->want - p->held);

	if (p->step == JPEG_SCAN && p->held == 0) {
		const uint8_t *marker = memchr(bytes, 0xff, n);
		size_t plain = marker ? (size_t)(marker - bytes) : n;

		if (plain)
			return plain;
	}
	if (take > n)
		take = n;
	memcpy(p->hold + p->held, bytes, take);
	p->held = (uint8_t)(p->held + take);
	return take;
}

static void walk(struct image_probe *p, const uint8_t *bytes, size_t n, uint64_t at)
{
	size_t used = 0;

	while (p->verdict == IMAGE_MORE) {
		if (p->skip) {
			size_t pass = p->skip < n - used ? (size_t)p->skip : n - used;

			p->skip -= pass;
			used += pass;
		}
		if (p->skip)
			return;
		if (p->held < p->want && used == n)
			return;
		used += gather(p, bytes + used, n - used);
		if (p->held < p->want)
			continue;
		run_step(p, at + used);
		if (p->verdict == IMAGE_WHOLE && p->end == 0)
			p->end = at + used;
	}
}

void image_probe_init(struct image_probe *p)
{
	*p = (struct image_probe){ .step = SNIFF, .want = SNIFF_BYTES };
}

enum image_verdict image_probe_feed(struct image_probe *p, const void *bytes, size_t n)
{
	uint64_t at = p->size;

	p->size += n;
	walk(p, bytes, n, at);
	if (p->verdict == IMAGE_WHOLE)
		p->trailing = p->size - p->end;
	return p->verdict;
}

enum image_verdict image_probe_end(struct image_probe *p)
{
	if (p->verdict != IMAGE_MORE)
		return p->verdict;
	if (p->type == IMAGE_UNKNOWN)
		p->verdict = IMAGE_NOT_ONE;
	else if (p->type == IMAGE_AVIF || p->type == IMAGE_MP4)
		p->verdict = probe_boxes_end(p);
	else
		p->verdict = IMAGE_TRUNCATED;
	if (p->verdict == IMAGE_WHOLE)
		p->end = p->size;
	return p->verdict;
}

bool image_probe_read(struct image_probe *p, int fd, uint64_t size)
{
	char piece[IMAGE_PROBE_PIECE];
	uint64_t left = size > p->size ? size - p->size : 0;
	ssize_t n;

	if (p->skip) {
		uint64_t jump = p->skip < left ? p->skip : left;

		p->skip -= jump;
		p->size += jump;
		left -= jump;
		image_probe_feed(p, "", 0);
	}
	if (p->verdict == IMAGE_MORE && left) {
		do
			n = pread(fd, piece, left < sizeof(piece) ? (size_t)left : sizeof(piece), (off_t)p->size);
		while (n < 0 && errno == EINTR);
		if (n > 0 && image_probe_feed(p, piece, (size_t)n) == IMAGE_MORE)
			return true;
	}
	image_probe_end(p);
	p->size = size;
	if (p->verdict == IMAGE_WHOLE)
		p->trailing = size - p->end;
	return false;
}

const char *image_type_mime(enum image_type type)
{
	switch (type) {
	case IMAGE_PNG: return "image/png";
	case IMAGE_JPEG: return "image/jpeg";
	case IMAGE_WEBP: return "image/webp";
	case IMAGE_GIF: return "image/gif";
	case IMAGE_AVIF: return "image/avif";
	case IMAGE_MP4: return "video/mp4";
	case IMAGE_UNKNOWN: break;
	}
	return "application/octet-stream";
}

const char *image_type_extension(enum image_type type)
{
	switch (type) {
	case IMAGE_PNG: return "png";
	case IMAGE_JPEG: return "jpg";
	case IMAGE_WEBP: return "webp";
	case IMAGE_GIF: return "gif";
	case IMAGE_AVIF: return "avif";
	case IMAGE_MP4: return "mp4";
	case IMAGE_UNKNOWN: break;
	}
	return "";
}

const char *image_verdict_text(enum image_verdict verdict)
{
	switch (verdict) {
	case IMAGE_MORE: return "the picture has not ended";
	case IMAGE_WHOLE: return "the picture is whole";
	case IMAGE_NOT_ONE: return "this is neither a PNG, JPEG, WEBP, GIF or AVIF picture nor an MP4 video";
	case IMAGE_BROKEN: return "the picture is damaged";
	case IMAGE_TRUNCATED: return "the picture is cut short";
	case IMAGE_TOO_BIG: return "the picture is larger than 40 megapixels or 16,384 pixels a side";
	}
	return "";
}
