#pragma once
/*
 * image_probe - what kind of picture these bytes are, how large, and whether they are all there.
 *
 * Walks the structure of PNG, JPEG, WEBP, GIF, AVIF and MP4 without decoding a pixel: type and
 * dimensions come from the headers, and a picture counts as whole only when its end marker (IEND,
 * EOI, the size in RIFF, the GIF trailer) was met. AVIF and MP4 have none: they are whole when the bytes end
 * exactly where a box ends and nothing is missing, which only image_probe_end can say. Names and claimed types play no
 * part.
 *
 *   image_probe_init -> image_probe_feed … -> image_probe_end
 *
 * Bytes may come in pieces of any size and are never kept: the state is a few dozen bytes.
 * Bytes behind the end marker are counted, not judged.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/str.h"

enum image_type { IMAGE_UNKNOWN, IMAGE_PNG, IMAGE_JPEG, IMAGE_WEBP, IMAGE_GIF, IMAGE_AVIF, IMAGE_MP4 };

enum image_verdict {
	IMAGE_MORE, /* fine so far; the end was not met yet */
	IMAGE_WHOLE,
	IMAGE_NOT_ONE,   /* none of these types */
	IMAGE_BROKEN,    /* the structure is wrong */
	IMAGE_TRUNCATED, /* ends before its end marker; from image_probe_end only */
	IMAGE_TOO_BIG    /* more than 40 Mpx, 16,384 a side, or an absurd number of parts */
};

enum { IMAGE_SIDE_MAX = 16384, IMAGE_PIXELS_MAX = 40 * 1000 * 1000, IMAGE_PROBE_PIECE = 64 * 1024 };

struct image_probe {
	enum image_type type;
	enum image_verdict verdict;
	unsigned width, height; /* 0 until the header was read */
	uint64_t size;          /* bytes seen */
	uint64_t trailing;      /* of these, behind the end marker */
	/* private */
	uint8_t step;
	bool has_pixels;
	uint8_t held, want; /* gathered so far, needed for the next step */
	uint8_t hold[44];
	uint32_t parts; /* chunks, segments, blocks */
	uint32_t scans;
	uint64_t skip; /* bytes to pass over before the next step */
	uint64_t end;  /* WEBP: where RIFF says it ends; AVIF, MP4: where `ftyp` does */
	/* AVIF, MP4 */
	uint8_t depth, open[3]; /* the boxes that we are in */
	uint64_t ends[3];       /* and where they end */
	uint64_t box;           /* bytes of the box that is read */
};

void image_probe_init(struct image_probe *p);
/* Once the verdict is not MORE it stays; only sizes are counted then. */
enum image_verdict image_probe_feed(struct image_probe *p, const void *bytes, size_t n);
/* No more bytes will come: MORE becomes NOT_ONE or TRUNCATED. */
enum image_verdict image_probe_end(struct image_probe *p);

/* One pread of at most IMAGE_PROBE_PIECE from a file, jumping over what need not be read. True: call again.
 * False: p->verdict is final. `size` is that of the file. */
MUST_CHECK bool image_probe_read(struct image_probe *p, int fd, uint64_t size);

const char *image_type_mime(enum image_type type); /* "application/octet-stream" when unknown */
const char *image_type_extension(
	enum image_type type); /* "png", "jpg", "webp", "gif", "avif", "mp4"; "" when unknown */
const char *image_verdict_text(enum image_verdict verdict);
