#pragma once
/*
 * loop_priv - what loop, ready, timer and op share inside this folder.
 */
#include "loop/loop.h"
#include "loop/op.h"

/* ready.c */
void ready_add(struct loop *l, struct op *op);
size_t ready_run(struct loop *l); /* one batch; returns how many ran */
size_t hooks_run(struct loop *l); /* hooks that were wanted; returns how many ran */

/* timer.c: the earliest timer, if it is due; false when none is. */
bool timer_fire_next(struct loop *l, uint64_t now_ms);
