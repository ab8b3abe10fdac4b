#pragma once
/*
 * pictures - real, small files of one colour: PNG, JPEG (grey) and WebP of any size, made from nothing.
 */
#include <stdint.h>

#include "base/buf.h"
#include "imago/provider.h"

enum { PICTURE_BYTES_MAX = 4 << 20, PICTURE_SIDE_MAX = 16384 };

/* rgb: 0xRRGGBB. The sides must be 1 to PICTURE_SIDE_MAX. */
void picture_make(struct buf *out, enum imago_format format, unsigned width, unsigned height, uint32_t rgb);
