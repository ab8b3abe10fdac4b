/*
 * White text on panels that are dark and nearly opaque: even over a white sky what shows through
 * leaves a contrast of more than 7 to 1 (WCAG level AAA).
 *
 * A long prompt is cut, with an ellipsis, to what fits into a quarter of the height: the number
 * of characters is estimated first, so that four thousand of them are never laid out, and then
 * lowered until the drawn text fits.
 */
#include "pixels/caption.h"

#include <math.h>

#include "base/buf.h"
#include "pixels/paint.h"
#include "pixels/text.h"

enum { TEXT_MAX = 32 * 1024, FITS_MAX = 10, FONT_MIN = 8, FONT_MAX = 96 };

static const float panel_alpha = 0.84f, luminance_max = 0.012f;

/* The nearest ground's colour, made dark enough. */
static struct colour panel_colour(const struct plan *p)
{
	struct colour k = colour_mix(p->palette.near, (struct colour){ 0.04f, 0.05f, 0.09f }, 0.5f);

	while (colour_luminance(k) > luminance_max)
		k = colour_scale(k, 0.9f);
	return k;
}

static void mask_print(struct canvas *c, const struct mask *m, int x, int y, struct colour ink)
{
	for (int j = 0; j < m->height; j++) {
		for (int i = 0; i < m->width; i++) {
			uint8_t amount = m->ink[(size_t)j * (size_t)m->width + (size_t)i];

			if (amount && x + i >= 0 && x + i < c->width && y + j >= 0 && y + j < c->height)
				pixel_blend(canvas_at(c, x + i, y + j), ink, (float)amount / 255.0f);
		}
	}
}

/* At most `most` characters of the prompt, with an ellipsis where some are missing. */
static bool prompt_render(struct str prompt, size_t most, int font, int width, struct mask *m, bool *cut)
{
	struct buf text;
	bool drawn;

	buf_init(&text, TEXT_MAX);
	text_tidy(prompt, most, &text, cut);
	if (*cut)
		buf_cstr(&text, "…");
	drawn = !text.overflowed && text_render(buf_view(&text), font, false, width, m);
	buf_clear(&text);
	return drawn;
}

/* Between what fits and what does not, starting with what does for letters of ordinary width. */
static bool prompt_fit(struct str prompt, int font, int width, int height, struct mask *m)
{
	size_t likely = (size_t)((float)width / ((float)font * 0.58f) + 1) *
	                (size_t)((float)height / ((float)font * 1.4f) + 1);
	size_t fits = 0, too_many = likely * 3, next = likely;
	struct mask mask;
	bool cut;

	*m = (struct mask){ .ink = NULL };
	for (int i = 0; i < FITS_MAX && too_many - fits > 1 + likely / 24; i++) {
		if (!prompt_render(prompt, next, font, width, &mask, &cut))
			break;
		if (mask.height > height || mask.width > width + 1) {
			mask_clear(&mask);
			too_many = next;
			next = fits ? (fits + too_many) / 2 : too_many * 4 / 5;
			continue;
		}
		mask_clear(m);
		*m = mask;
		if (!cut)
			break;
		fits = next;
		next = too_many > likely * 2 ? fits * 9 / 8 + 1 : (fits + too_many) / 2;
	}
	return m->ink != NULL;
}

static struct box prompt_paint(struct canvas *c, const struct plan *p, struct str prompt)
{
	float side = sqrtf((float)c->width * (float)c->height);
	int font = (int)clampf(minf(side / 30, (float)c->width / 14), FONT_MIN, FONT_MAX);
	int margin = font * 2 / 3, pad = font * 4 / 5, most = c->height * 24 / 100;
	struct box b = { .width = 0 };
	struct mask m;

	if (prompt.n > 240)
		font = (int)clampf((float)font * 0.8f, FONT_MIN, FONT_MAX);
	if (most < font * 2)
		most = font * 2;
	if (!prompt_fit(prompt, font, c->width - 2 * (margin + pad), most, &m))
		return b;
	b.width = c->width - 2 * margin;
	b.height = m.height + 2 * pad;
	b.x = margin;
	b.y = c->height - margin - b.height;
	fill_panel(c, (float)b.x, (float)b.y, (float)(b.x + b.width), (float)(b.y + b.height), (float)font * 0.7f,
	           panel_colour(p), panel_alpha);
	mask_print(c, &m, b.x + pad, b.y + pad, (struct colour){ 1, 1, 1 });
	mask_clear(&m);
	return b;
}

static struct box label_paint(struct canvas *c, const struct plan *p)
{
	float side = sqrtf((float)c->width * (float)c->height);
	int font = (int)clampf(minf(side / 46, (float)c->width / 16), FONT_MIN, FONT_MAX), margin = font,
	    pad = font * 3 / 5;
	struct box b = { .width = 0 };
	struct mask m;

	if (!text_render(STR("demo · imago"), font, true, 0, &m))
		return b;
	if (m.width + 2 * (pad + 2) > c->width) {
		mask_clear(&m);
		if (!text_render(STR("demo"), font, true, 0, &m))
			return b;
	}
	if (m.width + 2 * (margin + pad) > c->width)
		margin = 2;
	b.width = m.width + 2 * pad;
	b.height = m.height + 2 * pad;
	b.x = c->width - margin - b.width;
	b.y = margin;
	fill_panel(c, (float)b.x, (float)b.y, (float)(b.x + b.width), (float)(b.y + b.height), (float)b.height / 2,
	           panel_colour(p), panel_alpha);
	mask_print(c, &m, b.x + pad, b.y + pad, (struct colour){ 1, 1, 1 });
	mask_clear(&m);
	return b;
}

struct caption paint_caption(struct canvas *c, const struct plan *p, struct str prompt)
{
	struct caption caption;

	caption.panel = prompt_paint(c, p, prompt);
	caption.label = label_paint(c, p);
	return caption;
}
