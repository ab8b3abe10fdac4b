/*
 * The simulator's pictures are pictures: libvips decodes each, without a warning, to its size and colour.
 */
#include <stdio.h>

#include <vips/vips.h>

#include "base/check.h"
#include "pictures.h"

static const struct {
	unsigned width, height;
	uint32_t rgb;
} cases[] = {
	{ 1024, 1024, 0x000000 }, { 1408, 768, 0xFFFFFF }, { 1, 1, 0x808080 },     { 9, 17, 0x336699 },
	{ 896, 1280, 0x818181 },  { 257, 1, 0x7F7F7F },    { 16383, 3, 0xFE0102 },
};

/* The colour's brightness, as the mean over all bands has it. */
static double mean_of(uint32_t rgb)
{
	return ((rgb >> 16 & 0xFF) + (rgb >> 8 & 0xFF) + (rgb & 0xFF)) / 3.0;
}

static bool is_right(struct str bytes, unsigned width, unsigned height, uint32_t rgb)
{
	VipsImage *image = vips_image_new_from_buffer(bytes.p, bytes.n, "", "fail_on", VIPS_FAIL_ON_WARNING, NULL);
	double mean = -1;
	bool ok;

	if (!image)
		return false;
	ok = vips_avg(image, &mean, NULL) == 0 && image->Xsize == (int)width && image->Ysize == (int)height;
	g_object_unref(image);
	return ok && mean > mean_of(rgb) - 1.01 && mean < mean_of(rgb) + 1.01;
}

int main(int argc, char **argv)
{
	int wrong = 0;

	(void)argc;
	if (VIPS_INIT(argv[0]))
		return 1;
	for (unsigned f = 0; f < IMAGO_FORMATS; f++) {
		for (size_t i = 0; i < COUNT_OF(cases); i++) {
			struct buf bytes;

			buf_init(&bytes, PICTURE_BYTES_MAX);
			picture_make(&bytes, (enum imago_format)f, cases[i].width, cases[i].height, cases[i].rgb);
			if (bytes.overflowed ||
			    !is_right(buf_view(&bytes), cases[i].width, cases[i].height, cases[i].rgb)) {
				fprintf(stderr, "format %u, %ux%u: %s\n", f, cases[i].width, cases[i].height,
				        vips_error_buffer());
				wrong++;
			}
			buf_clear(&bytes);
		}
	}
	vips_shutdown();
	return wrong > 0;
}
