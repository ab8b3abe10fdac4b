#pragma once
/*
 * explore - every schedule with at most `budget` deviations, one after the other.
 *
 * A run asks explore_choose at each point where the world may go on in several ways; 0 is the usual way and
 * free, anything else costs one deviation. The run is then repeated with the next combination, like
 * an odometer, so a run must be a function of its choices alone.
 */
#include <stdbool.h>
#include <stdint.h>

enum { EXPLORE_POINTS = 4096 };

struct explorer {
	struct explore_point {
		uint8_t ways, taken;
	} path[EXPLORE_POINTS];
	unsigned length;        /* of the path known so far */
	unsigned at;            /* points passed in this run */
	unsigned spent, budget; /* deviations */
};

void explore_start(struct explorer *x, unsigned budget);
/* Again from the beginning, in the next way; false when there is none. */
bool explore_next(struct explorer *x);
unsigned explore_choose(struct explorer *x, unsigned ways);
