/*
 * The sky: a gradient of three colours, light around the sun, stars, clouds lit from the sun's side.
 */
#include <math.h>

#include "base/mem.h"
#include "pixels/noise.h"
#include "pixels/paint.h"

enum { CLOUD_STEP = 2 }; /* clouds are thought up for every second pixel and smoothed in between */

static struct colour sky_gradient(const struct palette *k, float t)
{
	t = clampf(t, 0, 1);
	if (t < 0.55f)
		return colour_mix(k->top, k->middle, smoothstep(0, 0.55f, t) * 0.5f + t / 1.1f);
	return colour_mix(k->middle, k->low, (t - 0.55f) / 0.45f);
}

static bool sun_is_moon(const struct plan *p)
{
	return p->time == NIGHT;
}

static void paint_gradient(struct canvas *c, const struct plan *p, int bottom)
{
	float unit = paint_unit(c), height = (float)c->height;
	float sun_x = p->sun_x * (float)c->width, sun_y = p->sun_y * height;
	float strength = sun_is_moon(p) ? 0.16f : p->time == DAY ? 0.35f : 0.5f;
	struct colour light = colour_mix(p->palette.sun, p->palette.low, 0.35f);

	if (p->weather == RAIN)
		strength *= 0.25f;
	for (int y = 0; y < bottom; y++) {
		struct colour base = sky_gradient(&p->palette, (float)y / (p->horizon * height));
		float dy = ((float)y - sun_y) / unit;

		for (int x = 0; x < c->width; x++) {
			float dx = ((float)x - sun_x) / unit;
			float away = dx * dx + dy * dy;
			float glow = strength * (0.55f / (1 + away * 9) + 0.45f / (1 + away * 90));

			pixel_set(canvas_at(c, x, y), colour_mix(base, light, glow));
		}
	}
}

void paint_stars(struct canvas *c, struct plan *p, int bottom, float density)
{
	float unit = paint_unit(c), area = (float)c->width * (float)bottom / (unit * unit);
	int count = (int)(area * 420 * density);
	struct dice d = { dice_next(&p->dice) };

	for (int i = 0; i < count; i++) {
		float x = dice_unit(&d) * (float)c->width, y = dice_unit(&d) * (float)bottom;
		float bright = dice_unit(&d), size = unit * mixf(0.0007f, 0.0022f, bright * bright * bright);
		struct colour k = colour_hsv(dice_chance(&d, 0.5f) ? 215 : 35, 0.25f * dice_unit(&d), 1);
		float fade = 1 - smoothstep(0.75f, 1, y / (float)bottom);

		fill_ellipse(c, x, y, maxf(size, 0.55f), maxf(size, 0.55f), k, (0.25f + 0.75f * bright) * fade);
		if (bright > 0.97f)
			add_glow(c, x, y, size * 9, k, 0.35f * fade);
	}
}

/* Seas and rims on the moon; the sun is plain light. */
static void paint_disc(struct canvas *c, struct plan *p)
{
	float unit = paint_unit(c), radius = p->sun_radius * unit;
	float x = p->sun_x * (float)c->width, y = p->sun_y * (float)c->height;
	struct dice d = { dice_next(&p->dice) };

	if (p->weather == RAIN)
		return;
	fill_ellipse(c, x, y, radius, radius, p->palette.sun, 1);
	if (!sun_is_moon(p)) {
		add_glow(c, x, y, radius * 2.2f, p->palette.sun, 0.35f);
		return;
	}
	for (int i = 0; i < 9; i++) {
		float angle = dice_range(&d, 0, 6.2832f), far = sqrtf(dice_unit(&d)) * 0.7f * radius;
		float size = radius * dice_range(&d, 0.08f, 0.24f);

		fill_ellipse(c, x + far * cosf(angle), y + far * sinf(angle), size, size,
		             colour_mix(p->palette.sun, p->palette.middle, 0.45f), 0.35f);
	}
}

/* ---- clouds ---- */

struct clouds {
	int width, height; /* of the coarse field */
	float *thick, *light;
};

static void clouds_think(struct clouds *f, const struct canvas *c, struct plan *p)
{
	uint32_t seed = dice_seed(&p->dice);
	float unit = paint_unit(c), scale = dice_range(&p->dice, 2.2f, 3.8f) / unit * CLOUD_STEP;
	float threshold = mixf(0.62f, 0.36f, p->clouds), step = 0.05f;
	float toward_x = (p->sun_x * (float)c->width), toward_y = p->sun_y * (float)c->height;

	for (int y = 0; y < f->height; y++) {
		for (int x = 0; x < f->width; x++) {
			float u = (float)x * scale, v = (float)y * scale * 2.6f;
			float n = fbm2(seed, u, v, 5);
			size_t at = (size_t)y * (size_t)f->width + (size_t)x;
			float dx, dy, away;

			f->thick[at] = smoothstep(threshold, threshold + 0.3f, n);
			f->light[at] = 0;
			if (f->thick[at] <= 0)
				continue;
			dx = toward_x - (float)(x * CLOUD_STEP);
			dy = toward_y - (float)(y * CLOUD_STEP);
			away = sqrtf(dx * dx + dy * dy) + 1;
			f->light[at] = clampf(
				0.55f + 4 * (n - fbm2(seed, u + step * 3 * dx / away, v + step * 5 * dy / away, 3)), 0,
				1);
		}
	}
}

static float field_at(const struct clouds *f, const float *field, float x, float y)
{
	int i = (int)x, j = (int)y;
	int i1 = i + 1 < f->width ? i + 1 : i, j1 = j + 1 < f->height ? j + 1 : j;
	const float *a = field + (size_t)j * (size_t)f->width, *b = field + (size_t)j1 * (size_t)f->width;
	float u = x - (float)i, v = y - (float)j;

	return mixf(mixf(a[i], a[i1], u), mixf(b[i], b[i1], u), v);
}

static void clouds_blend(const struct clouds *f, struct canvas *c, const struct plan *p, int bottom)
{
	struct colour lit = colour_mix(p->palette.low, p->palette.sun, p->time == NIGHT ? 0.12f : 0.55f);
	struct colour dark = colour_mix(p->palette.middle, p->palette.far, p->time == DAY ? 0.25f : 0.65f);

	if (p->time == NIGHT)
		lit = colour_mix(lit, p->palette.middle, 0.55f);
	if (p->weather == RAIN)
		dark = colour_scale(dark, 0.72f);
	for (int y = 0; y < bottom; y++) {
		float fade = 1 - smoothstep(0.55f, 1, (float)y / (float)bottom) * 0.85f;

		for (int x = 0; x < c->width; x++) {
			float u = (float)x / CLOUD_STEP, v = (float)y / CLOUD_STEP;
			float thick = field_at(f, f->thick, u, v);

			if (thick <= 0.004f)
				continue;
			pixel_blend(canvas_at(c, x, y), colour_mix(dark, lit, field_at(f, f->light, u, v)),
			            thick * fade * 0.9f);
		}
	}
}

static void paint_clouds(struct canvas *c, struct plan *p, int bottom)
{
	struct clouds f = { .width = c->width / CLOUD_STEP + 2, .height = bottom / CLOUD_STEP + 2 };
	size_t bytes = (size_t)f.width * (size_t)f.height * sizeof(float);

	f.thick = mem_alloc(bytes);
	f.light = mem_alloc(bytes);
	clouds_think(&f, c, p);
	clouds_blend(&f, c, p, bottom);
	mem_release(f.thick);
	mem_release(f.light);
}

/* Curtains of light, on some clear nights. */
static void paint_aurora(struct canvas *c, struct plan *p, int bottom)
{
	uint32_t seed = dice_seed(&p->dice);
	float unit = paint_unit(c), hue = dice_range(&p->dice, 110, 175);

	for (int x = 0; x < c->width; x++) {
		float u = (float)x / unit;
		float foot = (float)bottom * (0.45f + 0.4f * fbm1(seed, u * 1.3f, 3));
		float strong = smoothstep(0.3f, 0.75f, fbm1(seed + 7, u * 2.1f, 3)) *
		               (0.6f + 0.4f * noise1(seed + 9, u * 60));
		float tall = (float)bottom * (0.25f + 0.3f * noise1(seed + 5, u * 3));

		for (int y = 0; y < bottom; y++) {
			float above = (foot - (float)y) / tall;
			float k = above < 0 ? expf(above * 14) : expf(-above * 2.2f);

			if (k > 0.01f)
				pixel_add(canvas_at(c, x, y), colour_hsv(hue + 60 * clampf(above, 0, 1), 0.75f, 1),
				          0.4f * k * strong);
		}
	}
}

void paint_sky(struct canvas *c, struct plan *p, int bottom)
{
	bool clear_night = p->time == NIGHT && p->weather != RAIN;

	paint_gradient(c, p, bottom);
	if (clear_night)
		paint_stars(c, p, bottom, 1);
	if (clear_night && dice_chance(&p->dice, p->weather == SNOWFALL ? 0.8f : 0.3f))
		paint_aurora(c, p, bottom);
	paint_disc(c, p);
	if (p->clouds > 0)
		paint_clouds(c, p, bottom);
}

/* ---- weather in front of everything ---- */

static void paint_snowflakes(struct canvas *c, struct dice *d)
{
	float unit = paint_unit(c), area = (float)c->width * (float)c->height / (unit * unit);

	for (int i = (int)(area * 260); i > 0; i--) {
		float near = dice_unit(d), size = unit * mixf(0.0012f, 0.0062f, near * near * near);
		float x = dice_unit(d) * (float)c->width, y = dice_unit(d) * (float)c->height;

		fill_ellipse(c, x, y, maxf(size, 0.6f), maxf(size, 0.6f), (struct colour){ 1, 1, 1 },
		             mixf(0.75f, 0.4f, near));
	}
}

static void paint_rain(struct canvas *c, struct dice *d)
{
	float unit = paint_unit(c), area = (float)c->width * (float)c->height / (unit * unit);
	float slant = dice_range(d, -0.25f, 0.25f);

	for (int i = (int)(area * 320); i > 0; i--) {
		float x = dice_unit(d) * (float)c->width, y = dice_unit(d) * (float)c->height;
		float far = unit * dice_range(d, 0.02f, 0.05f);

		draw_line(c, x, y, x + slant * far, y + far, maxf(unit * 0.0012f, 0.5f),
		          (struct colour){ 0.85f, 0.9f, 1 }, dice_range(d, 0.08f, 0.3f));
	}
}

/* Fog lies low: thickest a little below the horizon. */
static void paint_mist(struct canvas *c, struct plan *p)
{
	uint32_t seed = dice_seed(&p->dice);
	float unit = paint_unit(c);

	for (int y = 0; y < c->height; y++) {
		float t = (float)y / (float)c->height;
		float layer = expf(-(t - p->horizon - 0.12f) * (t - p->horizon - 0.12f) * 26) * 0.6f;

		for (int x = 0; x < c->width; x++) {
			float n = noise2(seed, (float)x / unit * 1.7f, t * 7);

			pixel_blend(canvas_at(c, x, y), p->palette.low, layer * (0.45f + 0.55f * n));
		}
	}
}

void paint_weather(struct canvas *c, struct plan *p)
{
	struct dice d = { dice_next(&p->dice) };

	switch (p->weather) {
	case SNOWFALL: paint_snowflakes(c, &d); break;
	case RAIN: paint_rain(c, &d); break;
	case MIST: paint_mist(c, p); break;
	case CLEAR:
	case WEATHERS: break;
	}
}
