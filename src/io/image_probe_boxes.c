/*
 * AVIF and MP4: files of boxes (ISO base media), each a length and a name, some of them full of boxes again.
 *
 *   BRAND ⟲ until the end of `ftyp` -> HEAD ⟲, with LARGE for a length of 64 bits;
 *   inside moov/trak: tkhd (TRACK, TRACK_SIZE); inside meta/iprp/ipco: ispe (EXTENT); everything else is passed over
 *
 * There is no end marker. Such a file is whole when it ends exactly where a box at the top ends, with
 * dimensions and data met: a movie whose index stands behind the data is never whole without it. A box
 * "up to the end of the file" is refused: it is what a writer that was interrupted leaves behind.
 *
 * Several tracks, or several extents of one picture (tiles, a thumbnail): the largest counts.
 *
 * Invariants
 *  1. ends[] holds where the open boxes end, each within the one before it; a box that passes its parent's end is broken.
 *  2. Depth is at most 3, because only boxes of the table open a level, each only in its own parent.
 */
#include <string.h>

#include "io/image_probe_priv.h"

enum {
	BOXES_MAX = 20 * 1000,
	BRANDS_MAX = 4096, /* bytes of ftyp */
	TRACK_BYTES_0 = 84,
	TRACK_BYTES_1 = 96,
	MATRIX_AND_SIZE = 44
};

/* The boxes that are walked into: whose child, and how many bytes before the first child. */
static const struct level {
	char name[5], parent[5];
	uint8_t before;
} levels[] = {
	{ "moov", "", 0 }, { "trak", "moov", 0 }, { "meta", "", 4 }, { "iprp", "meta", 0 }, { "ipco", "iprp", 0 },
};
enum { LEVELS = sizeof(levels) / sizeof(levels[0]) };

static bool name_is(const uint8_t *name, const char *wanted)
{
	return memcmp(name, wanted, 4) == 0;
}

static void broken(struct image_probe *p)
{
	probe_end_with(p, IMAGE_BROKEN);
}

/* ---- ftyp: what the file says it is ---- */

static void judge_brand(struct image_probe *p, const uint8_t *brand)
{
	static const char movies[][5] = {
		"isom", "mp41", "mp42", "avc1", "av01", "hvc1", "dash", "M4V ", "MSNV", "mmp4"
	};

	if (name_is(brand, "avif") || name_is(brand, "avis"))
		p->type = IMAGE_AVIF;
	if (p->type != IMAGE_UNKNOWN)
		return;
	if (memcmp(brand, "iso", 3) == 0 && brand[3] >= '2' && brand[3] <= '9')
		p->type = IMAGE_MP4;
	for (size_t i = 0; i < sizeof(movies) / sizeof(movies[0]); i++)
		if (name_is(brand, movies[i]))
			p->type = IMAGE_MP4;
}

/* All brands have been heard. */
static void brands_over(struct image_probe *p)
{
	if (p->type == IMAGE_UNKNOWN)
		probe_end_with(p, IMAGE_NOT_ONE);
	else
		probe_next(p, BOX_HEAD, 8);
}

bool probe_boxes_sniff(struct image_probe *p)
{
	uint32_t bytes = probe_be32(p->hold);

	if (!name_is(p->hold + 4, "ftyp") || bytes < 16 || bytes > BRANDS_MAX || bytes % 4 != 0)
		return false;
	judge_brand(p, p->hold + 8);
	p->end = bytes;
	p->skip = 4; /* the brand's version */
	probe_next(p, BOX_BRAND, bytes > 16 ? 4 : 0);
	return true;
}

static void brand_read(struct image_probe *p, uint64_t at)
{
	if (p->want > 0)
		judge_brand(p, p->hold);
	if (at == p->end)
		brands_over(p);
	else
		probe_next(p, BOX_BRAND, 4);
}

/* ---- boxes ---- */

static const struct level *level_of(const struct image_probe *p, const uint8_t *name)
{
	const char *parent = p->depth > 0 ? levels[p->open[p->depth - 1]].name : "";

	if (p->type == IMAGE_MP4 && name_is(name, "meta")) /* of a film: not always in the form that we know */
		return NULL;
	for (size_t i = 0; i < LEVELS; i++)
		if (name_is(name, levels[i].name) && strcmp(parent, levels[i].parent) == 0)
			return &levels[i];
	return NULL;
}

static bool is_inside(const struct image_probe *p, const char *parent)
{
	return p->depth > 0 && strcmp(levels[p->open[p->depth - 1]].name, parent) == 0;
}

static void pass_over(struct image_probe *p, uint64_t bytes)
{
	p->skip = bytes;
	probe_next(p, BOX_HEAD, 8);
}

static void open_level(struct image_probe *p, const struct level *level, uint64_t at, uint64_t content)
{
	if (content < level->before) {
		broken(p);
		return;
	}
	p->open[p->depth] = (uint8_t)(level - levels);
	p->ends[p->depth++] = at + content;
	pass_over(p, level->before);
}

/* Its head has been read: `name` it is, and so many bytes follow. */
static void box_begins(struct image_probe *p, const uint8_t *name, uint64_t at, uint64_t content)
{
	const struct level *level = level_of(p, name);

	if (content > UINT64_MAX / 2 || (p->depth > 0 && at + content > p->ends[p->depth - 1])) {
		broken(p);
		return;
	}
	if (level) {
		open_level(p, level, at, content);
		return;
	}
	if (is_inside(p, "trak") && name_is(name, "tkhd")) {
		p->box = content;
		probe_next(p, BOX_TRACK, 4);
		return;
	}
	if (is_inside(p, "ipco") && name_is(name, "ispe")) {
		p->box = content;
		probe_next(p, BOX_EXTENT, 12);
		return;
	}
	if ((p->depth == 0 && name_is(name, "mdat")) || (is_inside(p, "meta") && name_is(name, "idat")))
		p->has_pixels |= content > 0;
	pass_over(p, content);
}

static void box_head(struct image_probe *p, uint64_t at)
{
	uint32_t bytes = probe_be32(p->hold);

	while (p->depth > 0 && at - 8 == p->ends[p->depth - 1])
		p->depth--;
	if (!probe_count_part(p, BOXES_MAX))
		return;
	if (p->depth > 0 && at > p->ends[p->depth - 1]) {
		broken(p);
	} else if (bytes == 1) {
		p->step = BOX_LARGE; /* the name stays in hold[4] */
		p->want = 16;
	} else if (bytes < 8) {
		broken(p);
	} else {
		box_begins(p, p->hold + 4, at, bytes - 8);
	}
}

static void box_large(struct image_probe *p, uint64_t at)
{
	uint64_t bytes = (uint64_t)probe_be32(p->hold + 8) << 32 | probe_be32(p->hold + 12);

	if (bytes < 16)
		broken(p);
	else
		box_begins(p, p->hold + 4, at, bytes - 16);
}

/* ---- dimensions ---- */

static void consider_size(struct image_probe *p, uint64_t width, uint64_t height)
{
	if (width * height > (uint64_t)p->width * p->height)
		(void)probe_set_dimensions(p, width, height);
}

static void track(struct image_probe *p)
{
	uint64_t expected = p->hold[0] == 0 ? TRACK_BYTES_0 : TRACK_BYTES_1;

	if (p->hold[0] > 1 || p->box != expected) {
		broken(p);
		return;
	}
	p->skip = expected - 4 - MATRIX_AND_SIZE;
	probe_next(p, BOX_TRACK_SIZE, MATRIX_AND_SIZE);
}

/* Whole pixels of two numbers with 16 binary places; a matrix without a diagonal turns the picture on its side. A track
 * of sound has no size. */
static void track_size(struct image_probe *p)
{
	uint32_t width = probe_be16(p->hold + 36), height = probe_be16(p->hold + 40);
	bool lies = probe_be32(p->hold) == 0 && probe_be32(p->hold + 16) == 0 && probe_be32(p->hold + 4) != 0;

	probe_next(p, BOX_HEAD, 8);
	consider_size(p, lies ? height : width, lies ? width : height);
}

static void extent(struct image_probe *p)
{
	uint32_t width = probe_be32(p->hold + 4), height = probe_be32(p->hold + 8);

	if (p->box != 12 || width == 0 || height == 0) {
		broken(p);
		return;
	}
	probe_next(p, BOX_HEAD, 8);
	consider_size(p, width, height);
}

/* ---- the machine ---- */

void probe_boxes_step(struct image_probe *p, uint64_t at)
{
	switch (p->step) {
	case BOX_BRAND: brand_read(p, at); break;
	case BOX_HEAD: box_head(p, at); break;
	case BOX_LARGE: box_large(p, at); break;
	case BOX_TRACK: track(p); break;
	case BOX_TRACK_SIZE: track_size(p); break;
	default: extent(p); break;
	}
}

enum image_verdict probe_boxes_end(const struct image_probe *p)
{
	bool at_an_end = p->step == BOX_HEAD && p->held == 0 && p->skip == 0;

	for (unsigned i = 0; i < p->depth; i++)
		at_an_end = at_an_end && p->ends[i] == p->size;
	return at_an_end && p->width > 0 && p->has_pixels ? IMAGE_WHOLE : IMAGE_TRUNCATED;
}
