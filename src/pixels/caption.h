#pragma once
/*
 * caption - the prompt on a panel at the bottom, and the label that says that this is a demo picture.
 */
#include "base/str.h"
#include "pixels/canvas.h"
#include "pixels/plan.h"

struct box {
	int x, y, width, height; /* width 0: none */
};

struct caption {
	struct box panel, label;
};

struct caption paint_caption(struct canvas *c, const struct plan *p, struct str prompt);
