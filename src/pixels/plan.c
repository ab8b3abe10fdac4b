/*
 * The dice are seeded from prompt, style, seed and number by SHA-256, so that any change of
 * any of them gives another picture, and the same four the same one.
 */
#include "pixels/plan.h"

#include "base/hash.h"
#include "pixels/hints.h"

enum { VARIANTS = 4 };

/* top, middle and low of the sky; sun or moon; the farthest and the nearest ground */
static const uint32_t palettes[TIMES][VARIANTS][6] = {
	/* clang-format off */
	[DAY] = {
		{ 0x2f7fd6, 0x8cc4f2, 0xe6f4ff, 0xfffbe8, 0x8fb0cf, 0x1f4a3c },
		{ 0x3f97c4, 0xa3d8de, 0xf5f2dc, 0xfffdf0, 0x9bbfc0, 0x2c5a3a },
		{ 0x4f7fc9, 0xb2c8f0, 0xfdeee0, 0xfffaf0, 0xa0a9cf, 0x2f3f63 },
		{ 0x1f6f8f, 0x7fc4b8, 0xf2f0c8, 0xfffce0, 0x86b3a4, 0x24503f },
	},
	[DAWN] = {
		{ 0x5d76a9, 0xe4a9b0, 0xffe3c4, 0xfff3dc, 0xa594b8, 0x3a3a5c },
		{ 0x3f6f8f, 0xb7c9c0, 0xffe9b8, 0xfff8e0, 0x8fa9a8, 0x24484f },
		{ 0x6a5a9c, 0xd9a0c8, 0xffd9d0, 0xfff0ea, 0xa084b5, 0x3a2a58 },
		{ 0x4a6fb0, 0xf0b490, 0xfff0b0, 0xfffadc, 0xb09aa0, 0x40384a },
	},
	[SUNSET] = {
		{ 0x2b1b4d, 0xb0416b, 0xffb35c, 0xfff1c9, 0x8a3f6b, 0x1c1030 },
		{ 0x14243f, 0xd1603d, 0xffd27a, 0xfff0c0, 0x8a5058, 0x17141f },
		{ 0x3a1c5a, 0xe0567a, 0xffc9a0, 0xfff0dc, 0x91497f, 0x22103a },
		{ 0x1d3557, 0xc8553d, 0xf9c74f, 0xfff3b0, 0x70506a, 0x141a2c },
	},
	[NIGHT] = {
		{ 0x050b1f, 0x12274f, 0x2f4f7f, 0xf4f1de, 0x27426a, 0x050a14 },
		{ 0x0a0620, 0x2a1850, 0x5a3a80, 0xf0e8ff, 0x3a2a66, 0x07040f },
		{ 0x02131a, 0x0a3a44, 0x1f6a6a, 0xeafff4, 0x16505a, 0x020a0d },
		{ 0x0b1026, 0x1f2f66, 0x6a5a8f, 0xfff4dc, 0x33406f, 0x060812 },
	},
	/* clang-format on */
};

static void seed_dice(const struct request *r, struct dice *d)
{
	uint8_t digest[SHA256_BYTES];
	int64_t numbers[2] = { r->seed, r->number };
	struct sha256 hash;

	sha256_init(&hash);
	sha256_update(&hash, r->prompt.p ? r->prompt.p : "", r->prompt.n);
	sha256_update(&hash, "", 1);
	sha256_update(&hash, r->style.p ? r->style.p : "", r->style.n);
	sha256_update(&hash, "", 1);
	sha256_update(&hash, r->negative_prompt.p ? r->negative_prompt.p : "", r->negative_prompt.n);
	sha256_update(&hash, numbers, sizeof(numbers));
	sha256_final(&hash, digest);
	memcpy(&d->state, digest, sizeof(d->state));
}

static enum scene any_scene(struct dice *d)
{
	static const enum scene likely[] = {
		MOUNTAINS, MOUNTAINS, MOUNTAINS, SEA,   SEA,   FOREST, FOREST, CITY,
		DESERT,    GARDEN,    GARDEN,    SPACE, WAVES, TILES,  CELLS,  FLOW,
	};

	return likely[dice_below(d, COUNT_OF(likely))];
}

static enum weather any_weather(enum scene scene, struct dice *d)
{
	if (scene == MOUNTAINS && dice_chance(d, 0.15f))
		return SNOWFALL;
	return scene == FOREST && dice_chance(d, 0.35f) ? MIST : CLEAR;
}

static struct palette palette_pick(enum time_of_day time, struct dice *d)
{
	const uint32_t *row = palettes[time][dice_below(d, VARIANTS)];
	float turn = dice_range(d, -14, 14), strong = dice_range(d, 0.9f, 1.12f);
	struct colour k[6];

	for (int i = 0; i < 6; i++)
		k[i] = colour_turn(colour_hex(row[i]), i == 3 ? 0 : turn, strong, 1);
	return (struct palette){ k[0], k[1], k[2], k[3], k[4], k[5] };
}

/* Overcast and rain take the colour out; snow lightens the ground. */
static void palette_weather(struct palette *p, enum weather weather)
{
	struct colour grey = colour_mix(p->middle, (struct colour){ 0.5f, 0.53f, 0.58f }, 0.5f);

	if (weather == RAIN) {
		p->top = colour_mix(colour_scale(p->top, 0.7f), grey, 0.5f);
		p->middle = colour_mix(p->middle, grey, 0.6f);
		p->low = colour_mix(colour_scale(p->low, 0.85f), grey, 0.5f);
		p->near = colour_scale(p->near, 0.8f);
	} else if (weather == MIST) {
		p->top = colour_mix(p->top, p->low, 0.45f);
		p->far = colour_mix(p->far, p->low, 0.5f);
		p->near = colour_mix(p->near, p->low, 0.12f);
	}
}

struct plan plan_make(const struct request *r)
{
	struct plan p = { .dice = { 0 } };
	struct hints said, style;
	float low;

	seed_dice(r, &p.dice);
	hints_read(r->prompt, &said);
	hints_read(r->style, &style);
	/* Each choice throws its dice whether it is needed or not: a word more moves nothing else. */
	p.scene = any_scene(&p.dice);
	p.time = (enum time_of_day)dice_below(&p.dice, TIMES);
	if (said.scene < 0)
		said.scene = style.scene;
	if (said.scene >= 0)
		p.scene = (enum scene)said.scene;
	if (said.time >= 0)
		p.time = (enum time_of_day)said.time;
	p.weather = any_weather(p.scene, &p.dice);
	if (said.weather >= 0)
		p.weather = (enum weather)said.weather;
	if (said.weather == SNOWFALL && said.scene < 0)
		p.scene = dice_chance(&p.dice, 0.5f) ? MOUNTAINS : FOREST;
	p.palette = palette_pick(p.time, &p.dice);
	palette_weather(&p.palette, p.weather);
	p.horizon = dice_range(&p.dice, 0.50f, 0.66f);
	p.sun_x = dice_chance(&p.dice, 0.5f) ? dice_range(&p.dice, 0.14f, 0.42f) : dice_range(&p.dice, 0.58f, 0.86f);
	low = p.time == SUNSET || p.time == DAWN ? 1 : 0;
	p.sun_y = p.horizon * (low > 0 ? dice_range(&p.dice, 0.55f, 0.88f) : dice_range(&p.dice, 0.18f, 0.5f));
	p.sun_radius = low > 0 ? dice_range(&p.dice, 0.055f, 0.095f) : dice_range(&p.dice, 0.035f, 0.06f);
	p.clouds = dice_chance(&p.dice, 0.75f) ? dice_range(&p.dice, 0.2f, 0.75f) : 0;
	if (p.weather == RAIN)
		p.clouds = 1;
	return p;
}
