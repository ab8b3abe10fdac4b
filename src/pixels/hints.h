#pragma once
/*
 * hints - what the words of a prompt say about the picture.
 */
#include "base/str.h"
#include "pixels/plan.h"

struct hints {
	int scene, time, weather; /* -1: not said */
};

void hints_read(struct str text, struct hints *h);
