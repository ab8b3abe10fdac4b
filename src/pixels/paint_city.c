/*
 * A skyline in three rows, the nearest the darkest and the tallest; windows are lit after dark.
 */
#include <math.h>

#include "pixels/paint.h"

struct house {
	float left, right, top, ground;
	struct colour wall;
};

static void house_windows(struct canvas *c, struct plan *p, struct dice *d, const struct house *h, float near)
{
	float unit = paint_unit(c), cell = maxf(unit * mixf(0.008f, 0.014f, near), 3);
	bool dark = p->time != DAY;
	float lit = p->time == NIGHT ? 0.5f : p->time == DAY ? 0 : 0.28f;
	int columns = (int)((h->right - h->left) / cell) - 1, rows = (int)((h->ground - h->top) / (cell * 1.3f)) - 1;

	for (int j = 0; j < rows; j++) {
		for (int i = 0; i < columns; i++) {
			float x = h->left + cell * ((float)i + 0.8f), y = h->top + cell * 1.3f * ((float)j + 0.7f);
			struct colour k = colour_scale(h->wall, dark ? 0.8f : 1.18f);
			float throw = dice_unit(d);

			if (throw < lit)
				k = colour_mix(colour_hsv(dice_range(d, 30, 55), dice_range(d, 0.3f, 0.65f), 1),
				               h->wall, dice_range(d, 0.05f, 0.5f));
			fill_rect(c, x, y, x + cell * 0.5f, y + cell * 0.72f, k, 0.9f);
		}
	}
}

static void house_roof(struct canvas *c, struct dice *d, const struct house *h)
{
	float wide = h->right - h->left, middle = (h->left + h->right) / 2;
	unsigned kind = dice_below(d, 6);

	if (kind == 0) {
		const struct point gable[3] = { { h->left, h->top + 1 },
			                        { middle, h->top - wide * 0.6f },
			                        { h->right, h->top + 1 } };

		fill_polygon(c, gable, 3, h->wall, 1);
	} else if (kind == 1) {
		fill_rect(c, h->left + wide * 0.22f, h->top - wide * 0.35f, h->right - wide * 0.22f, h->top + 1,
		          h->wall, 1);
		draw_line(c, middle, h->top - wide * 1.1f, middle, h->top - wide * 0.3f, maxf(wide * 0.03f, 0.8f),
		          h->wall, 1);
	} else if (kind == 2) {
		const struct point slope[4] = { { h->left, h->top + 1 },
			                        { h->left, h->top - wide * 0.45f },
			                        { h->right, h->top - wide * 0.1f },
			                        { h->right, h->top + 1 } };

		fill_polygon(c, slope, 4, h->wall, 1);
	} else if (kind == 3) {
		draw_line(c, middle, h->top - wide * 0.6f, middle, h->top, maxf(wide * 0.03f, 0.8f), h->wall, 1);
	}
}

void paint_city(struct canvas *c, struct plan *p, float ground)
{
	float unit = paint_unit(c);

	for (int row = 0; row < 3; row++) {
		float near = (float)row / 2, x = -unit * 0.05f;
		struct colour base = colour_mix(p->palette.far, p->palette.near, 0.15f + 0.8f * near);
		struct dice d = { dice_next(&p->dice) };
		float middle = dice_range(&d, 0.25f, 0.75f) * (float)c->width;

		base = colour_mix(base, p->palette.low, 0.3f * (1 - near));
		while (x < (float)c->width) {
			float wide = unit * mixf(0.045f, 0.085f, near) * dice_range(&d, 0.7f, 1.7f);
			float centre = expf(-powf((x - middle) / (unit * 0.42f), 2));
			float tall = unit * (0.07f + dice_unit(&d) * 0.16f + centre * dice_range(&d, 0.1f, 0.34f)) *
			             mixf(1.15f, 0.85f, near);
			struct house h = {
				.left = x,
				.right = x + wide,
				.top = ground - tall,
				.ground = ground + unit * 0.002f,
				.wall = colour_scale(base, dice_range(&d, 0.82f, 1.12f)),
			};

			fill_rect(c, h.left, h.top, h.right, h.ground, h.wall, 1);
			house_roof(c, &d, &h);
			house_windows(c, p, &d, &h, near);
			x += wide + unit * dice_range(&d, -0.006f, 0.02f);
		}
	}
}
