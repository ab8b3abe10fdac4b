#pragma once
/*
 * canvas - RGB pixels in memory, and the few shapes that pictures are made of.
 *
 * Colours are sRGB, 0..1. Coordinates are pixels, y downwards, the centre of the first
 * pixel at 0.5; shapes may lie anywhere, what is outside is cut off. Edges are smooth.
 */
#include <stddef.h>
#include <stdint.h>

struct colour {
	float r, g, b;
};

struct point {
	float x, y;
};

struct canvas {
	int width, height;
	uint8_t *pixels; /* width * height * 3 */
};

void canvas_init(struct canvas *c, int width, int height);
void canvas_clear(struct canvas *c);

/* fmaxf, fminf, floorf are library calls on the plain x86-64 that we build for; these are not. */
static inline float maxf(float a, float b)
{
	return a > b ? a : b;
}

static inline float minf(float a, float b)
{
	return a < b ? a : b;
}

static inline float clampf(float v, float low, float high)
{
	return v < low ? low : v > high ? high : v;
}

static inline float smoothstep(float low, float high, float v)
{
	float t = clampf((v - low) / (high - low), 0, 1);

	return t * t * (3.0f - 2.0f * t);
}

static inline float mixf(float a, float b, float t)
{
	return a + (b - a) * t;
}

static inline struct colour colour_mix(struct colour a, struct colour b, float t)
{
	return (struct colour){ mixf(a.r, b.r, t), mixf(a.g, b.g, t), mixf(a.b, b.b, t) };
}

static inline struct colour colour_scale(struct colour c, float k)
{
	return (struct colour){ c.r * k, c.g * k, c.b * k };
}

static inline struct colour colour_add(struct colour a, struct colour b, float k)
{
	return (struct colour){ a.r + b.r * k, a.g + b.g * k, a.b + b.b * k };
}

static inline uint8_t channel(float v)
{
	return (uint8_t)(clampf(v, 0, 1) * 255.0f + 0.5f);
}

static inline uint8_t *canvas_at(const struct canvas *c, int x, int y)
{
	return c->pixels + ((size_t)y * (size_t)c->width + (size_t)x) * 3;
}

static inline void pixel_set(uint8_t *p, struct colour k)
{
	p[0] = channel(k.r);
	p[1] = channel(k.g);
	p[2] = channel(k.b);
}

static inline struct colour pixel_get(const uint8_t *p)
{
	return (struct colour){ (float)p[0] / 255.0f, (float)p[1] / 255.0f, (float)p[2] / 255.0f };
}

static inline void pixel_blend(uint8_t *p, struct colour k, float alpha)
{
	pixel_set(p, colour_mix(pixel_get(p), k, alpha));
}

static inline void pixel_add(uint8_t *p, struct colour k, float amount)
{
	pixel_set(p, colour_add(pixel_get(p), k, amount));
}

struct colour colour_hex(uint32_t rgb);
/* Turned by degrees on the colour wheel; saturation and value multiplied. */
struct colour colour_turn(struct colour c, float degrees, float saturation, float value);
struct colour colour_hsv(float degrees, float saturation, float value);
/* WCAG relative luminance. */
float colour_luminance(struct colour c);

enum { POLYGON_MAX = 96 };

void fill_polygon(struct canvas *c, const struct point *points, int count, struct colour k, float alpha);
void fill_ellipse(struct canvas *c, float x, float y, float rx, float ry, struct colour k, float alpha);
void fill_rect(struct canvas *c, float left, float top, float right, float bottom, struct colour k, float alpha);
/* Corners of this radius. */
void fill_panel(struct canvas *c, float left, float top, float right, float bottom, float radius, struct colour k,
                float alpha);
/* A line with round ends. */
void draw_line(struct canvas *c, float x0, float y0, float x1, float y1, float thick, struct colour k, float alpha);
/* Light around a point, gone at `radius`. */
void add_glow(struct canvas *c, float x, float y, float radius, struct colour k, float amount);
