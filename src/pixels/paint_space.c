/*
 * Space: clouds of gas in two colours, stars, a planet with weather, light and shade, perhaps rings
 * and a moon.
 */
#include <math.h>

#include "base/mem.h"
#include "pixels/noise.h"
#include "pixels/paint.h"

enum { GAS_STEP = 2 };

struct gas {
	float thick, tint;
};

struct nebula {
	uint32_t seed;
	float tilt, middle_x, middle_y;
};

static struct gas gas_at(const struct nebula *n, float u, float v)
{
	float bend = noise2(n->seed + 50, u * 1.4f, v * 1.4f) - 0.5f;
	float band = (v - n->middle_y) - (u - n->middle_x) * n->tilt + bend * 0.5f;
	float dense = fbm2(n->seed, u * 2.2f + bend, v * 2.2f, 5), tint = noise2(n->seed + 90, u * 1.8f, v * 1.8f + 9);

	return (struct gas){ smoothstep(0.34f, 0.8f, dense) / (1 + band * band * (5 + band * band * 12)),
		             smoothstep(0.3f, 0.7f, tint) };
}

static struct gas gas_between(const struct gas *a, const struct gas *b, float u, float v)
{
	return (struct gas){ mixf(mixf(a[0].thick, a[1].thick, u), mixf(b[0].thick, b[1].thick, u), v),
		             mixf(mixf(a[0].tint, a[1].tint, u), mixf(b[0].tint, b[1].tint, u), v) };
}

/* Gas is soft: it is thought up for every second pixel of every second row and smoothed in between. */
static struct gas *nebula_think(const struct canvas *c, struct plan *p, int width, int height)
{
	struct gas *field = mem_alloc((size_t)width * (size_t)height * sizeof(*field));
	float unit = paint_unit(c);
	struct nebula n = { .seed = dice_seed(&p->dice) };

	n.tilt = dice_range(&p->dice, -0.9f, 0.9f);
	n.middle_x = dice_range(&p->dice, 0.3f, 0.7f) * (float)c->width / unit;
	n.middle_y = dice_range(&p->dice, 0.3f, 0.6f) * (float)c->height / unit;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			field[(size_t)y * (size_t)width + (size_t)x] = gas_at(&n, (float)(x * GAS_STEP) / unit,
			                                                      (float)(y * GAS_STEP) / unit);
	return field;
}

static void paint_nebula(struct canvas *c, struct plan *p, float hue)
{
	float second = hue + dice_range(&p->dice, 40, 130);
	struct colour deep = colour_hsv(hue + 20, 0.7f, 0.055f), a = colour_hsv(hue, 0.72f, 0.72f),
		      b = colour_hsv(second, 0.62f, 0.8f);
	int width = c->width / GAS_STEP + 2, height = c->height / GAS_STEP + 2;
	struct gas *field = nebula_think(c, p, width, height);

	for (int y = 0; y < c->height; y++) {
		for (int x = 0; x < c->width; x++) {
			const struct gas *at = field + (size_t)(y / GAS_STEP) * (size_t)width + (size_t)(x / GAS_STEP);
			struct gas g = gas_between(at, at + width, (float)(x % GAS_STEP) / GAS_STEP,
			                           (float)(y % GAS_STEP) / GAS_STEP);
			struct colour k = colour_add(deep, colour_mix(a, b, g.tint), g.thick * 0.9f);

			k = colour_add(k, (struct colour){ 1, 0.95f, 0.9f }, g.thick * g.thick * g.thick * 0.4f);
			pixel_set(canvas_at(c, x, y), k);
		}
	}
	mem_release(field);
}

struct planet {
	float x, y, radius;
	float light_x, light_y, light_z;
	float tilt;
	uint32_t seed;
	bool striped;
	struct colour a, b, air;
};

static struct colour planet_surface(const struct planet *g, float u, float v, float z)
{
	float along = u * cosf(g->tilt) + v * sinf(g->tilt), across = -u * sinf(g->tilt) + v * cosf(g->tilt);
	float t;

	if (g->striped) {
		float wobble = fbm2(g->seed, along * 2.2f, across * 7, 4) - 0.5f;

		t = 0.5f + 0.5f * sinf(across * 13 + wobble * 5);
		t = mixf(t, fbm2(g->seed + 5, along * 2, across * 22, 3), 0.35f);
		return colour_mix(g->a, g->b, t);
	}
	t = fbm2(g->seed, along * 2.4f / (0.55f + 0.45f * z), across * 2.4f / (0.55f + 0.45f * z), 5);
	return t > 0.52f ? colour_mix(g->b, colour_scale(g->b, 0.7f), smoothstep(0.52f, 0.75f, t))
	                 : colour_mix(g->a, colour_scale(g->a, 1.5f), smoothstep(0.35f, 0.52f, t) * 0.6f);
}

static void paint_planet(struct canvas *c, const struct planet *g)
{
	int reach = (int)(g->radius * 1.12f) + 2, x0 = (int)g->x - reach, y0 = (int)g->y - reach;

	for (int y = y0 < 0 ? 0 : y0; y < c->height && y < y0 + 2 * reach; y++) {
		for (int x = x0 < 0 ? 0 : x0; x < c->width && x < x0 + 2 * reach; x++) {
			float u = ((float)x + 0.5f - g->x) / g->radius, v = ((float)y + 0.5f - g->y) / g->radius;
			float square = u * u + v * v, away = sqrtf(square), z, light;
			struct colour k;

			if (away >= 1) {
				float halo = smoothstep(1.1f, 1, away) *
				             clampf((u * g->light_x + v * g->light_y) * 0.8f + 0.35f, 0, 1);

				pixel_add(canvas_at(c, x, y), g->air, halo * 0.4f);
				continue;
			}
			z = sqrtf(1 - square);
			light = u * g->light_x + v * g->light_y + z * g->light_z;
			k = colour_scale(planet_surface(g, u, v, z), 0.025f + smoothstep(-0.12f, 0.95f, light) * 1.05f);
			k = colour_add(k, g->air, (1 - z) * (1 - z) * smoothstep(-0.1f, 0.6f, light) * 0.75f);
			pixel_blend(canvas_at(c, x, y), k, clampf((1 - away) * g->radius + 0.5f, 0, 1));
		}
	}
}

/* The half behind the planet is drawn before it, the half in front after it. */
static void paint_rings(struct canvas *c, const struct planet *g, bool front)
{
	float outer = g->radius * 2.15f, inner = g->radius * 1.3f, flat = 0.28f, turn = g->tilt - 0.1f;
	int y0 = (int)maxf(g->y - outer, 0), y1 = (int)minf(g->y + outer, (float)c->height);
	int x0 = (int)maxf(g->x - outer, 0), x1 = (int)minf(g->x + outer, (float)c->width);

	for (int y = y0; y < y1; y++) {
		for (int x = x0; x < x1; x++) {
			float dx = (float)x + 0.5f - g->x, dy = (float)y + 0.5f - g->y;
			float u = dx * cosf(turn) + dy * sinf(turn), v = (-dx * sinf(turn) + dy * cosf(turn)) / flat;
			float away = sqrtf(u * u + v * v), t = (away - inner) / (outer - inner), strong, grooves;

			if (t < 0 || t > 1 || (v > 0) != front)
				continue;
			grooves = 0.35f + 0.65f * noise1(g->seed + 200, t * 26);
			strong = smoothstep(0, 0.06f, t) * smoothstep(1, 0.9f, t) * grooves;
			pixel_blend(canvas_at(c, x, y), colour_mix(g->b, (struct colour){ 1, 0.95f, 0.88f }, 0.4f),
			            strong * 0.75f);
		}
	}
}

void paint_space(struct canvas *c, struct plan *p)
{
	float unit = paint_unit(c), hue = dice_range(&p->dice, 0, 360), angle = dice_range(&p->dice, 0, 6.2832f);
	float skin = dice_range(&p->dice, 0, 360);
	bool ringed = dice_chance(&p->dice, 0.45f);
	struct planet g = {
		.x = dice_range(&p->dice, 0.25f, 0.75f) * (float)c->width,
		.y = dice_range(&p->dice, 0.30f, 0.52f) * (float)c->height,
		.radius = unit * (ringed ? dice_range(&p->dice, 0.13f, 0.19f) : dice_range(&p->dice, 0.16f, 0.3f)),
		.light_x = cosf(angle) * 0.8f,
		.light_y = sinf(angle) * 0.8f * 0.7f,
		.light_z = 0.45f,
		.tilt = dice_range(&p->dice, -0.6f, 0.6f),
		.seed = dice_seed(&p->dice),
		.striped = ringed || dice_chance(&p->dice, 0.4f),
	};
	struct planet moon = g;

	g.a = colour_hsv(skin, 0.55f, 0.75f);
	g.b = colour_hsv(skin + dice_range(&p->dice, 25, 70), 0.45f, 0.92f);
	g.air = colour_hsv(skin + 10, 0.45f, 1);
	paint_nebula(c, p, hue);
	paint_stars(c, p, c->height, 1.5f);
	if (ringed)
		paint_rings(c, &g, false);
	paint_planet(c, &g);
	if (ringed)
		paint_rings(c, &g, true);
	moon.radius = unit * dice_range(&p->dice, 0.02f, 0.045f);
	moon.x = g.x + cosf(angle + 2) * g.radius * 2.1f;
	moon.y = g.y + sinf(angle + 2) * g.radius * 1.3f;
	moon.striped = false;
	moon.a = colour_hsv(skin + 180, 0.08f, 0.55f);
	moon.b = colour_hsv(skin + 180, 0.05f, 0.8f);
	moon.air = (struct colour){ 0.2f, 0.2f, 0.2f };
	paint_planet(c, &moon);
}
