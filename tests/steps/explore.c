/*
 * explore - the path holds the points up to the last deviation and those behind it that could still deviate.
 *
 * Once the budget is spent nothing is recorded: the rest of such a run has one way only.
 */
#include "explore.h"

#include "base/check.h"

void explore_start(struct explorer *x, unsigned budget)
{
	x->length = x->at = x->spent = 0;
	x->budget = budget;
}

bool explore_next(struct explorer *x)
{
	while (x->length > 0 && x->path[x->length - 1].taken + 1 >= x->path[x->length - 1].ways)
		x->length--;
	x->at = x->spent = 0;
	if (x->length == 0)
		return false;
	x->path[x->length - 1].taken++;
	return true;
}

unsigned explore_choose(struct explorer *x, unsigned ways)
{
	struct explore_point *p;

	if (x->spent >= x->budget)
		return 0;
	CHECK(x->at < EXPLORE_POINTS);
	p = &x->path[x->at];
	if (x->at == x->length) {
		*p = (struct explore_point){ .ways = (uint8_t)ways };
		x->length++;
	}
	if (p->ways == 0) /* read from a command line */
		p->ways = (uint8_t)ways;
	CHECK(p->ways == ways && p->taken < ways); /* else a run is not a function of its choices */
	x->at++;
	x->spent += p->taken > 0;
	return p->taken;
}
