/*
 * Patterns: overlapping scales, symmetrical tiles, cells of glass, and marbled colour.
 */
#include <math.h>

#include "base/mem.h"
#include "pixels/noise.h"
#include "pixels/paint.h"

enum { INKS = 5 };

struct inks {
	struct colour k[INKS];
};

/* Five colours that go together: neighbours on the wheel, one from the other side, one dark, one pale. */
static struct inks inks_pick(struct dice *d)
{
	float hue = dice_range(d, 0, 360), spread = dice_range(d, 18, 42);
	float other = hue + (dice_chance(d, 0.5f) ? 180 : 150);
	struct inks inks = { {
		colour_hsv(hue, 0.62f, dice_range(d, 0.22f, 0.36f)),
		colour_hsv(hue + spread, 0.55f, dice_range(d, 0.5f, 0.7f)),
		colour_hsv(hue - spread, 0.42f, dice_range(d, 0.78f, 0.9f)),
		colour_hsv(other, dice_range(d, 0.45f, 0.62f), 0.88f),
		colour_hsv(hue + 20, 0.1f, 0.96f),
	} };

	return inks;
}

/* Along all five, smoothly; t in 0..1. */
static struct colour inks_at(const struct inks *inks, float t)
{
	float at = clampf(t, 0, 0.9999f) * (INKS - 1);
	int i = (int)at;

	return colour_mix(inks->k[i], inks->k[i + 1], smoothstep(0, 1, at - (float)i));
}

/* ---- scales: rows of discs, each with rings, the lower rows over the upper ones ---- */

void paint_waves(struct canvas *c, struct plan *p)
{
	struct inks inks = inks_pick(&p->dice);
	float unit = paint_unit(c), radius = unit / (float)(5 + dice_below(&p->dice, 4)), step = radius * 0.5f;
	int rings = 3 + (int)dice_below(&p->dice, 3), rows = (int)((float)c->height / step) + 4;
	uint32_t seed = dice_seed(&p->dice);

	for (int j = 0; j < rows; j++) {
		for (int i = -1; (float)i * radius * 2 < (float)c->width + radius * 2; i++) {
			float x = (float)i * radius * 2 + (j & 1 ? radius : 0), y = (float)j * step;
			float mood = fbm2(seed, x / unit * 1.8f, y / unit * 1.8f, 3);

			for (int ring = 0; ring < rings; ring++) {
				float size = radius * (1 - (float)ring / (float)rings);
				struct colour k = ring & 1 ? inks.k[4]
				                           : inks_at(&inks, smoothstep(0.25f, 0.75f, mood) * 0.85f);

				if (ring & 1)
					k = colour_mix(k, inks_at(&inks, mood), 0.18f);
				fill_ellipse(c, x, y, size, size, k, 1);
			}
		}
	}
}

/* ---- tiles: one drawing, mirrored into eight parts of every tile ---- */

struct tile {
	uint32_t seed;
	float petals, ring_a, ring_b, star;
	struct inks inks;
};

static struct colour tile_colour(const struct tile *t, float u, float v)
{
	float a = fabsf(u), b = fabsf(v), swap, away, angle, petal;

	if (a < b) {
		swap = a;
		a = b;
		b = swap;
	}
	away = sqrtf(a * a + b * b);
	angle = atan2f(b, a);
	petal = 0.62f + 0.3f * cosf(angle * t->petals);
	if (away < t->star * 0.55f)
		return away < t->star * 0.3f ? t->inks.k[3] : t->inks.k[0];
	if (away < petal * t->ring_a)
		return away < petal * t->ring_a * 0.72f ? t->inks.k[1] : t->inks.k[4];
	if (fabsf(away - t->ring_b) < 0.035f)
		return t->inks.k[0];
	if (hypotf(1 - a, 1 - b) < 0.42f)
		return hypotf(1 - a, 1 - b) < 0.3f ? t->inks.k[3] : t->inks.k[0];
	if (a > 0.955f)
		return t->inks.k[0];
	return noise2(t->seed, a * 3.4f, b * 3.4f) > 0.56f ? t->inks.k[2] : t->inks.k[4];
}

/* Four looks into each pixel: the drawing has hard edges. */
static void tile_draw(struct canvas *one, const struct tile *t)
{
	float size = (float)one->width;

	for (int y = 0; y < one->height; y++) {
		for (int x = 0; x < one->width; x++) {
			struct colour sum = { 0, 0, 0 };

			for (int k = 0; k < 4; k++) {
				float px = ((float)x + 0.25f + 0.5f * (float)(k & 1)) / size;
				float py = ((float)y + 0.25f + 0.5f * (float)(k >> 1)) / size;

				sum = colour_add(sum, tile_colour(t, px * 2 - 1, py * 2 - 1), 0.25f);
			}
			pixel_set(canvas_at(one, x, y), sum);
		}
	}
}

void paint_tiles(struct canvas *c, struct plan *p)
{
	struct tile t = { .petals = (float)(4 * (1 + dice_below(&p->dice, 3))) };
	int size = (int)(paint_unit(c) / (float)(3 + dice_below(&p->dice, 3)));
	struct canvas one;

	t.seed = dice_seed(&p->dice);
	t.ring_a = dice_range(&p->dice, 0.55f, 0.85f);
	t.ring_b = dice_range(&p->dice, 0.82f, 0.98f);
	t.star = dice_range(&p->dice, 0.28f, 0.5f);
	t.inks = inks_pick(&p->dice);
	canvas_init(&one, size, size);
	tile_draw(&one, &t);
	for (int y = 0; y < c->height; y++) {
		for (int x = 0; x < c->width; x++) {
			float shade = 0.9f + 0.12f * lattice(t.seed + 9, x / size, y / size);

			pixel_set(canvas_at(c, x, y),
			          colour_scale(pixel_get(canvas_at(&one, x % size, y % size)), shade));
		}
	}
	canvas_clear(&one);
}

/* ---- cells: every pixel belongs to the nearest of the scattered points; lead in between ---- */

/* The points of nine cells around a place; good until the place moves into another cell. */
struct neighbours {
	int32_t x, y;
	struct point at[9];
	float mood[9], own[9];
};

static void neighbours_find(struct neighbours *n, uint32_t seed, int32_t x, int32_t y)
{
	n->x = x;
	n->y = y;
	for (int k = 0; k < 9; k++) {
		int32_t i = x + k % 3 - 1, j = y + k / 3 - 1;

		n->at[k].x = (float)i + 0.1f + 0.8f * lattice(seed, i, j);
		n->at[k].y = (float)j + 0.1f + 0.8f * lattice(seed + 1, i, j);
		n->mood[k] = fbm2(seed + 2, (float)i * 0.22f, (float)j * 0.22f, 2);
		n->own[k] = lattice(seed + 4, i, j);
	}
}

struct nearest {
	int which;
	float edge; /* how much farther the second nearest is */
	float dx, dy;
};

static struct nearest nearest_of(const struct neighbours *n, float u, float v)
{
	struct nearest best = { .which = 0 };
	float first = 99, second = 99;

	for (int k = 0; k < 9; k++) {
		float dx = n->at[k].x - u, dy = n->at[k].y - v, away = dx * dx + dy * dy;

		if (away < first) {
			second = first;
			first = away;
			best = (struct nearest){ .which = k, .dx = dx, .dy = dy };
		} else if (away < second) {
			second = away;
		}
	}
	best.edge = sqrtf(second) - sqrtf(first);
	return best;
}

void paint_cells(struct canvas *c, struct plan *p)
{
	struct inks inks = inks_pick(&p->dice);
	uint32_t seed = dice_seed(&p->dice);
	float unit = paint_unit(c), scale = dice_range(&p->dice, 7, 12) / unit;
	float light_x = p->sun_x * (float)c->width, light_y = p->sun_y * (float)c->height;
	struct colour lead = colour_scale(inks.k[0], 0.3f);
	struct neighbours n;

	neighbours_find(&n, seed, 0, 0);
	for (int y = 0; y < c->height; y++) {
		for (int x = 0; x < c->width; x++) {
			float u = (float)x * scale, v = (float)y * scale;
			float dx = ((float)x - light_x) / unit, dy = ((float)y - light_y) / unit;
			struct nearest near;
			struct colour k;

			if ((int32_t)u != n.x || (int32_t)v != n.y)
				neighbours_find(&n, seed, (int32_t)u, (int32_t)v);
			near = nearest_of(&n, u, v);
			k = inks_at(&inks,
			            smoothstep(0.2f, 0.8f, n.mood[near.which]) * 0.8f + n.own[near.which] * 0.2f);
			k = colour_scale(k, 0.82f + 0.24f * n.own[near.which] + 0.22f * (near.dx + near.dy) +
			                            0.3f / (1 + (dx * dx + dy * dy) * 6));
			pixel_set(canvas_at(c, x, y), colour_mix(lead, k, smoothstep(0.02f, 0.075f, near.edge)));
		}
	}
}

/* ---- flow: noise that is bent by noise, thought up for every second pixel ---- */

enum { FLOW_STEP = 2 };

struct flow_point {
	float n, tint, gloss;
};

static struct flow_point flow_between(const struct flow_point *a, const struct flow_point *b, float u, float v)
{
	struct flow_point up = { mixf(a[0].n, a[1].n, u), mixf(a[0].tint, a[1].tint, u),
		                 mixf(a[0].gloss, a[1].gloss, u) };
	struct flow_point low = { mixf(b[0].n, b[1].n, u), mixf(b[0].tint, b[1].tint, u),
		                  mixf(b[0].gloss, b[1].gloss, u) };

	return (struct flow_point){ mixf(up.n, low.n, v), mixf(up.tint, low.tint, v), mixf(up.gloss, low.gloss, v) };
}

static struct flow_point *flow_think(const struct canvas *c, struct plan *p, int width, int height)
{
	struct flow_point *field = mem_alloc((size_t)width * (size_t)height * sizeof(*field));
	uint32_t seed = dice_seed(&p->dice);
	float scale = dice_range(&p->dice, 1.8f, 3.0f) / paint_unit(c) * FLOW_STEP,
	      strong = dice_range(&p->dice, 2.0f, 3.6f);

	for (int y = 0; y < height; y++) {
		for (int x = 0; x < width; x++) {
			float u = (float)x * scale, v = (float)y * scale;
			float a = fbm2(seed, u, v, 3), b = fbm2(seed + 40, u + 5.2f, v + 1.3f, 3);
			float n = fbm2(seed + 80, u + strong * a, v + strong * b, 4);

			field[(size_t)y * (size_t)width + (size_t)x] = (struct flow_point){ n, n + 0.4f * (a - b), b };
		}
	}
	return field;
}

void paint_flow(struct canvas *c, struct plan *p)
{
	struct inks inks = inks_pick(&p->dice);
	float lines = dice_range(&p->dice, 4, 11);
	int width = c->width / FLOW_STEP + 2, height = c->height / FLOW_STEP + 2;
	struct flow_point *field = flow_think(c, p, width, height);

	for (int y = 0; y < c->height; y++) {
		for (int x = 0; x < c->width; x++) {
			const struct flow_point *at = field + (size_t)(y / FLOW_STEP) * (size_t)width +
			                              (size_t)(x / FLOW_STEP);
			struct flow_point f = flow_between(at, at + width, (float)(x % FLOW_STEP) / FLOW_STEP,
			                                   (float)(y % FLOW_STEP) / FLOW_STEP);
			float wave = f.n * lines, vein = fabsf(wave - (float)(int)wave - 0.5f);
			struct colour k = inks_at(&inks, smoothstep(0.22f, 0.78f, f.tint));

			k = colour_scale(k, 0.86f + 0.28f * smoothstep(0, 0.5f, vein));
			k = colour_mix(k, inks.k[4], smoothstep(0.045f, 0.015f, vein) * 0.75f);
			pixel_set(canvas_at(c, x, y), colour_add(k, inks.k[4], 0.2f * smoothstep(0.5f, 0.8f, f.gloss)));
		}
	}
	mem_release(field);
}
