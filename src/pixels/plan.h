#pragma once
/*
 * plan - what the picture will show: scene, time of day, weather, colours and the dice for the rest.
 *
 * Follows from the prompt's words where they say something, from the dice where they do not.
 */
#include <stdbool.h>

#include "pixels/canvas.h"
#include "pixels/dice.h"
#include "pixels/request.h"

enum scene { MOUNTAINS, SEA, FOREST, CITY, DESERT, SPACE, GARDEN, CASTLE, CAT, WAVES, TILES, CELLS, FLOW, SCENES };
enum time_of_day { DAY, DAWN, SUNSET, NIGHT, TIMES };
enum weather { CLEAR, SNOWFALL, RAIN, MIST, WEATHERS };

struct palette {
	struct colour top, middle, low; /* of the sky */
	struct colour sun, far, near;
};

struct plan {
	enum scene scene;
	enum time_of_day time;
	enum weather weather;
	struct palette palette;
	struct dice dice;
	float horizon;    /* 0..1 of the height */
	float sun_x;      /* 0..1 of the width */
	float sun_y;      /* 0..1 of the height */
	float sun_radius; /* of the shorter side */
	float clouds;     /* 0: none, 1: overcast */
};

struct plan plan_make(const struct request *r);
