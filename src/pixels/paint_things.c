/*
 * What a picture may be about: a castle, a cat, a boat, birds. Silhouettes built from a few shapes;
 * positions are given in a frame of their own, 0..1, and scaled to `size`.
 */
#include <math.h>

#include "base/check.h"
#include "pixels/paint.h"

void paint_birds(struct canvas *c, struct plan *p)
{
	float unit = paint_unit(c), x = dice_range(&p->dice, 0.15f, 0.8f) * (float)c->width;
	float y = dice_range(&p->dice, 0.15f, 0.6f) * p->horizon * (float)c->height;
	struct colour k = colour_mix(p->palette.near, p->palette.far, 0.2f);

	for (int i = 3 + (int)dice_below(&p->dice, 6); i > 0; i--) {
		float bx = x + dice_range(&p->dice, -0.12f, 0.12f) * unit,
		      by = y + dice_range(&p->dice, -0.06f, 0.06f) * unit;
		float span = unit * dice_range(&p->dice, 0.008f, 0.018f),
		      lift = span * dice_range(&p->dice, 0.2f, 0.7f);
		const struct point wings[6] = {
			{ bx - span, by - lift },
			{ bx - span * 0.45f, by - lift * 0.9f },
			{ bx, by },
			{ bx + span * 0.45f, by - lift * 0.9f },
			{ bx + span, by - lift },
			{ bx, by + span * 0.22f },
		};

		fill_polygon(c, wings, 6, k, 0.9f);
	}
}

void paint_boat(struct canvas *c, struct plan *p, float x, float waterline, float size)
{
	struct colour hull = colour_scale(p->palette.near, 0.75f);
	struct colour sail = colour_mix((struct colour){ 0.97f, 0.95f, 0.9f }, p->palette.low,
	                                p->time == NIGHT ? 0.75f : 0.25f);
	float lean = dice_range(&p->dice, -0.06f, 0.06f) * size;
	const struct point body[5] = {
		{ x - size * 0.42f, waterline - size * 0.13f },
		{ x + size * 0.46f, waterline - size * 0.15f },
		{ x + size * 0.3f, waterline },
		{ x - size * 0.3f, waterline },
		{ x - size * 0.38f, waterline - size * 0.06f },
	};
	const struct point main_sail[3] = {
		{ x + lean, waterline - size * 1.15f },
		{ x + size * 0.05f, waterline - size * 0.2f },
		{ x + size * 0.44f, waterline - size * 0.22f },
	};
	const struct point fore_sail[3] = {
		{ x - size * 0.03f + lean, waterline - size * 1.02f },
		{ x - size * 0.03f, waterline - size * 0.2f },
		{ x - size * 0.38f, waterline - size * 0.2f },
	};

	if (p->time == SUNSET)
		sail = colour_mix(sail, p->palette.near, 0.35f);
	fill_polygon(c, main_sail, 3, sail, 1);
	fill_polygon(c, fore_sail, 3, colour_scale(sail, 0.86f), 1);
	draw_line(c, x + lean, waterline - size * 1.2f, x, waterline - size * 0.1f, maxf(size * 0.018f, 0.8f), hull, 1);
	fill_polygon(c, body, 5, hull, 1);
}

/* ---- castle ---- */

struct tower {
	float x, wide, tall;
	int roof; /* pointed; else battlements */
};

static const struct tower castle_towers[] = {
	{ -0.46f, 0.13f, 0.42f, 0 }, { 0.44f, 0.14f, 0.48f, 1 }, { -0.25f, 0.15f, 0.62f, 1 },
	{ 0.22f, 0.13f, 0.58f, 0 },  { 0.02f, 0.20f, 0.86f, 1 }, { -0.10f, 0.09f, 0.70f, 1 },
	{ 0.33f, 0.08f, 0.66f, 1 },
};

static void castle_battlements(struct canvas *c, float left, float right, float top, float tooth, struct colour k)
{
	int count = (int)((right - left) / (tooth * 2)) + 1;
	float step = (right - left - tooth) / (float)(count > 1 ? count - 1 : 1);

	for (int i = 0; i < count; i++)
		fill_rect(c, left + step * (float)i, top - tooth, left + step * (float)i + tooth, top + 1, k, 1);
}

static void castle_tower(struct canvas *c, struct plan *p, const struct tower *t, float x, float ground, float size,
                         struct colour wall, struct colour roof)
{
	float middle = x + t->x * size, half = t->wide * size / 2, top = ground - t->tall * size;
	float lit = p->sun_x * (float)c->width < middle ? -1 : 1;
	struct colour window = p->time == DAY ? colour_scale(wall, 0.45f) : (struct colour){ 1, 0.83f, 0.45f };

	fill_rect(c, middle - half, top, middle + half, ground, wall, 1);
	fill_rect(c, lit < 0 ? middle + half * 0.2f : middle - half, top,
	          lit < 0 ? middle + half : middle - half * 0.2f, ground, colour_scale(wall, 0.72f), 0.7f);
	if (t->roof) {
		const struct point cone[3] = { { middle - half * 1.35f, top },
			                       { middle, top - half * 3.1f },
			                       { middle + half * 1.35f, top } };

		fill_polygon(c, cone, 3, roof, 1);
		draw_line(c, middle, top - half * 3.1f, middle, top - half * 4.0f, maxf(size * 0.006f, 0.7f), roof, 1);
		fill_rect(c, middle, top - half * 4.0f, middle + half * 0.9f, top - half * 3.6f, roof, 0.95f);
	} else {
		castle_battlements(c, middle - half * 1.12f, middle + half * 1.12f, top, half * 0.3f, wall);
	}
	for (int i = 0; i < 3; i++) {
		float wx = middle + half * dice_range(&p->dice, -0.45f, 0.45f),
		      wy = top + half * (0.7f + 1.5f * (float)i);

		if (wy + half * 0.5f < ground && dice_chance(&p->dice, 0.7f))
			fill_panel(c, wx - half * 0.12f, wy, wx + half * 0.12f, wy + half * 0.45f, half * 0.12f, window,
			           1);
	}
}

void paint_castle(struct canvas *c, struct plan *p, float x, float ground, float size)
{
	float bright = p->time == DAY ? 0.62f : p->time == NIGHT ? 0.2f : 0.3f;
	struct colour wall = colour_mix(p->palette.near, p->palette.low, bright);
	struct colour roof = colour_mix(colour_hsv(dice_range(&p->dice, 0, 1) < 0.5f ? 8 : 215, 0.5f, 0.55f),
	                                p->palette.near, p->time == DAY ? 0.25f : 0.75f);
	struct colour gate = colour_scale(p->palette.near, 0.5f);
	float order = dice_chance(&p->dice, 0.5f) ? 1 : -1;

	fill_rect(c, x - size * 0.52f, ground - size * 0.27f, x + size * 0.52f, ground + size * 0.05f,
	          colour_scale(wall, 0.9f), 1);
	castle_battlements(c, x - size * 0.52f, x + size * 0.52f, ground - size * 0.27f, size * 0.022f,
	                   colour_scale(wall, 0.9f));
	for (unsigned i = 0; i < COUNT_OF(castle_towers); i++) {
		struct tower t = castle_towers[i];

		t.x *= order;
		t.tall *= dice_range(&p->dice, 0.85f, 1.12f);
		castle_tower(c, p, &t, x, ground + size * 0.05f, size, wall, roof);
	}
	fill_panel(c, x - size * 0.05f, ground - size * 0.13f, x + size * 0.05f, ground + size * 0.12f, size * 0.05f,
	           gate, 1);
}

/* ---- cat ---- */

struct blob {
	float x, y, rx, ry;
};

/* Sitting, seen from the front; x from the middle, y upwards from the ground. */
static const struct blob cat_body[] = {
	{ 0, 0.20f, 0.24f, 0.22f },      { 0, 0.34f, 0.19f, 0.26f },     { 0, 0.50f, 0.155f, 0.16f },
	{ -0.09f, 0.10f, 0.07f, 0.17f }, { 0.09f, 0.10f, 0.07f, 0.17f }, { -0.1f, 0.02f, 0.09f, 0.045f },
	{ 0.1f, 0.02f, 0.09f, 0.045f },  { -0.2f, 0.08f, 0.11f, 0.11f }, { 0.2f, 0.08f, 0.11f, 0.11f },
	{ 0, 0.72f, 0.185f, 0.155f },    { -0.1f, 0.68f, 0.1f, 0.085f }, { 0.1f, 0.68f, 0.1f, 0.085f },
};

static void cat_face(struct canvas *c, float x, float ground, float size, struct colour eyes, struct colour fur)
{
	struct colour pink = { 0.85f, 0.52f, 0.5f }, pale = colour_mix(fur, (struct colour){ 1, 1, 1 }, 0.45f);

	for (int side = -1; side <= 1; side += 2) {
		float ex = x + (float)side * 0.078f * size, ey = ground - 0.735f * size;

		fill_ellipse(c, ex, ey, 0.042f * size, 0.034f * size, eyes, 1);
		fill_ellipse(c, ex, ey, 0.011f * size, 0.032f * size, (struct colour){ 0.03f, 0.03f, 0.05f }, 1);
		fill_ellipse(c, ex + 0.012f * size, ey - 0.012f * size, 0.008f * size, 0.008f * size,
		             (struct colour){ 1, 1, 1 }, 0.9f);
		for (int i = -1; i <= 1; i++)
			draw_line(c, x + (float)side * 0.05f * size, ground - (0.665f + 0.008f * (float)i) * size,
			          x + (float)side * 0.25f * size, ground - (0.67f + 0.035f * (float)i) * size,
			          maxf(0.0045f * size, 0.5f), pale, 0.6f);
	}
	fill_ellipse(c, x, ground - 0.668f * size, 0.02f * size, 0.014f * size, pink, 0.95f);
}

static void cat_ear(struct canvas *c, float x, float ground, float size, float side, struct colour fur)
{
	const struct point ear[3] = { { x + side * 0.165f * size, ground - 0.75f * size },
		                      { x + side * 0.165f * size, ground - 0.97f * size },
		                      { x + side * 0.02f * size, ground - 0.85f * size } };
	const struct point inner[3] = { { x + side * 0.145f * size, ground - 0.79f * size },
		                        { x + side * 0.147f * size, ground - 0.925f * size },
		                        { x + side * 0.06f * size, ground - 0.85f * size } };

	fill_polygon(c, ear, 3, fur, 1);
	fill_polygon(c, inner, 3, colour_mix(fur, (struct colour){ 0.85f, 0.5f, 0.5f }, 0.4f), 0.8f);
}

/* A curve of overlapping discs around to the other side of the paws. */
static void cat_tail(struct canvas *c, float x, float ground, float size, float side, struct colour fur)
{
	for (int i = 0; i <= 60; i++) {
		float t = (float)i / 60;
		float tx = x + side * size * (0.20f + 0.24f * sinf(t * 2.6f)),
		      ty = ground - size * (0.06f + 0.34f * t * t);
		float thick = size * mixf(0.05f, 0.034f, t);

		fill_ellipse(c, tx + side * size * 0.07f * sinf(t * 5), ty, thick, thick, fur, 1);
	}
}

void paint_cat(struct canvas *c, struct plan *p, float x, float ground, float size)
{
	static const uint32_t furs[] = { 0x15131a, 0x2a2320, 0x6b4a2f, 0xb5713a, 0x8a8a90, 0xd9cdbb };
	struct colour fur = colour_hex(furs[dice_below(&p->dice, COUNT_OF(furs))]);
	struct colour eyes = colour_hsv(dice_range(&p->dice, 45, 140), 0.8f, 0.95f);
	float side = dice_chance(&p->dice, 0.5f) ? 1 : -1, dim = p->time == DAY     ? 0.95f
	                                                         : p->time == NIGHT ? 0.42f
	                                                                            : 0.6f;
	float rim = p->sun_x * (float)c->width < x ? -1 : 1;
	struct colour edge;

	fur = colour_mix(colour_scale(fur, dim), p->palette.near, 0.2f);
	edge = colour_mix(fur, p->palette.sun, 0.35f);
	cat_tail(c, x, ground, size, side, fur);
	/* Once in the colour of light, moved a little towards it; then over it in fur: a lit rim stays. */
	for (int pass = 0; pass < 2; pass++) {
		float moved = pass == 0 ? rim * size * 0.012f : 0;

		cat_ear(c, x + moved, ground, size, -1, pass == 0 ? edge : fur);
		cat_ear(c, x + moved, ground, size, 1, pass == 0 ? edge : fur);
		for (unsigned i = 0; i < COUNT_OF(cat_body); i++) {
			const struct blob *b = &cat_body[i];

			fill_ellipse(c, x + moved + b->x * size, ground - b->y * size, b->rx * size, b->ry * size,
			             pass == 0 ? edge : fur, 1);
		}
	}
	fill_ellipse(c, x, ground - 0.42f * size, 0.085f * size, 0.14f * size,
	             colour_mix(fur, (struct colour){ 1, 1, 1 }, 0.14f), 0.8f);
	for (int i = -1; i <= 1; i += 2)
		draw_line(c, x + (float)i * 0.03f * size, ground - 0.02f * size, x + (float)i * 0.045f * size,
		          ground - 0.17f * size, maxf(0.006f * size, 0.6f), colour_scale(fur, 0.6f), 0.7f);
	cat_face(c, x, ground, size, eyes, fur);
}
