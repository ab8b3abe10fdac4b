#pragma once
/*
 * text - a text drawn into a mask: how much ink each pixel has, 0..255.
 *
 * By Pango through libvips, so every script of the installed fonts works, in both directions.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct mask {
	int width, height;
	uint8_t *ink;
};

/* Lines are broken at `width` pixels; 0: one line. False: there is nothing to see in it. */
bool text_render(struct str text, int font_pixels, bool bold, int width, struct mask *out);
void mask_clear(struct mask *m);

/* What can be drawn: without control and direction characters, without line breaks, single blanks. At most
 * `most` code points, and *cut says whether that was not all. `text` is valid UTF-8. */
void text_tidy(struct str text, size_t most, struct buf *out, bool *cut);

/* Opens the fonts of the commonest scripts, in the weights that are used. */
void text_warm_up(void);
