#pragma once
/*
 * image_probe, inside - what the walk (image_probe.c) shares with the types that are made of boxes
 * (image_probe_boxes.c).
 */
#include "io/image_probe.h"

enum probe_step {
	SNIFF,
	PNG_CHUNK,
	PNG_HEADER,
	PNG_END,
	JPEG_MARKER,
	JPEG_LENGTH,
	JPEG_FRAME,
	JPEG_SCAN,
	WEBP_FIRST,
	WEBP_LONG,
	WEBP_CHUNK,
	GIF_SCREEN,
	GIF_BLOCK,
	GIF_LABEL,
	GIF_FRAME,
	GIF_SUB,
	BOX_BRAND,
	BOX_HEAD,
	BOX_LARGE,
	BOX_TRACK,
	BOX_TRACK_SIZE,
	BOX_EXTENT
};

static inline uint32_t probe_be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t probe_be32(const uint8_t *p)
{
	return probe_be16(p) << 16 | probe_be16(p + 2);
}

/* The next step, and how many bytes it wants. */
void probe_next(struct image_probe *p, enum probe_step step, uint8_t want);
void probe_end_with(struct image_probe *p, enum image_verdict verdict);
bool probe_set_dimensions(struct image_probe *p, uint64_t width, uint64_t height);
bool probe_count_part(struct image_probe *p, uint32_t most);

/* The first twelve bytes are in `hold`. False: this is no file of boxes. */
bool probe_boxes_sniff(struct image_probe *p);
/* A step from BOX_BRAND on; `at`: how many bytes of the file were consumed. */
void probe_boxes_step(struct image_probe *p, uint64_t at);
/* No more bytes will come. */
enum image_verdict probe_boxes_end(const struct image_probe *p);
