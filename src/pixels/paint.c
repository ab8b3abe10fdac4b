/*
 * Scenes: which painters, in which order.
 */
#include "pixels/paint.h"

#include <math.h>

#include "base/mem.h"
#include "pixels/noise.h"

float paint_unit(const struct canvas *c)
{
	return (float)(c->width < c->height ? c->width : c->height);
}

static void spruce_row(struct canvas *c, struct plan *p, float ground, float tall, float gap, struct colour k)
{
	uint32_t seed = dice_seed(&p->dice);
	struct dice d = { dice_next(&p->dice) };
	float unit = paint_unit(c);

	for (float x = -gap; x < (float)c->width + gap; x += gap * dice_range(&d, 0.5f, 1.3f)) {
		float y = ground + unit * 0.05f * (fbm1(seed, x / unit * 2, 2) - 0.5f);

		paint_spruce(c, &d, x, y, tall * dice_range(&d, 0.55f, 1.15f),
		             colour_scale(k, dice_range(&d, 0.92f, 1.08f)));
	}
}

/* The ground that a row of trees stands on. */
static void ground_fill(struct canvas *c, float top, struct colour k, struct colour low)
{
	int from = (int)maxf(top, 0);

	for (int y = from; y < c->height; y++) {
		float t = ((float)y - top) / ((float)c->height - top + 1);

		for (int x = 0; x < c->width; x++)
			pixel_set(canvas_at(c, x, y), colour_mix(k, low, t));
	}
}

/* Trees at both sides in front, so that the middle stays open. */
static void frame_of_trees(struct canvas *c, struct plan *p)
{
	struct dice d = { dice_next(&p->dice) };
	float unit = paint_unit(c), width = (float)c->width;
	struct colour k = colour_scale(p->palette.near, 0.6f);

	for (int i = 0; i < 9; i++) {
		float side = dice_unit(&d), x = (i & 1 ? 1 - side * side * 0.3f : side * side * 0.3f) * width;

		paint_spruce(c, &d, x, (float)c->height * dice_range(&d, 0.93f, 1.03f),
		             unit * dice_range(&d, 0.16f, 0.4f), colour_scale(k, dice_range(&d, 0.7f, 1.2f)));
	}
}

static void scene_mountains(struct canvas *c, struct plan *p)
{
	float height = (float)c->height;
	bool lake = dice_chance(&p->dice, 0.6f);
	int ridges = (lake ? 3 : 4) + (int)dice_below(&p->dice, 3), surface;

	surface = lake ? (int)(height * (p->horizon + 0.09f)) : c->height;
	paint_sky(c, p, (int)minf(height, height * (p->horizon + 0.1f)));
	paint_ridges(c, p, ridges, lake ? p->horizon + 0.06f : 0.92f, dice_range(&p->dice, 0.65f, 1),
	             dice_range(&p->dice, 0.26f, 0.42f), surface);
	if (lake)
		paint_water(c, p, surface);
	if (dice_chance(&p->dice, 0.7f))
		paint_birds(c, p);
	if (!lake)
		spruce_row(c, p, height * 0.99f, paint_unit(c) * 0.1f, paint_unit(c) * 0.045f,
		           colour_scale(p->palette.near, 0.9f));
	frame_of_trees(c, p);
}

static void scene_sea(struct canvas *c, struct plan *p)
{
	float height = (float)c->height, unit = paint_unit(c), surface;
	bool islands = dice_chance(&p->dice, 0.65f);

	p->horizon -= 0.03f;
	surface = height * p->horizon;
	paint_sky(c, p, (int)surface);
	if (islands)
		paint_ridges(c, p, 1 + (int)dice_below(&p->dice, 2), p->horizon, 0.55f,
		             dice_range(&p->dice, 0.05f, 0.12f), (int)surface + 1);
	paint_water(c, p, (int)surface);
	for (int i = (int)dice_below(&p->dice, 3); i >= 0; i--) {
		float down = dice_range(&p->dice, 0.02f, 0.2f);

		paint_boat(c, p, dice_range(&p->dice, 0.12f, 0.88f) * (float)c->width, surface + down * unit,
		           unit * (0.035f + down * 0.55f));
	}
	paint_birds(c, p);
}

static void scene_forest(struct canvas *c, struct plan *p)
{
	float height = (float)c->height, unit = paint_unit(c);
	int rows = 4 + (int)dice_below(&p->dice, 2);
	bool white = p->weather == SNOWFALL;

	paint_sky(c, p, (int)(height * (p->horizon + 0.08f)));
	paint_ridges(c, p, 2, p->horizon, 0.5f, 0.2f, (int)(height * (p->horizon + 0.1f)));
	for (int i = 0; i < rows; i++) {
		float t = (float)i / (float)(rows - 1), ground = height * mixf(p->horizon + 0.05f, 0.98f, t * t);
		struct colour k = colour_mix(colour_mix(p->palette.far, p->palette.low, 0.35f), p->palette.near,
		                             0.15f + 0.85f * t);
		struct colour low = colour_mix(k, p->palette.low, 0.5f * (1 - t));

		if (white)
			low = colour_mix(low, (struct colour){ 0.92f, 0.95f, 1 }, p->time == NIGHT ? 0.2f : 0.6f);
		k = colour_mix(k, (struct colour){ 0.08f, 0.25f, 0.16f }, p->time == NIGHT ? 0.05f : 0.3f);
		spruce_row(c, p, ground, unit * mixf(0.12f, 0.42f, t), unit * mixf(0.028f, 0.13f, t), k);
		ground_fill(c, ground - unit * 0.012f, colour_mix(k, low, 0.5f), low);
	}
	paint_birds(c, p);
}

static void scene_city(struct canvas *c, struct plan *p)
{
	float height = (float)c->height;
	bool river = dice_chance(&p->dice, 0.65f);
	float ground = height * (river ? p->horizon + 0.1f : 0.9f);

	paint_sky(c, p, (int)ground + 1);
	paint_city(c, p, ground);
	if (river)
		paint_water(c, p, (int)ground);
	else
		ground_fill(c, ground, colour_scale(p->palette.near, 0.8f), colour_scale(p->palette.near, 0.5f));
	paint_birds(c, p);
}

static void scene_desert(struct canvas *c, struct plan *p)
{
	float height = (float)c->height;

	paint_sky(c, p, (int)(height * (p->horizon + 0.1f)));
	if (dice_chance(&p->dice, 0.5f))
		paint_ridges(c, p, 1, p->horizon, 0.8f, 0.14f, (int)(height * (p->horizon + 0.16f)));
	paint_dunes(c, p);
	paint_birds(c, p);
}

static void paint_meadow(struct canvas *c, struct plan *p, float top)
{
	struct dice d = { dice_next(&p->dice) };
	float unit = paint_unit(c), height = (float)c->height, hue = dice_range(&d, 0, 360);
	float area = (float)c->width / unit, dim = p->time == NIGHT ? 0.45f : p->time == DAY ? 1 : 0.85f;
	int rows = 34;

	for (int j = 0; j < rows; j++) {
		float t = (float)j / (float)(rows - 1), y = mixf(top, height * 1.01f, t * t * 0.85f + t * 0.15f);
		float size = unit * mixf(0.0022f, 0.021f, t * t);
		int count = (int)(area * mixf(150, 26, sqrtf(t)));

		for (int i = 0; i < count; i++) {
			float throw = dice_unit(&d), turn = throw < 0.55f ? 0 : throw < 0.8f ? 38 : 190;
			struct colour k = throw > 0.95f ? (struct colour){ 0.97f, 0.96f, 0.94f }
			                                : colour_hsv(hue + turn + dice_range(&d, -12, 12),
			                                             dice_range(&d, 0.5f, 0.8f), 0.95f);

			k = colour_mix(colour_scale(k, dim), p->palette.low, 0.35f * (1 - t));
			paint_flower(c, &d, dice_unit(&d) * (float)c->width, y + dice_range(&d, -1, 1) * size * 2,
			             size * dice_range(&d, 0.6f, 1.15f), k);
		}
	}
}

static void scene_garden(struct canvas *c, struct plan *p)
{
	float height = (float)c->height, unit = paint_unit(c), top = height * (p->horizon + 0.06f);
	struct colour grass = colour_mix(colour_hsv(dice_range(&p->dice, 85, 130), 0.5f,
	                                            p->time == NIGHT ? 0.22f
	                                            : p->time == DAY ? 0.62f
	                                                             : 0.42f),
	                                 p->palette.near, 0.2f);
	struct dice d = { dice_next(&p->dice) };

	paint_sky(c, p, (int)(height * (p->horizon + 0.12f)));
	paint_ridges(c, p, 2, p->horizon + 0.02f, 0.15f, 0.14f, (int)top + 1);
	ground_fill(c, top, colour_mix(grass, p->palette.low, 0.3f), colour_scale(grass, 0.62f));
	for (int i = 2 + (int)dice_below(&d, 5); i > 0; i--) {
		float down = dice_range(&d, 0.01f, 0.09f);
		struct colour leaves = colour_mix(dice_chance(&d, 0.35f)
		                                          ? colour_hsv(dice_range(&d, 330, 360), 0.4f, 0.9f)
		                                          : colour_scale(grass, 0.95f),
		                                  p->palette.near, p->time == NIGHT ? 0.6f : 0.1f);

		paint_tree(c, &d, dice_unit(&d) * (float)c->width, top + down * unit, unit * (0.13f + down * 2.2f),
		           colour_mix(p->palette.near, (struct colour){ 0.3f, 0.2f, 0.13f }, 0.5f), leaves);
	}
	paint_meadow(c, p, top + unit * 0.02f);
}

static void scene_castle(struct canvas *c, struct plan *p)
{
	float height = (float)c->height, unit = paint_unit(c), size = unit * dice_range(&p->dice, 0.34f, 0.46f);
	float x = (float)c->width *
	          (p->sun_x < 0.5f ? dice_range(&p->dice, 0.52f, 0.7f) : dice_range(&p->dice, 0.3f, 0.48f));
	bool lake = dice_chance(&p->dice, 0.5f);
	struct ridge hill = { .seed = dice_seed(&p->dice), .rise = 0.03f, .scale = 3, .sharp = 0.2f };
	float *outline, ground = height * (p->horizon + 0.02f);

	paint_sky(c, p, (int)(height * (p->horizon + 0.12f)));
	paint_ridges(c, p, 3, p->horizon + 0.04f, 0.85f, 0.27f, (int)(height * (p->horizon + 0.12f)));
	paint_castle(c, p, x, ground, size);
	hill.base = p->horizon + 0.06f;
	hill.body = colour_mix(p->palette.far, p->palette.near, 0.75f);
	hill.foot = colour_mix(hill.body, p->palette.near, 0.6f);
	outline = ridge_outline(c, &hill);
	for (int i = 0; i < c->width; i++) {
		float away = ((float)i - x) / (size * 0.85f);

		outline[i] -= height * 0.055f * expf(-away * away);
	}
	paint_ridge(c, p, &hill, outline);
	mem_release(outline);
	if (lake)
		paint_water(c, p, (int)(height * (p->horizon + 0.15f)));
	spruce_row(c, p, height * (lake ? 1.02f : 0.9f), unit * 0.15f, unit * 0.09f,
	           colour_scale(p->palette.near, 0.75f));
	if (!lake)
		ground_fill(c, height * 0.89f, colour_scale(p->palette.near, 0.7f),
		            colour_scale(p->palette.near, 0.45f));
	paint_birds(c, p);
}

/* On a wall, in front of the disc of sun or moon, which is large for once. */
static void scene_cat(struct canvas *c, struct plan *p)
{
	float height = (float)c->height, unit = paint_unit(c), ground = height * 0.80f;
	float x = p->sun_x * (float)c->width, size = unit * dice_range(&p->dice, 0.40f, 0.50f);
	struct colour wall = colour_mix(p->palette.near, colour_hsv(dice_range(&p->dice, 0, 40), 0.3f, 0.4f),
	                                p->time == NIGHT ? 0.15f : 0.4f);
	struct dice d = { dice_next(&p->dice) };

	p->sun_radius = dice_range(&p->dice, 0.15f, 0.22f);
	p->sun_y = (ground - size * dice_range(&p->dice, 0.75f, 1.0f)) / height;
	p->horizon = 0.74f;
	paint_sky(c, p, c->height);
	if (dice_chance(&p->dice, 0.5f))
		paint_city(c, p, height * 0.86f);
	else
		paint_ridges(c, p, 3, 0.86f, dice_range(&p->dice, 0.2f, 0.9f), 0.2f, (int)ground + 1);
	ground_fill(c, ground, wall, colour_scale(wall, 0.7f));
	for (int j = 0; j < 5; j++) {
		float top = ground + unit * (0.012f + 0.05f * (float)j);

		for (float at = -unit * 0.1f * dice_unit(&d); at < (float)c->width; at += unit * 0.135f)
			fill_panel(c, at, top, at + unit * 0.127f, top + unit * 0.043f, unit * 0.008f,
			           colour_scale(wall, dice_range(&d, 0.85f, 1.3f)), 0.9f);
	}
	fill_rect(c, 0, ground - unit * 0.004f, (float)c->width, ground + unit * 0.012f,
	          colour_mix(wall, p->palette.low, 0.25f), 1);
	paint_cat(c, p,
	          clampf(x + unit * dice_range(&p->dice, -0.06f, 0.06f), size * 0.4f, (float)c->width - size * 0.4f),
	          ground, size);
}

void paint_picture(struct canvas *c, struct plan *p)
{
	static void (*const painters[SCENES])(struct canvas * c, struct plan * p) = {
		[MOUNTAINS] = scene_mountains, [SEA] = scene_sea,       [FOREST] = scene_forest,
		[CITY] = scene_city,           [DESERT] = scene_desert, [SPACE] = paint_space,
		[GARDEN] = scene_garden,       [CASTLE] = scene_castle, [CAT] = scene_cat,
		[WAVES] = paint_waves,         [TILES] = paint_tiles,   [CELLS] = paint_cells,
		[FLOW] = paint_flow,
	};

	painters[p->scene](c, p);
	if (p->scene < SPACE || p->scene == GARDEN || p->scene == CASTLE || p->scene == CAT)
		paint_weather(c, p);
}
