#pragma once
/*
 * dice - the only source of chance: a stream of numbers that follows from the request.
 *
 * Not for secrets. The same prompt, seed and number throw the same dice on every machine.
 */
#include <stdint.h>

struct dice {
	uint64_t state;
};

/* splitmix64 */
static inline uint64_t dice_next(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* 0 <= x < 1 */
static inline float dice_unit(struct dice *d)
{
	return (float)(dice_next(d) >> 40) * 0x1p-24f;
}

static inline float dice_range(struct dice *d, float low, float high)
{
	return low + (high - low) * dice_unit(d);
}

/* 0 .. n-1 */
static inline unsigned dice_below(struct dice *d, unsigned n)
{
	return (unsigned)(((dice_next(d) >> 32) * n) >> 32);
}

static inline int dice_chance(struct dice *d, float probability)
{
	return dice_unit(d) < probability;
}

static inline uint32_t dice_seed(struct dice *d)
{
	return (uint32_t)(dice_next(d) >> 32);
}
