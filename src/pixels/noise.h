#pragma once
/*
 * noise - smooth value noise, 0..1, and sums of octaves of it.
 */
#include <stdint.h>

float noise1(uint32_t seed, float x);
float noise2(uint32_t seed, float x, float y);
/* Sums of octaves, each twice as fine and half as strong; still 0..1. */
float fbm1(uint32_t seed, float x, int octaves);
float fbm2(uint32_t seed, float x, float y, int octaves);
/* The same with sharp crests: mountains. */
float ridged1(uint32_t seed, float x, int octaves);
/* A number 0..1 that belongs to a lattice point. */
float lattice(uint32_t seed, int32_t x, int32_t y);
