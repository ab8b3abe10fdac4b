/*
 * Ridges: an outline of one row per column, filled downwards. Rock is modelled by a
 * height field of noise whose slope towards the sun gives light and shade.
 */
#include <math.h>

#include "base/check.h"
#include "base/mem.h"
#include "pixels/noise.h"
#include "pixels/paint.h"

enum { RIDGES_MAX = 6 };

float *ridge_outline(const struct canvas *c, const struct ridge *r)
{
	float *rows = mem_alloc((size_t)c->width * sizeof(*rows));
	float height = (float)c->height;

	for (int x = 0; x < c->width; x++) {
		float u = (float)x / height * r->scale;
		float soft = fbm1(r->seed, u, 4), rock = ridged1(r->seed, u * 0.8f, 6);

		rows[x] = height * (r->base - r->rise * mixf(soft * 1.15f - 0.1f, rock * rock * 1.25f, r->sharp));
	}
	return rows;
}

/* What the outline says about the faces below it: its slope, near and wide, for each column. */
static float *outline_slopes(const struct canvas *c, const float *outline)
{
	float *slopes = mem_alloc((size_t)c->width * sizeof(*slopes));
	float unit = paint_unit(c);

	for (int x = 0; x < c->width; x++) {
		for (int i = 1; i <= 3; i++) {
			int reach = 1 + (int)(unit * 0.006f * (float)(i * i));
			int a = x - reach < 0 ? 0 : x - reach, b = x + reach >= c->width ? c->width - 1 : x + reach;

			slopes[x] += (outline[b] - outline[a]) / (float)(b - a + 1) / 3;
		}
	}
	return slopes;
}

struct face {
	const struct ridge *ridge;
	const float *slopes;
	int width;
	float side; /* 1: light comes from the left */
};

/* -1 (in shade) .. 1 (facing the sun). Faces run down from the outline, wandering a little; further
 * down only the grain of the rock is left. */
static float rock_light(const struct face *f, float height, float u, float v, float depth)
{
	const struct ridge *r = f->ridge;
	float wander = (fbm2(r->seed + 77, u * 7, v * 11, 2) - 0.5f) * (0.012f + 0.75f * r->rise * minf(depth, 1.2f));
	float grain = fbm2(r->seed + 79, u * 24 + v * 9, v * 13, 2) - 0.5f;
	int x = (int)((u + wander) * height);
	float slope = f->slopes[x < 0 ? 0 : x >= f->width ? f->width - 1 : x];

	return clampf(f->side * -slope * 1.25f, -0.9f, 0.9f) * (1 - 0.55f * smoothstep(0.1f, 1.1f, depth)) +
	       grain * 0.75f;
}

/* Snow lies where the rock is high, lower down in its gullies, and not on what is too steep. */
static float ridge_snow(const struct ridge *r, float u, float v, float up, float light)
{
	float line = 1 - r->snow, rough = noise2(r->seed + 31, u * 26, v * 18) - 0.5f;

	if (r->snow <= 0)
		return 0;
	return smoothstep(line - 0.02f, line + 0.1f, up + rough * 0.35f + light * 0.16f);
}

static struct colour ridge_colour(const struct plan *p, const struct face *f, float height, float u, float v,
                                  float depth)
{
	const struct ridge *r = f->ridge;
	struct colour k = colour_mix(r->body, r->foot, smoothstep(0.05f, 1.0f, depth));
	float light = r->sharp > 0.3f ? rock_light(f, height, u, v, depth) : 0;
	float snow = ridge_snow(r, u, v, (r->base - v) / r->rise, light);

	if (light > 0)
		k = colour_mix(k, p->palette.sun, light * (p->time == NIGHT ? 0.06f : 0.20f));
	else
		k = colour_scale(k, 1 + light * 0.24f);
	if (snow > 0) {
		struct colour lit = colour_mix((struct colour){ 0.98f, 0.98f, 1 }, p->palette.low,
		                               p->time == DAY ? 0.06f : 0.4f);
		struct colour dim = colour_mix(colour_mix(lit, p->palette.top, 0.5f), r->body, 0.25f);

		if (p->time == NIGHT)
			lit = colour_mix(lit, p->palette.far, 0.5f);
		k = colour_mix(k, colour_mix(dim, lit, clampf(0.5f + 0.9f * light, 0, 1)), snow);
	}
	return k;
}

/* `until`: rows that a nearer ridge will cover anyway, or NULL. */
static void paint_ridge_until(struct canvas *c, const struct plan *p, const struct ridge *r, const float *outline,
                              const float *until, int bottom)
{
	float height = (float)c->height, tall = maxf(r->rise * height, 1), highest = height;
	bool plain = r->sharp <= 0.3f && r->snow <= 0;
	float *slopes = outline_slopes(c, outline);
	struct face face = { .ridge = r, .slopes = slopes, .width = c->width, .side = p->sun_x < 0.5f ? 1 : -1 };

	for (int x = 0; x < c->width; x++)
		highest = minf(highest, outline[x]);
	for (int y = (int)maxf(highest - 1, 0); y < bottom; y++) {
		uint8_t *pixel = canvas_at(c, 0, y);

		for (int x = 0; x < c->width; x++, pixel += 3) {
			float edge = (float)y + 1 - outline[x], depth = (edge - 1) / tall;
			struct colour k;

			if (edge <= 0 || (until && (float)y > until[x] + 1))
				continue;
			if (plain)
				k = colour_mix(r->body, r->foot, smoothstep(0.05f, 1, depth));
			else
				k = ridge_colour(p, &face, height, (float)x / height, (float)y / height, depth);
			if (edge >= 1)
				pixel_set(pixel, k);
			else
				pixel_blend(pixel, k, edge);
		}
	}
	mem_release(slopes);
}

void paint_ridge(struct canvas *c, const struct plan *p, const struct ridge *r, const float *outline)
{
	paint_ridge_until(c, p, r, outline, NULL, c->height);
}

static struct ridge ridge_pick(struct plan *p, float t, float bottom, float sharp, float rise, bool capped)
{
	bool white = p->weather == SNOWFALL;
	struct ridge r = {
		.seed = dice_seed(&p->dice),
		.base = mixf(p->horizon, bottom, t * t) + 0.03f,
		.rise = rise * mixf(1, 0.5f, t) * dice_range(&p->dice, 0.75f, 1.1f),
		.scale = dice_range(&p->dice, 1.3f, 2.6f) * mixf(1.2f, 0.9f, t),
		.sharp = sharp * (1 - 0.6f * t),
	};

	r.body = colour_mix(p->palette.far, p->palette.near, powf(t, 1.15f));
	r.foot = colour_mix(r.body, p->palette.low, mixf(0.55f, 0.05f, t));
	if (capped)
		r.snow = white ? mixf(0.95f, 0.6f, t) : mixf(0.62f, 0.1f, t);
	if (white)
		r.foot = colour_mix(r.foot, (struct colour){ 0.9f, 0.93f, 1 }, p->time == NIGHT ? 0.12f : 0.4f);
	return r;
}

void paint_ridges(struct canvas *c, struct plan *p, int count, float bottom, float sharp, float rise, int until)
{
	bool capped = sharp > 0.6f && (p->weather == SNOWFALL || dice_chance(&p->dice, 0.65f));
	struct ridge ridges[RIDGES_MAX];
	float *outlines[RIDGES_MAX];

	CHECK(count > 0 && count <= RIDGES_MAX);
	for (int i = 0; i < count; i++) {
		ridges[i] = ridge_pick(p, count > 1 ? (float)i / (float)(count - 1) : 1, bottom, sharp, rise, capped);
		outlines[i] = ridge_outline(c, &ridges[i]);
	}
	for (int i = 0; i < count; i++)
		paint_ridge_until(c, p, &ridges[i], outlines[i], i + 1 < count ? outlines[i + 1] : NULL,
		                  until < c->height ? until : c->height);
	for (int i = 0; i < count; i++)
		mem_release(outlines[i]);
}

/* Crests are sharp, troughs are wide. */
static float *dune_outline(const struct canvas *c, const struct ridge *r)
{
	float *rows = mem_alloc((size_t)c->width * sizeof(*rows));
	float height = (float)c->height;

	for (int x = 0; x < c->width; x++) {
		float u = (float)x / height * r->scale;
		float crest = 1 - fabsf(2 * noise1(r->seed, u) - 1),
		      small = 1 - fabsf(2 * noise1(r->seed + 1, u * 2.3f) - 1);

		rows[x] = height * (r->base - r->rise * (0.8f * powf(crest, 1.4f) + 0.2f * small * crest));
	}
	return rows;
}

/* One side of a dune is lit, the other lies in shade; the line between them runs down aslant from the crest. */
static void paint_dune(struct canvas *c, const struct plan *p, const struct ridge *r, const float *outline,
                       const float *until)
{
	float height = (float)c->height, unit = paint_unit(c), side = p->sun_x < 0.5f ? 1 : -1;
	float *slopes = outline_slopes(c, outline), highest = height;

	for (int x = 0; x < c->width; x++)
		highest = minf(highest, outline[x]);
	for (int y = (int)maxf(highest - 1, 0); y < c->height; y++) {
		for (int x = 0; x < c->width; x++) {
			float edge = (float)y + 1 - outline[x], down = edge / unit, depth = edge / (r->rise * height);
			float bend, facing, ripple, light;
			struct colour k = colour_mix(r->body, r->foot, smoothstep(0, 1.4f, depth));
			int at;

			if (edge <= 0 || (float)y > until[x] + 1)
				continue;
			bend = 0.06f * (noise2(r->seed + 3, (float)x / unit * 5, (float)y / unit * 5) - 0.5f);
			at = x - (int)(side * unit * (down * 0.9f + bend * smoothstep(0, 0.3f, depth)));
			facing = clampf(side * -slopes[at < 0 ? 0 : at >= c->width ? c->width - 1 : at] * 2.4f, -1, 1);
			ripple = noise2(r->seed + 4, (float)x / unit * 9 + down * 30, (float)y / unit * 75) - 0.5f;
			light = facing / (1 + depth * (1.1f + 0.5f * depth)) +
			        ripple * 0.1f * smoothstep(0, 0.25f, depth);
			k = light > 0 ? colour_mix(k, p->palette.sun, light * 0.36f)
			              : colour_scale(k, 1 + light * 0.42f);
			pixel_blend(canvas_at(c, x, y), k, minf(edge, 1));
		}
	}
	mem_release(slopes);
}

static struct ridge dune_pick(struct plan *p, float t, struct colour sand)
{
	struct ridge r = {
		.seed = dice_seed(&p->dice),
		.base = mixf(p->horizon + 0.04f, 1.0f, t * t * 0.8f + t * 0.2f),
		.rise = mixf(0.09f, 0.34f, t) * dice_range(&p->dice, 0.8f, 1.25f),
		.scale = mixf(2.6f, 1.1f, t),
	};

	r.body = colour_mix(colour_mix(sand, p->palette.low, 0.4f), colour_mix(sand, p->palette.near, 0.18f), t);
	r.foot = colour_mix(r.body, p->palette.near, 0.22f);
	return r;
}

void paint_dunes(struct canvas *c, struct plan *p)
{
	float hue = dice_range(&p->dice, 18, 38), value = p->time == NIGHT ? 0.28f : p->time == DAY ? 0.88f : 0.68f;
	struct colour sand = colour_hsv(hue, p->time == NIGHT ? 0.4f : 0.52f, value);
	int count = 3 + (int)dice_below(&p->dice, 2);
	struct ridge dunes[RIDGES_MAX];
	float *outlines[RIDGES_MAX + 1];

	for (int i = 0; i < count; i++) {
		dunes[i] = dune_pick(p, (float)i / (float)(count - 1), sand);
		outlines[i] = dune_outline(c, &dunes[i]);
	}
	/* Behind the last one nothing is hidden. */
	outlines[count] = mem_alloc((size_t)c->width * sizeof(float));
	for (int x = 0; x < c->width; x++)
		outlines[count][x] = (float)c->height;
	for (int i = 0; i < count; i++)
		paint_dune(c, p, &dunes[i], outlines[i], outlines[i + 1]);
	for (int i = 0; i <= count; i++)
		mem_release(outlines[i]);
}
