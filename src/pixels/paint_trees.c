/*
 * Plants, as silhouettes: enough of them make a forest.
 */
#include <math.h>

#include "pixels/paint.h"

enum { TIERS_MAX = 9 };

/* Tiers that grow downwards, each a little ragged; left and right are thrown apart. */
void paint_spruce(struct canvas *c, struct dice *d, float x, float ground, float tall, struct colour k)
{
	struct point p[TIERS_MAX * 4 + 3];
	int tiers = 5 + (int)dice_below(d, TIERS_MAX - 4), n = 0;
	float wide = tall * dice_range(d, 0.17f, 0.25f), trunk = tall * 0.018f;

	p[n++] = (struct point){ x, ground - tall };
	for (int i = 1; i <= tiers; i++) {
		float t = (float)i / (float)tiers, y = ground - tall * (1 - t * 0.93f);
		float out = wide * t * dice_range(d, 0.85f, 1.1f);

		p[n++] = (struct point){ x + out, y + tall * 0.012f };
		p[n++] = (struct point){ x + out * 0.52f, y - tall * 0.008f };
	}
	p[n++] = (struct point){ x + trunk, ground };
	p[n++] = (struct point){ x - trunk, ground };
	for (int i = tiers; i >= 1; i--) {
		float t = (float)i / (float)tiers, y = ground - tall * (1 - t * 0.93f);
		float out = wide * t * dice_range(d, 0.85f, 1.1f);

		p[n++] = (struct point){ x - out * 0.52f, y - tall * 0.008f };
		p[n++] = (struct point){ x - out, y + tall * 0.012f };
	}
	fill_polygon(c, p, n, k, 1);
}

/* A round crown of many blobs, darker below, lighter above. */
void paint_tree(struct canvas *c, struct dice *d, float x, float ground, float tall, struct colour trunk,
                struct colour leaves)
{
	float thick = tall * 0.045f, crown = tall * dice_range(d, 0.26f, 0.33f), middle = ground - tall * 0.68f;
	const struct point stem[4] = { { x - thick, ground },
		                       { x - thick * 0.45f, middle },
		                       { x + thick * 0.45f, middle },
		                       { x + thick, ground } };

	fill_polygon(c, stem, 4, trunk, 1);
	for (int i = 0; i < 46; i++) {
		float angle = dice_range(d, 0, 6.2832f), away = sqrtf(dice_unit(d)) * crown * 0.85f;
		float bx = x + away * cosf(angle) * 1.15f, by = middle + away * sinf(angle) * 0.85f;
		float size = crown * dice_range(d, 0.16f, 0.34f);
		float light = clampf(0.5f - (by - middle) / crown * 0.5f + dice_range(d, -0.15f, 0.15f), 0, 1);

		fill_ellipse(c, bx, by, size, size,
		             colour_scale(leaves, mixf(0.55f, 1.2f, light * (float)i / 46 + light * 0.3f)), 0.95f);
	}
}

void paint_flower(struct canvas *c, struct dice *d, float x, float y, float size, struct colour petals)
{
	int count = 5 + (int)dice_below(d, 3);
	float turn = dice_range(d, 0, 6.2832f), squash = dice_range(d, 0.55f, 0.9f);
	struct colour stem = { 0.12f, 0.32f, 0.14f };

	draw_line(c, x, y, x + size * dice_range(d, -0.3f, 0.3f), y + size * 2.6f, maxf(size * 0.16f, 0.7f), stem,
	          0.8f);
	if (size < 1.6f) {
		fill_ellipse(c, x, y, maxf(size, 0.7f), maxf(size * squash, 0.6f), petals, 0.95f);
		return;
	}
	for (int i = 0; i < count; i++) {
		float angle = turn + 6.2832f * (float)i / (float)count;
		float px = x + cosf(angle) * size * 0.62f, py = y + sinf(angle) * size * 0.62f * squash;

		fill_ellipse(c, px, py, size * 0.48f, size * 0.48f * squash,
		             colour_scale(petals, dice_range(d, 0.86f, 1.06f)), 1);
	}
	fill_ellipse(c, x, y, size * 0.3f, size * 0.3f * squash, (struct colour){ 0.98f, 0.84f, 0.3f }, 1);
}
