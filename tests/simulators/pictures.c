/*
 * Pictures of one colour compress to almost nothing, so each format's shortest legal form is written
 * by hand and no encoder is needed:
 *
 *   PNG    a palette of one entry; the pixels are zeros, deflated as one literal and runs of 258
 *   JPEG   grey, every block but the first says "no difference": two bits
 *   WebP   lossless; each of the five codes has one symbol, so a pixel takes no bit at all
 */
#include "base/check.h"
#include "base/hash.h"
#include "pictures.h"

/* ---- bits ---- */

struct bits {
	struct buf *out;
	uint64_t held;
	unsigned n;
};

/* Lowest bit first, as deflate and VP8L have it. */
static void put_low(struct bits *b, uint32_t value, unsigned n)
{
	b->held |= (uint64_t)value << b->n;
	b->n += n;
	for (; b->n >= 8; b->n -= 8, b->held >>= 8)
		buf_byte(b->out, (char)(b->held & 0xFF));
}

static void end_low(struct bits *b)
{
	if (b->n > 0)
		put_low(b, 0, 8 - b->n);
}

/* Highest bit first, with a zero after 0xFF, as JPEG has it. */
static void put_high(struct bits *b, uint32_t value, unsigned n)
{
	b->held = b->held << n | value;
	b->n += n;
	for (; b->n >= 8; b->n -= 8) {
		unsigned char byte = (unsigned char)(b->held >> (b->n - 8));

		buf_byte(b->out, (char)byte);
		if (byte == 0xFF)
			buf_byte(b->out, 0);
	}
	b->held &= 0xFF;
}

static void end_high(struct bits *b)
{
	if (b->n > 0)
		put_high(b, (1u << (8 - b->n)) - 1, 8 - b->n);
}

static void put_be(struct buf *out, uint32_t value, unsigned bytes)
{
	while (bytes-- > 0)
		buf_byte(out, (char)(value >> (8 * bytes) & 0xFF));
}

/* ---- PNG ---- */

static void png_chunk(struct buf *out, const char *type, struct str data)
{
	size_t from;

	put_be(out, (uint32_t)data.n, 4);
	from = buf_len(out);
	buf_cstr(out, type);
	buf_str(out, data);
	put_be(out, crc32_of(str_skip(buf_view(out), from)), 4);
}

/* n zeros as a zlib stream of one block with the fixed codes. */
static void deflate_zeros(struct buf *out, uint32_t n)
{
	struct bits b = { .out = out };
	uint32_t runs = (n - 1) / 258, rest = (n - 1) % 258;

	put_be(out, 0x7801, 2);
	put_low(&b, 3, 3);    /* last block, fixed codes */
	put_low(&b, 0x0C, 8); /* literal 0: 00110000, first bit first */
	for (uint32_t i = 0; i < runs; i++)
		put_low(&b, 0xA3, 13); /* length 258: 11000101; distance 1: 00000 */
	for (uint32_t i = 0; i < rest; i++)
		put_low(&b, 0x0C, 8);
	put_low(&b, 0, 7);
	end_low(&b);
	put_be(out, (n % 65521) << 16 | 1, 4);
}

static void make_png(struct buf *out, unsigned width, unsigned height, uint32_t rgb)
{
	struct buf data;

	buf_put(out, "\x89PNG\r\n\x1a\n", 8);
	buf_init(&data, PICTURE_BYTES_MAX);
	put_be(&data, width, 4);
	put_be(&data, height, 4);
	put_be(&data, 0x08030000, 4); /* 8 bits, palette */
	buf_byte(&data, 0);
	png_chunk(out, "IHDR", buf_view(&data));
	buf_reset(&data);
	put_be(&data, rgb, 3);
	png_chunk(out, "PLTE", buf_view(&data));
	buf_reset(&data);
	deflate_zeros(&data, (width + 1) * height);
	png_chunk(out, "IDAT", buf_view(&data));
	png_chunk(out, "IEND", STR(""));
	buf_clear(&data);
}

/* ---- JPEG ---- */

/* The first block's difference: how many bits, then the bits. */
static void put_difference(struct bits *b, int value, unsigned size)
{
	put_high(b, 2, 2);
	put_high(b, (uint32_t)(value > 0 ? value : value + (1 << size) - 1), size);
}

static void make_jpeg(struct buf *out, unsigned width, unsigned height, uint32_t rgb)
{
	int grey = (int)((rgb >> 16 & 0xFF) + (rgb >> 8 & 0xFF) + (rgb & 0xFF)) / 3 - 128;
	uint32_t blocks = ((width + 7) / 8) * ((height + 7) / 8);
	unsigned size = 0;
	struct bits b = { .out = out };

	for (int n = grey < 0 ? -grey : grey; n > 0; n >>= 1)
		size++;
	buf_put(out, "\xFF\xD8\xFF\xE0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00", 20);
	put_be(out, 0xFFDB0043, 4);
	for (unsigned i = 0; i < 65; i++)
		buf_byte(out, i == 0 ? 0 : 8);
	put_be(out, 0xFFC0000B, 4);
	buf_byte(out, 8);
	put_be(out, height, 2);
	put_be(out, width, 2);
	put_be(out, 0x01011100, 4);
	/* differences: '0' none, '10' of `size` bits (15, never used, when there is none) */
	put_be(out, 0xFFC40015, 4);
	buf_byte(out, 0x00);
	buf_put(out, "\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	buf_byte(out, 0);
	buf_byte(out, (char)(size > 0 ? size : 11));
	/* the rest of a block: '0' end */
	put_be(out, 0xFFC40014, 4);
	buf_byte(out, 0x10);
	buf_put(out, "\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	buf_byte(out, 0);
	buf_put(out, "\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00", 10);
	for (uint32_t i = 0; i < blocks; i++) {
		if (i == 0 && size > 0)
			put_difference(&b, grey, size);
		else
			put_high(&b, 0, 1);
		put_high(&b, 0, 1);
	}
	end_high(&b);
	put_be(out, 0xFFD9, 2);
}

/* ---- WebP ---- */

static void put_symbol(struct bits *b, uint32_t symbol)
{
	put_low(b, 5, 3); /* simple, one symbol, of eight bits */
	put_low(b, symbol, 8);
}

static void put_le32(struct buf *out, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		buf_byte(out, (char)(value >> (8 * i) & 0xFF));
}

static void make_webp(struct buf *out, unsigned width, unsigned height, uint32_t rgb)
{
	struct buf data;
	struct bits b = { .out = &data };

	buf_init(&data, 4096);
	buf_byte(&data, 0x2F);
	put_low(&b, width - 1, 14);
	put_low(&b, height - 1, 14);
	put_low(&b, 0, 4); /* no alpha, version 0 */
	put_low(&b, 0, 3); /* no transform, no colour cache, one code group */
	put_symbol(&b, rgb >> 8 & 0xFF);
	put_symbol(&b, rgb >> 16 & 0xFF);
	put_symbol(&b, rgb & 0xFF);
	put_symbol(&b, 0xFF);
	put_symbol(&b, 0);
	end_low(&b);
	buf_cstr(out, "RIFF");
	put_le32(out, (uint32_t)(12 + buf_len(&data) + (buf_len(&data) & 1)));
	buf_cstr(out, "WEBPVP8L");
	put_le32(out, (uint32_t)buf_len(&data));
	buf_str(out, buf_view(&data));
	if (buf_len(&data) & 1)
		buf_byte(out, 0);
	buf_clear(&data);
}

void picture_make(struct buf *out, enum imago_format format, unsigned width, unsigned height, uint32_t rgb)
{
	CHECK(width >= 1 && width <= PICTURE_SIDE_MAX && height >= 1 && height <= PICTURE_SIDE_MAX);
	CHECK(format < IMAGO_FORMATS);
	switch (format) {
	case IMAGO_PNG: make_png(out, width, height, rgb); break;
	case IMAGO_JPEG: make_jpeg(out, width, height, rgb); break;
	case IMAGO_WEBP: make_webp(out, width, height, rgb); break;
	case IMAGO_FORMATS: break;
	}
}
