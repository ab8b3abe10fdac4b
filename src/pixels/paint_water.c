/*
 * Water mirrors the rows above its surface, pressed together and shaken sideways by waves that grow
 * towards the viewer, and takes the colour of the sky; under the sun it glitters.
 */
#include <math.h>

#include "pixels/noise.h"
#include "pixels/paint.h"

static int bounded(float v, int limit)
{
	int i = (int)v;

	return i < 0 ? 0 : i >= limit ? limit - 1 : i;
}

void paint_water(struct canvas *c, struct plan *p, int surface)
{
	uint32_t seed = dice_seed(&p->dice);
	float unit = paint_unit(c), rough = dice_range(&p->dice, 0.6f, 1.3f);
	float sun_x = p->sun_x * (float)c->width;
	struct colour tint = colour_mix(p->palette.top, p->palette.near, 0.45f);
	struct colour deep = colour_mix(p->palette.middle, (struct colour){ 1, 1, 1 }, 0.25f);
	float shine = p->weather == RAIN ? 0 : p->time == DAY ? 0.35f : p->time == NIGHT ? 0.4f : 0.75f;

	for (int y = surface; y < c->height; y++) {
		float down = (float)(y - surface), depth = down / (float)(c->height - surface);
		/* Perspective: the same wave is lower and narrower far away. */
		float far = 1 / (0.06f + depth), v = far * 9;
		float mirrored = (float)surface - 1 - down * 0.85f;
		float path = unit * (0.035f + 0.20f * depth);

		for (int x = 0; x < c->width; x++) {
			float u = ((float)x - (float)c->width / 2) / unit;
			float wave = noise2(seed, u * far * 1.6f, v * 2.2f) - 0.5f;
			float small = noise2(seed + 1, u * far * 5, v * 5) - 0.5f;
			float shake = (wave + 0.5f * small) * rough * unit * (0.008f + 0.055f * depth);
			float near = ((float)x - sun_x + shake * 2) / path;
			struct colour k = pixel_get(canvas_at(c, bounded((float)x + shake, c->width),
			                                      bounded(mirrored + shake * 1.5f, surface)));

			/* Clear water far away, deeper colour near by; bright things stay bright in it. */
			k = colour_mix(colour_mix(k, (struct colour){ k.r * deep.r, k.g * deep.g, k.b * deep.b },
			                          0.4f + 0.5f * depth),
			               tint, 0.06f + 0.24f * depth);
			k = colour_scale(k, 0.96f + 0.35f * wave * (0.3f + depth));
			k = colour_add(k, p->palette.sun,
			               shine * expf(-near * near) * smoothstep(0.02f, 0.34f, wave + 0.6f * small));
			pixel_set(canvas_at(c, x, y), k);
		}
	}
	/* A thin bright line where water meets air. */
	for (int x = 0; x < c->width && surface < c->height; x++)
		pixel_blend(canvas_at(c, x, surface), p->palette.low, 0.35f);
}
