#pragma once
/*
 * paint - from a plan to pixels. Every painter draws over what is there, from the back to the front.
 *
 * Lengths called `unit` are in pixels and equal the shorter side of the picture, so that a picture
 * looks alike at every size.
 */
#include "pixels/canvas.h"
#include "pixels/plan.h"

void paint_picture(struct canvas *c, struct plan *p);

float paint_unit(const struct canvas *c);

/* paint_sky.c: down to the row `bottom` */
void paint_sky(struct canvas *c, struct plan *p, int bottom);
void paint_stars(struct canvas *c, struct plan *p, int bottom, float density);
void paint_weather(struct canvas *c, struct plan *p);

/* paint_land.c */
struct ridge {
	uint32_t seed;
	float base, rise; /* of the height: where it stands, how far it goes up */
	float scale;      /* hills across a height's width */
	float sharp;      /* 0: dunes, 1: rock */
	float snow;       /* 0: none; else how far down it reaches, of `rise` */
	struct colour body, foot;
};
/* The outline, one row number for each column; owned by the caller (mem_release). */
float *ridge_outline(const struct canvas *c, const struct ridge *r);
void paint_ridge(struct canvas *c, const struct plan *p, const struct ridge *r, const float *outline);
/* `count` ridges one behind the other, from the horizon down to `bottom` (of the height), not below the row
 * `until`: what is drawn next covers that. */
void paint_ridges(struct canvas *c, struct plan *p, int count, float bottom, float sharp, float rise, int until);
void paint_dunes(struct canvas *c, struct plan *p);

/* paint_water.c: everything below the row is water that mirrors what is above */
void paint_water(struct canvas *c, struct plan *p, int surface);

/* paint_trees.c */
void paint_spruce(struct canvas *c, struct dice *d, float x, float ground, float tall, struct colour k);
void paint_tree(struct canvas *c, struct dice *d, float x, float ground, float tall, struct colour trunk,
                struct colour leaves);
void paint_flower(struct canvas *c, struct dice *d, float x, float y, float size, struct colour petals);

/* paint_things.c */
void paint_birds(struct canvas *c, struct plan *p);
void paint_boat(struct canvas *c, struct plan *p, float x, float waterline, float size);
void paint_castle(struct canvas *c, struct plan *p, float x, float ground, float size);
void paint_cat(struct canvas *c, struct plan *p, float x, float ground, float size);

/* paint_city.c */
void paint_city(struct canvas *c, struct plan *p, float ground);

/* paint_space.c, paint_pattern.c: the whole canvas */
void paint_space(struct canvas *c, struct plan *p);
void paint_waves(struct canvas *c, struct plan *p);
void paint_tiles(struct canvas *c, struct plan *p);
void paint_cells(struct canvas *c, struct plan *p);
void paint_flow(struct canvas *c, struct plan *p);
