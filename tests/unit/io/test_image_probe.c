/*
 * image_probe: types, dimensions, whole or not, in pieces of any size. The pictures are built here by
 * hand, byte by byte: what an encoder writes today is not what it wrote yesterday.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "io/image_probe.h"

static void put_be32(struct buf *b, uint32_t v)
{
	const char bytes[4] = { (char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v };

	buf_put(b, bytes, 4);
}

static void put_le(struct buf *b, uint32_t v, int n)
{
	for (int i = 0; i < n; i++)
		buf_byte(b, (char)(v >> (8 * i)));
}

static void put_fill(struct buf *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_byte(b, (char)(i * 37 % 251));
}

/* ---- PNG ---- */

static void png_chunk(struct buf *b, const char *type, struct str body)
{
	size_t at = buf_len(b) + 4;

	put_be32(b, (uint32_t)body.n);
	buf_cstr(b, type);
	buf_str(b, body);
	put_be32(b, crc32_of(str_skip(buf_view(b), at)));
}

static void png_start(struct buf *b, uint32_t width, uint32_t height, const char rest[5])
{
	struct buf header;

	buf_reset(b);
	buf_put(b, "\x89PNG\r\n\x1a\n", 8);
	buf_init(&header, 64);
	put_be32(&header, width);
	put_be32(&header, height);
	buf_put(&header, rest, 5);
	png_chunk(b, "IHDR", buf_view(&header));
	buf_clear(&header);
}

static void png_whole(struct buf *b, uint32_t width, uint32_t height, size_t data)
{
	struct buf body;

	png_start(b, width, height, "\x08\x02\0\0\0");
	png_chunk(b, "tEXt", STR("Title\0a"));
	buf_init(&body, 1 << 20);
	put_fill(&body, data);
	png_chunk(b, "IDAT", buf_view(&body));
	png_chunk(b, "IDAT", buf_view(&body));
	png_chunk(b, "IEND", (struct str){ "", 0 });
	buf_clear(&body);
}

/* ---- JPEG ---- */

static void jpeg_segment(struct buf *b, int marker, const void *body, size_t n)
{
	buf_byte(b, (char)0xff);
	buf_byte(b, (char)marker);
	buf_byte(b, (char)((n + 2) >> 8));
	buf_byte(b, (char)(n + 2));
	buf_put(b, body, n);
}

static void jpeg_frame(struct buf *b, int marker, int width, int height)
{
	const char body[] = { 8, (char)(height >> 8), (char)height, (char)(width >> 8), (char)width, 1, 1, 0x11, 0 };

	jpeg_segment(b, marker, body, sizeof(body));
}

static void jpeg_scan(struct buf *b, size_t n)
{
	jpeg_segment(b, 0xda, "\x01\x01\x00\x00\x3f\x00", 6);
	put_fill(b, n);
	buf_put(b, "\xff\x00\xff\xd0\x12\xff\xff\x00", 8); /* a stuffed byte, a restart, a fill byte */
}

static void jpeg_whole(struct buf *b, int width, int height, int scans)
{
	buf_reset(b);
	buf_put(b, "\xff\xd8", 2);
	jpeg_segment(b, 0xe0, "JFIF\0\1\1\0\0\1\0\1\0\0", 14);
	/* A thumbnail inside: its end marker is not ours. */
	jpeg_segment(b, 0xe1, "Exif\xff\xd9\xff\xd8", 8);
	buf_byte(b, (char)0xff);
	jpeg_frame(b, scans > 1 ? 0xc2 : 0xc0, width, height);
	for (int i = 0; i < scans; i++)
		jpeg_scan(b, 100);
	buf_put(b, "\xff\xd9", 2);
}

/* ---- WEBP ---- */

static void webp_wrap(struct buf *b, struct str chunks)
{
	buf_reset(b);
	buf_cstr(b, "RIFF");
	put_le(b, (uint32_t)chunks.n + 4, 4);
	buf_cstr(b, "WEBP");
	buf_str(b, chunks);
}

static void webp_chunk(struct buf *b, const char *type, const void *body, size_t n)
{
	buf_cstr(b, type);
	put_le(b, (uint32_t)n, 4);
	buf_put(b, body, n);
	if (n & 1)
		buf_byte(b, 0);
}

enum webp_kind { LOSSY, LOSSLESS, EXTENDED, EXTENDED_EMPTY };

static void webp_whole(struct buf *b, enum webp_kind kind, uint32_t width, uint32_t height)
{
	struct buf chunks, body;

	buf_init(&chunks, 4096);
	buf_init(&body, 4096);
	if (kind == LOSSY) {
		buf_put(&body, "\x10\x00\x00\x9d\x01\x2a", 6);
		put_le(&body, width, 2);
		put_le(&body, height, 2);
		put_fill(&body, 51);
		webp_chunk(&chunks, "VP8 ", body.p, buf_len(&body));
	} else if (kind == LOSSLESS) {
		buf_byte(&body, 0x2f);
		put_le(&body, (width - 1) | (height - 1) << 14, 4);
		buf_byte(&body, 7);
		webp_chunk(&chunks, "VP8L", body.p, buf_len(&body));
	} else {
		put_le(&body, 0x10, 4);
		put_le(&body, width - 1, 3);
		put_le(&body, height - 1, 3);
		webp_chunk(&chunks, "VP8X", body.p, buf_len(&body));
		webp_chunk(&chunks, "ICCP", "abc", 3);
		if (kind == EXTENDED)
			webp_chunk(&chunks, "VP8L", "\x2f\0\0\0\0", 5);
	}
	webp_wrap(b, buf_view(&chunks));
	buf_clear(&chunks);
	buf_clear(&body);
}

/* ---- GIF ---- */

static void gif_whole(struct buf *b, uint32_t width, uint32_t height, int frames)
{
	buf_reset(b);
	buf_cstr(b, "GIF89a");
	put_le(b, width, 2);
	put_le(b, height, 2);
	buf_put(b, "\x80\0\0", 3);
	put_fill(b, 6);
	buf_put(b, "\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0", 19);
	for (int i = 0; i < frames; i++) {
		buf_put(b, "\x2c\0\0\0\0", 5);
		put_le(b, width, 2);
		put_le(b, height, 2);
		buf_put(b, "\x81", 1);
		put_fill(b, 12);
		buf_put(b, "\x02\x03\x3b\x3b\x3b\x01\x00\x00", 8);
	}
	buf_byte(b, 0x3b);
}

/* ---- AVIF, MP4 ---- */

/* Opens a box and returns where its length stands, for box_end. */
static size_t box_start(struct buf *b, const char *name)
{
	size_t at = buf_len(b);

	put_be32(b, 0);
	buf_cstr(b, name);
	return at;
}

static void box_end(struct buf *b, size_t at)
{
	uint32_t n = (uint32_t)(buf_len(b) - at);

	for (int i = 0; i < 4; i++)
		b->p[b->from + at + (size_t)i] = (char)(n >> (24 - 8 * i));
}

static void box(struct buf *b, const char *name, size_t n)
{
	size_t at = box_start(b, name);

	put_fill(b, n);
	box_end(b, at);
}

static void put_ftyp(struct buf *b, const char *brands)
{
	size_t at = box_start(b, "ftyp");

	buf_put(b, brands, 4);
	put_be32(b, 512);
	buf_cstr(b, brands + 4);
	box_end(b, at);
}

static void put_extent(struct buf *b, uint32_t width, uint32_t height)
{
	size_t at = box_start(b, "ispe");

	put_be32(b, 0);
	put_be32(b, width);
	put_be32(b, height);
	box_end(b, at);
}

static void avif_whole(struct buf *b, const char *brands, uint32_t width, uint32_t height)
{
	size_t meta, iprp, ipco;

	buf_reset(b);
	put_ftyp(b, brands);
	meta = box_start(b, "meta");
	put_be32(b, 0);
	box(b, "hdlr", 25);
	iprp = box_start(b, "iprp");
	ipco = box_start(b, "ipco");
	put_extent(b, 64, 48); /* a thumbnail's */
	put_extent(b, width, height);
	box(b, "pixi", 8);
	box_end(b, ipco);
	box(b, "ipma", 9);
	box_end(b, iprp);
	box_end(b, meta);
	box(b, "mdat", 200);
}

static void put_track(struct buf *b, int version, bool lies, uint32_t width, uint32_t height)
{
	size_t trak = box_start(b, "trak"), tkhd = box_start(b, "tkhd");

	buf_byte(b, (char)version);
	put_fill(b, version ? 51 : 39);
	for (uint32_t i = 0; i < 9; i++)
		put_be32(b, i == 8 ? 0x40000000 : (lies ? i == 1 || i == 3 : i == 0 || i == 4) ? 0x10000 : 0);
	put_be32(b, width << 16);
	put_be32(b, height << 16);
	box_end(b, tkhd);
	box(b, "mdia", 300);
	box_end(b, trak);
}

static void put_movie(struct buf *b, int version, bool lies, uint32_t width, uint32_t height)
{
	size_t moov = box_start(b, "moov");

	box(b, "mvhd", 100);
	put_track(b, 0, false, 0, 0); /* the sound */
	put_track(b, version, lies, width, height);
	box(b, "udta", 0);
	box_end(b, moov);
}

enum movie_kind { INDEX_FIRST, INDEX_LAST, LARGE_DATA, FRAGMENTS };

static void mp4_whole(struct buf *b, enum movie_kind kind, uint32_t width, uint32_t height)
{
	buf_reset(b);
	put_ftyp(b, "isomiso2avc1mp41");
	if (kind != INDEX_LAST)
		put_movie(b, kind == FRAGMENTS, false, width, height);
	if (kind == LARGE_DATA) {
		put_be32(b, 1);
		buf_cstr(b, "mdat");
		put_be32(b, 0);
		put_be32(b, 16 + 70 * 1000);
		put_fill(b, 70 * 1000);
		return;
	}
	for (int i = 0; i < (kind == FRAGMENTS ? 3 : 1); i++) {
		if (kind == FRAGMENTS)
			box(b, "moof", 90);
		box(b, "mdat", 500);
	}
	box(b, "free", 0);
	if (kind == INDEX_LAST)
		put_movie(b, 0, false, width, height);
}

/* ---- checks ---- */

static struct image_probe probe_in_pieces(struct str s, size_t piece)
{
	struct image_probe p;

	image_probe_init(&p);
	for (size_t at = 0; at < s.n; at += piece) {
		/* A copy of its own size, so that the sanitizer sees a read past its end. */
		struct str part = str_sub(s, at, piece);
		char *copy = test_malloc(part.n);

		memcpy(copy, part.p, part.n);
		image_probe_feed(&p, copy, part.n);
		test_free(copy);
	}
	image_probe_end(&p);
	return p;
}

static struct image_probe probe_file(struct str s)
{
	struct image_probe p;
	int fd = memfd_create("picture", MFD_CLOEXEC), turns = 0;

	assert_int_equal(write(fd, s.p, s.n), s.n);
	image_probe_init(&p);
	while (image_probe_read(&p, fd, s.n))
		assert_true(++turns < 1000);
	close(fd);
	return p;
}

static void expect(const char *what, struct str s, enum image_type type, enum image_verdict verdict, unsigned width,
                   unsigned height, uint64_t trailing)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 13, 4096, SIZE_MAX / 2 };

	for (size_t i = 0; i <= COUNT_OF(pieces); i++) {
		struct image_probe p = i < COUNT_OF(pieces) ? probe_in_pieces(s, pieces[i]) : probe_file(s);

		if (p.type == type && p.verdict == verdict && p.width == width && p.height == height &&
		    p.trailing == trailing && p.size == s.n)
			continue;
		print_error("%s, way %zu: type %d verdict %d %ux%u trailing %llu size %llu of %zu\n", what, i,
		            (int)p.type, (int)p.verdict, p.width, p.height, (unsigned long long)p.trailing,
		            (unsigned long long)p.size, s.n);
		fail();
	}
}

static void test_whole_pictures(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4 << 20);
	png_whole(&b, 640, 480, 500);
	expect("png", buf_view(&b), IMAGE_PNG, IMAGE_WHOLE, 640, 480, 0);
	png_whole(&b, 16384, 2400, 300 * 1000);
	expect("large png", buf_view(&b), IMAGE_PNG, IMAGE_WHOLE, 16384, 2400, 0);
	buf_cstr(&b, "<script>");
	expect("png with a tail", buf_view(&b), IMAGE_PNG, IMAGE_WHOLE, 16384, 2400, 8);
	jpeg_whole(&b, 1024, 768, 1);
	expect("jpeg", buf_view(&b), IMAGE_JPEG, IMAGE_WHOLE, 1024, 768, 0);
	jpeg_whole(&b, 33, 65, 10);
	buf_cstr(&b, "tail");
	expect("progressive jpeg", buf_view(&b), IMAGE_JPEG, IMAGE_WHOLE, 33, 65, 4);
	webp_whole(&b, LOSSY, 512, 300);
	expect("lossy webp", buf_view(&b), IMAGE_WEBP, IMAGE_WHOLE, 512, 300, 0);
	webp_whole(&b, LOSSLESS, 1, 1);
	expect("tiny lossless webp", buf_view(&b), IMAGE_WEBP, IMAGE_WHOLE, 1, 1, 0);
	webp_whole(&b, EXTENDED, 2000, 1000);
	buf_cstr(&b, "12");
	expect("extended webp", buf_view(&b), IMAGE_WEBP, IMAGE_WHOLE, 2000, 1000, 2);
	gif_whole(&b, 320, 200, 3);
	expect("gif", buf_view(&b), IMAGE_GIF, IMAGE_WHOLE, 320, 200, 0);
	buf_clear(&b);
}

static void test_whole_boxes(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4 << 20);
	avif_whole(&b, "avifavifmif1miaf", 1024, 768);
	expect("avif", buf_view(&b), IMAGE_AVIF, IMAGE_WHOLE, 1024, 768, 0);
	avif_whole(&b, "mif1miafavif", 16, 48);
	expect("avif by its third brand", buf_view(&b), IMAGE_AVIF, IMAGE_WHOLE, 64, 48, 0);
	avif_whole(&b, "avismsf1iso8", 300, 200);
	expect("avif with frames", buf_view(&b), IMAGE_AVIF, IMAGE_WHOLE, 300, 200, 0);
	mp4_whole(&b, INDEX_FIRST, 1280, 720);
	expect("mp4", buf_view(&b), IMAGE_MP4, IMAGE_WHOLE, 1280, 720, 0);
	mp4_whole(&b, INDEX_LAST, 1920, 1080);
	expect("mp4, index last", buf_view(&b), IMAGE_MP4, IMAGE_WHOLE, 1920, 1080, 0);
	mp4_whole(&b, LARGE_DATA, 16, 16);
	expect("mp4, 64-bit length", buf_view(&b), IMAGE_MP4, IMAGE_WHOLE, 16, 16, 0);
	mp4_whole(&b, FRAGMENTS, 640, 360);
	expect("mp4 in fragments", buf_view(&b), IMAGE_MP4, IMAGE_WHOLE, 640, 360, 0);
	buf_reset(&b);
	put_ftyp(&b, "mp42isom");
	put_movie(&b, 0, true, 1280, 720);
	box(&b, "mdat", 10);
	expect("mp4 on its side", buf_view(&b), IMAGE_MP4, IMAGE_WHOLE, 720, 1280, 0);
	buf_clear(&b);
}

/* Every shorter version of a whole picture is cut short, and none is called whole. */
static void test_cut_short(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	for (int kind = 0; kind < 8; kind++) {
		struct str s;

		if (kind == 0)
			png_whole(&b, 64, 64, 50);
		else if (kind == 1)
			jpeg_whole(&b, 64, 64, 2);
		else if (kind < 5)
			webp_whole(&b, (enum webp_kind)(kind - 2), 64, 64);
		else if (kind == 5)
			gif_whole(&b, 64, 64, 2);
		else if (kind == 6)
			avif_whole(&b, "avifmif1", 64, 64);
		else
			mp4_whole(&b, INDEX_LAST, 64, 64);
		s = buf_view(&b);
		for (size_t n = 0; n < s.n; n++) {
			struct image_probe p = probe_in_pieces(str_sub(s, 0, n), 11), q = probe_file(str_sub(s, 0, n));

			assert_int_equal(p.verdict, n < 12 ? IMAGE_NOT_ONE : IMAGE_TRUNCATED);
			assert_int_equal(q.verdict, p.verdict);
			assert_int_equal(q.size, n);
		}
	}
	buf_clear(&b);
}

static void test_too_big(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4 << 20);
	png_whole(&b, 16385, 10, 10);
	expect("png too wide", buf_view(&b), IMAGE_PNG, IMAGE_TOO_BIG, 0, 0, 0);
	png_whole(&b, 20000, 20000, 10);
	expect("png bomb", buf_view(&b), IMAGE_PNG, IMAGE_TOO_BIG, 0, 0, 0);
	png_whole(&b, 0x7fffffff, 0x7fffffff, 10);
	expect("png of 2^31 - 1", buf_view(&b), IMAGE_PNG, IMAGE_TOO_BIG, 0, 0, 0);
	png_whole(&b, 8000, 5001, 10);
	expect("png over 40 Mpx", buf_view(&b), IMAGE_PNG, IMAGE_TOO_BIG, 0, 0, 0);
	webp_whole(&b, LOSSLESS, 16383, 16383);
	expect("34-byte webp of a GiB", buf_view(&b), IMAGE_WEBP, IMAGE_TOO_BIG, 0, 0, 0);
	webp_whole(&b, EXTENDED, 1 << 20, 3);
	expect("wide canvas", buf_view(&b), IMAGE_WEBP, IMAGE_TOO_BIG, 0, 0, 0);
	jpeg_whole(&b, 65535, 65535, 1);
	expect("jpeg", buf_view(&b), IMAGE_JPEG, IMAGE_TOO_BIG, 0, 0, 0);
	jpeg_whole(&b, 16, 16, 5000);
	expect("jpeg of 5000 scans", buf_view(&b), IMAGE_JPEG, IMAGE_TOO_BIG, 16, 16, 0);
	avif_whole(&b, "avifmif1", 20000, 1);
	expect("avif", buf_view(&b), IMAGE_AVIF, IMAGE_TOO_BIG, 64, 48, 0);
	avif_whole(&b, "avifmif1", 0xffffffff, 0xffffffff);
	expect("avif of 2^32 - 1", buf_view(&b), IMAGE_AVIF, IMAGE_TOO_BIG, 64, 48, 0);
	mp4_whole(&b, INDEX_FIRST, 16000, 16000);
	expect("mp4", buf_view(&b), IMAGE_MP4, IMAGE_TOO_BIG, 0, 0, 0);
	buf_reset(&b);
	put_ftyp(&b, "isommp41");
	for (int i = 0; i < 30000; i++)
		box(&b, "free", 0);
	expect("mp4 of 30000 boxes", buf_view(&b), IMAGE_MP4, IMAGE_TOO_BIG, 0, 0, 0);
	gif_whole(&b, 20000, 1, 1);
	expect("gif", buf_view(&b), IMAGE_GIF, IMAGE_TOO_BIG, 0, 0, 0);
	png_start(&b, 16, 16, "\x08\x02\0\0\0");
	for (int i = 0; i < 10000; i++)
		png_chunk(&b, "tEXt", STR("a\0b"));
	expect("png of 10000 chunks", buf_view(&b), IMAGE_PNG, IMAGE_TOO_BIG, 16, 16, 0);
	buf_clear(&b);
}

static void expect_broken(const char *what, struct buf *b)
{
	struct image_probe p = probe_in_pieces(buf_view(b), 5);

	if (p.verdict != IMAGE_BROKEN) {
		print_error("%s: verdict %d\n", what, (int)p.verdict);
		fail();
	}
}

static void png_with(struct buf *b, size_t at, char byte)
{
	png_whole(b, 64, 64, 20);
	b->p[b->from + at] = byte;
}

static void test_broken(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	png_with(&b, 30, 0x55);
	expect_broken("bad CRC of the header", &b);
	png_with(&b, 8 + 25, (char)0xff);
	expect_broken("chunk of 4 GiB", &b);
	png_with(&b, 8 + 25 + 4, '1');
	expect_broken("chunk without a name", &b);
	png_start(&b, 0, 5, "\x08\x02\0\0\0");
	expect_broken("width 0", &b);
	png_start(&b, 5, 5, "\x03\x02\0\0\0");
	expect_broken("bit depth 3", &b);
	png_start(&b, 5, 5, "\x08\x05\0\0\0");
	expect_broken("colour type 5", &b);
	png_start(&b, 5, 5, "\x08\x02\0\0\2");
	expect_broken("interlace method 2", &b);
	png_start(&b, 5, 5, "\x08\x02\0\0\0");
	png_chunk(&b, "IEND", (struct str){ "", 0 });
	expect_broken("no data", &b);
	buf_reset(&b);
	buf_put(&b, "\x89PNG\r\n\x1a\n", 8);
	png_chunk(&b, "IDAT", STR("0123456789"));
	buf_cstr(&b, "0123456789");
	expect_broken("no header", &b);
	jpeg_whole(&b, 0, 10, 1);
	expect_broken("jpeg of width 0", &b);
	buf_reset(&b);
	buf_put(&b, "\xff\xd8", 2);
	jpeg_scan(&b, 10);
	expect_broken("scan before frame", &b);
	buf_reset(&b);
	buf_put(&b, "\xff\xd8\xff\xe0\0\1aaaaaaaa", 14);
	expect_broken("segment of length 1", &b);
	buf_reset(&b);
	buf_put(&b, "\xff\xd8", 2);
	jpeg_frame(&b, 0xc0, 8, 8);
	buf_put(&b, "\xff\xd9", 2);
	expect_broken("frame without scan", &b);
	webp_whole(&b, EXTENDED_EMPTY, 5, 5);
	expect_broken("webp without pixels", &b);
	webp_whole(&b, LOSSY, 5, 5);
	b.p[b.from + 16] = (char)0xf0;
	expect_broken("chunk longer than RIFF", &b);
	webp_whole(&b, LOSSY, 5, 5);
	b.p[b.from + 23] = 0;
	expect_broken("no start code", &b);
	gif_whole(&b, 10, 10, 0);
	expect_broken("gif without a frame", &b);
	buf_clear(&b);
}

static void test_broken_boxes(void **state)
{
	struct buf b;
	size_t at;

	(void)state;
	buf_init(&b, 1 << 20);
	mp4_whole(&b, INDEX_FIRST, 64, 64);
	b.p[b.from + 28 + 3] = 7;
	expect_broken("box of 7 bytes", &b);
	mp4_whole(&b, LARGE_DATA, 64, 64);
	b.p[b.from + 28 + 8] = 1; /* mvhd reaches far behind moov */
	expect_broken("box longer than the one it is in", &b);
	avif_whole(&b, "avifmif1", 0, 64);
	expect_broken("avif of width 0", &b);
	buf_reset(&b);
	put_ftyp(&b, "isommp41");
	at = box_start(&b, "moov");
	put_be32(&b, 0);
	box_end(&b, at);
	box(&b, "mdat", 10);
	expect_broken("half a head inside moov", &b);
	buf_reset(&b);
	put_ftyp(&b, "isommp41");
	put_be32(&b, 0);
	buf_cstr(&b, "mdat and whatever follows");
	expect_broken("box up to the end of the file", &b);
	buf_reset(&b);
	put_ftyp(&b, "isommp41");
	put_be32(&b, 1);
	buf_put(&b, "mdat\xff\xff\xff\xff\xff\xff\xff\xff", 12);
	expect_broken("box of 2^64 - 1 bytes", &b);
	buf_clear(&b);
}

/* Nothing says that these have ended, and something is missing in each. */
static void test_parts_missing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	put_ftyp(&b, "isommp41");
	box(&b, "mdat", 100);
	expect("no index", buf_view(&b), IMAGE_MP4, IMAGE_TRUNCATED, 0, 0, 0);
	buf_reset(&b);
	put_ftyp(&b, "isommp41");
	put_movie(&b, 0, false, 64, 32);
	expect("no data", buf_view(&b), IMAGE_MP4, IMAGE_TRUNCATED, 64, 32, 0);
	box(&b, "mdat", 0);
	expect("empty data", buf_view(&b), IMAGE_MP4, IMAGE_TRUNCATED, 64, 32, 0);
	box(&b, "mdat", 5);
	expect("data in the second box", buf_view(&b), IMAGE_MP4, IMAGE_WHOLE, 64, 32, 0);
	buf_byte(&b, 0);
	expect("a byte too many", buf_view(&b), IMAGE_MP4, IMAGE_TRUNCATED, 64, 32, 0);
	buf_reset(&b);
	put_ftyp(&b, "M4A mp42");
	put_movie(&b, 0, false, 0, 0);
	box(&b, "mdat", 100);
	expect("sound only", buf_view(&b), IMAGE_MP4, IMAGE_TRUNCATED, 0, 0, 0);
	buf_reset(&b);
	put_ftyp(&b, "heicmif1heic");
	box(&b, "mdat", 100);
	expect("heic", buf_view(&b), IMAGE_UNKNOWN, IMAGE_NOT_ONE, 0, 0, 0);
	buf_clear(&b);
}

static void test_not_pictures(void **state)
{
	static const char *const texts[] = { "<svg xmlns='http://www.w3.org/2000/svg'/>",
		                             "<!doctype html><p>no picture", "{\"error\":\"quota\"} and more",
		                             "BM_a bitmap of old", "RIFF....AVI LIST" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		expect(texts[i], str_from(texts[i]), IMAGE_UNKNOWN, IMAGE_NOT_ONE, 0, 0, 0);
	expect("nothing", STR(""), IMAGE_UNKNOWN, IMAGE_NOT_ONE, 0, 0, 0);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(image_type_mime(IMAGE_JPEG), "image/jpeg");
	assert_string_equal(image_type_extension(IMAGE_JPEG), "jpg");
	assert_string_equal(image_type_mime(IMAGE_AVIF), "image/avif");
	assert_string_equal(image_type_extension(IMAGE_AVIF), "avif");
	assert_string_equal(image_type_mime(IMAGE_MP4), "video/mp4");
	assert_string_equal(image_type_extension(IMAGE_MP4), "mp4");
	assert_string_equal(image_type_mime(IMAGE_UNKNOWN), "application/octet-stream");
	for (int v = IMAGE_MORE; v <= IMAGE_TOO_BIG; v++)
		assert_true(strlen(image_verdict_text((enum image_verdict)v)) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_pictures), cmocka_unit_test(test_whole_boxes),
		cmocka_unit_test(test_cut_short),      cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_broken),         cmocka_unit_test(test_broken_boxes),
		cmocka_unit_test(test_parts_missing),  cmocka_unit_test(test_not_pictures),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
