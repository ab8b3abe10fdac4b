/*
 * Shapes. Polygons are filled by scan lines, four to a pixel, with exact coverage along x; round
 * shapes by the distance to their edge.
 */
#include "pixels/canvas.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { LINES_PER_PIXEL = 4 };

void canvas_init(struct canvas *c, int width, int height)
{
	CHECK(width > 0 && height > 0);
	*c = (struct canvas){ .width = width, .height = height };
	c->pixels = mem_alloc((size_t)width * (size_t)height * 3);
}

void canvas_clear(struct canvas *c)
{
	mem_release(c->pixels);
	c->pixels = NULL;
}

/* ---- colours ---- */

struct colour colour_hex(uint32_t rgb)
{
	return (struct colour){ (float)(rgb >> 16 & 255) / 255.0f, (float)(rgb >> 8 & 255) / 255.0f,
		                (float)(rgb & 255) / 255.0f };
}

struct colour colour_hsv(float degrees, float saturation, float value)
{
	float h = (degrees - 360.0f * floorf(degrees / 360.0f)) / 60.0f;
	float s = clampf(saturation, 0, 1), v = clampf(value, 0, 1);
	struct colour wheel = { clampf(fabsf(h - 3) - 1, 0, 1), clampf(2 - fabsf(h - 2), 0, 1),
		                clampf(2 - fabsf(h - 4), 0, 1) };

	return (struct colour){ v * mixf(1, wheel.r, s), v * mixf(1, wheel.g, s), v * mixf(1, wheel.b, s) };
}

struct colour colour_turn(struct colour c, float degrees, float saturation, float value)
{
	float high = maxf(c.r, maxf(c.g, c.b)), low = minf(c.r, minf(c.g, c.b)), span = high - low, hue = 0;

	if (span > 0) {
		if (high == c.r)
			hue = (c.g - c.b) / span;
		else if (high == c.g)
			hue = 2 + (c.b - c.r) / span;
		else
			hue = 4 + (c.r - c.g) / span;
	}
	return colour_hsv(hue * 60 + degrees, high > 0 ? span / high * saturation : 0, high * value);
}

static float linear(float v)
{
	return v <= 0.04045f ? v / 12.92f : powf((v + 0.055f) / 1.055f, 2.4f);
}

float colour_luminance(struct colour c)
{
	return 0.2126f * linear(c.r) + 0.7152f * linear(c.g) + 0.0722f * linear(c.b);
}

/* ---- polygons ---- */

struct span {
	int from, to; /* rows or columns, `to` excluded */
};

static struct span span_of(float low, float high, int limit)
{
	struct span s;

	s.from = low <= 0 ? 0 : low >= (float)limit ? limit : (int)low;
	s.to = high <= 0 ? 0 : high >= (float)limit ? limit : (int)high + 1;
	if (s.to > limit)
		s.to = limit;
	return s;
}

/* Where the outline crosses the line y, sorted. */
static int crossings(const struct point *p, int count, float y, float out[POLYGON_MAX])
{
	int n = 0;

	for (int i = 0, j = count - 1; i < count; j = i++) {
		float x;
		int k;

		if ((p[i].y <= y) == (p[j].y <= y))
			continue;
		x = p[i].x + (y - p[i].y) * (p[j].x - p[i].x) / (p[j].y - p[i].y);
		for (k = n++; k > 0 && out[k - 1] > x; k--)
			out[k] = out[k - 1];
		out[k] = x;
	}
	return n;
}

/* Adds the part of a scan line between two places; the pixels at its ends are covered in part. */
static void cover(float *row, int width, float from, float to)
{
	const float full = 1.0f / LINES_PER_PIXEL;
	struct span s = span_of(from, to, width);

	if (s.from >= s.to)
		return;
	from = maxf(from, 0);
	to = minf(to, (float)width);
	for (int x = s.from; x < s.to; x++)
		row[x] += full;
	row[s.from] -= (from - (float)s.from) * full;
	row[s.to - 1] -= ((float)s.to - to) * full;
}

static void blend_row(struct canvas *c, int y, struct span s, float *row, struct colour k, float alpha)
{
	const uint8_t solid[3] = { channel(k.r), channel(k.g), channel(k.b) };
	uint8_t *p = canvas_at(c, s.from, y);

	for (int x = s.from; x < s.to; x++, p += 3) {
		float covered = alpha * row[x];

		row[x] = 0;
		if (covered > 0.998f)
			memcpy(p, solid, 3);
		else if (covered > 0.004f)
			pixel_blend(p, k, covered);
	}
}

void fill_polygon(struct canvas *c, const struct point *points, int count, struct colour k, float alpha)
{
	float low_x = points[0].x, high_x = low_x, low_y = points[0].y, high_y = low_y;
	float cross[POLYGON_MAX], *row;
	struct span rows, columns;

	CHECK(count >= 3 && count <= POLYGON_MAX);
	for (int i = 1; i < count; i++) {
		low_x = minf(low_x, points[i].x);
		high_x = maxf(high_x, points[i].x);
		low_y = minf(low_y, points[i].y);
		high_y = maxf(high_y, points[i].y);
	}
	rows = span_of(low_y, high_y, c->height);
	columns = span_of(low_x, high_x, c->width);
	if (rows.from >= rows.to || columns.from >= columns.to)
		return;
	row = mem_alloc((size_t)c->width * sizeof(*row));
	for (int y = rows.from; y < rows.to; y++) {
		for (int line = 0; line < LINES_PER_PIXEL; line++) {
			float at = (float)y + ((float)line + 0.5f) / LINES_PER_PIXEL;
			int n = crossings(points, count, at, cross);

			for (int i = 0; i + 1 < n; i += 2)
				cover(row, c->width, cross[i], cross[i + 1]);
		}
		blend_row(c, y, columns, row, k, alpha);
	}
	mem_release(row);
}

/* ---- round things ---- */

void fill_ellipse(struct canvas *c, float x, float y, float rx, float ry, struct colour k, float alpha)
{
	struct span rows = span_of(y - ry - 1, y + ry + 1, c->height);
	struct span columns = span_of(x - rx - 1, x + rx + 1, c->width);
	float small = minf(rx, ry);

	if (small <= 0)
		return;
	for (int j = rows.from; j < rows.to; j++) {
		float v = ((float)j + 0.5f - y) / ry;

		for (int i = columns.from; i < columns.to; i++) {
			float u = ((float)i + 0.5f - x) / rx;
			float edge = (1 - sqrtf(u * u + v * v)) * small + 0.5f;

			if (edge > 0)
				pixel_blend(canvas_at(c, i, j), k, alpha * minf(edge, 1));
		}
	}
}

void fill_panel(struct canvas *c, float left, float top, float right, float bottom, float radius, struct colour k,
                float alpha)
{
	struct span rows = span_of(top - 1, bottom + 1, c->height);
	struct span columns = span_of(left - 1, right + 1, c->width);
	float middle_x = (left + right) / 2, middle_y = (top + bottom) / 2;
	float half_x = (right - left) / 2, half_y = (bottom - top) / 2;

	radius = minf(radius, minf(half_x, half_y));
	for (int j = rows.from; j < rows.to; j++) {
		float v = fabsf((float)j + 0.5f - middle_y) - half_y + radius;

		for (int i = columns.from; i < columns.to; i++) {
			float u = fabsf((float)i + 0.5f - middle_x) - half_x + radius;
			float out_x = maxf(u, 0), out_y = maxf(v, 0);
			float away = sqrtf(out_x * out_x + out_y * out_y) + minf(maxf(u, v), 0) - radius;

			if (away < 0.5f)
				pixel_blend(canvas_at(c, i, j), k, alpha * clampf(0.5f - away, 0, 1));
		}
	}
}

void fill_rect(struct canvas *c, float left, float top, float right, float bottom, struct colour k, float alpha)
{
	const struct point corners[4] = { { left, top }, { right, top }, { right, bottom }, { left, bottom } };

	if (right > left && bottom > top)
		fill_polygon(c, corners, 4, k, alpha);
}

void draw_line(struct canvas *c, float x0, float y0, float x1, float y1, float thick, struct colour k, float alpha)
{
	float half = thick / 2, dx = x1 - x0, dy = y1 - y0, square = dx * dx + dy * dy;
	struct span rows = span_of(minf(y0, y1) - half - 1, maxf(y0, y1) + half + 1, c->height);
	struct span columns = span_of(minf(x0, x1) - half - 1, maxf(x0, x1) + half + 1, c->width);

	for (int j = rows.from; j < rows.to; j++) {
		for (int i = columns.from; i < columns.to; i++) {
			float px = (float)i + 0.5f - x0, py = (float)j + 0.5f - y0;
			float t = square > 0 ? clampf((px * dx + py * dy) / square, 0, 1) : 0;
			float edge = half + 0.5f - hypotf(px - t * dx, py - t * dy);

			if (edge > 0)
				pixel_blend(canvas_at(c, i, j), k, alpha * minf(edge, 1));
		}
	}
}

void add_glow(struct canvas *c, float x, float y, float radius, struct colour k, float amount)
{
	struct span rows = span_of(y - radius, y + radius, c->height);
	struct span columns = span_of(x - radius, x + radius, c->width);

	for (int j = rows.from; j < rows.to; j++) {
		for (int i = columns.from; i < columns.to; i++) {
			float u = ((float)i + 0.5f - x) / radius, v = ((float)j + 0.5f - y) / radius;
			float left = 1 - (u * u + v * v);

			if (left > 0)
				pixel_add(canvas_at(c, i, j), k, amount * left * left * left);
		}
	}
}
