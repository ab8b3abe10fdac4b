/*
 * A lattice of hashed numbers, joined by the smoothstep curve. The hash takes two multiplications:
 * this is the inner loop of every picture.
 */
#include "pixels/noise.h"

#include <math.h>

static uint32_t mix(uint32_t seed, uint32_t x, uint32_t y)
{
	uint32_t h = seed ^ x * 0x85ebca6bu ^ y * 0xc2b2ae35u;

	h = (h ^ h >> 15) * 0x2c1b3c6du;
	h = (h ^ h >> 12) * 0x297a2d39u;
	return h ^ h >> 15;
}

float lattice(uint32_t seed, int32_t x, int32_t y)
{
	return (float)(mix(seed, (uint32_t)x, (uint32_t)y) >> 8) * 0x1p-24f;
}

static float ease(float t)
{
	return t * t * (3.0f - 2.0f * t);
}

/* floorf is a library call on the plain x86-64 that we build for. */
static int32_t floor_of(float x)
{
	int32_t i = (int32_t)x;

	return i - ((float)i > x);
}

float noise1(uint32_t seed, float x)
{
	int32_t i = floor_of(x);
	float t = ease(x - (float)i);
	float a = lattice(seed, i, 0), b = lattice(seed, i + 1, 0);

	return a + (b - a) * t;
}

float noise2(uint32_t seed, float x, float y)
{
	int32_t i = floor_of(x), j = floor_of(y);
	float u = ease(x - (float)i), v = ease(y - (float)j);
	float a = lattice(seed, i, j), b = lattice(seed, i + 1, j);
	float c = lattice(seed, i, j + 1), d = lattice(seed, i + 1, j + 1);

	a += (b - a) * u;
	c += (d - c) * u;
	return a + (c - a) * v;
}

float fbm1(uint32_t seed, float x, int octaves)
{
	float sum = 0, weight = 0.5f, total = 0;

	for (int i = 0; i < octaves; i++) {
		sum += weight * noise1(seed + (uint32_t)i * 101, x);
		total += weight;
		weight *= 0.5f;
		x *= 2.03f;
	}
	return sum / total;
}

/* Each octave is turned a little, so that the lattice does not show. */
float fbm2(uint32_t seed, float x, float y, int octaves)
{
	float sum = 0, weight = 0.5f, total = 0;

	for (int i = 0; i < octaves; i++) {
		float turned = 1.6f * x + 1.2f * y;

		sum += weight * noise2(seed + (uint32_t)i * 101, x, y);
		total += weight;
		weight *= 0.5f;
		y = -1.2f * x + 1.6f * y + 3.7f;
		x = turned + 1.3f;
	}
	return sum / total;
}

float ridged1(uint32_t seed, float x, int octaves)
{
	float sum = 0, weight = 0.5f, total = 0;

	for (int i = 0; i < octaves; i++) {
		float n = 1.0f - fabsf(2.0f * noise1(seed + (uint32_t)i * 101, x) - 1.0f);

		sum += weight * (i == 0 ? n : n * n);
		total += weight;
		weight *= 0.45f;
		x *= 2.1f;
	}
	return sum / total;
}
