#pragma once
/*
 * task - from a part of a job to what a driver is asked, and from its outcome to what is fetched.
 */
#include "core/job.h"
#include "imago/provider.h"

/* Strings live in the arena, the record or the catalog. */
void task_fill(struct imago_task *task, const struct part *p, struct arena *a);
/* Keep the pictures' places in the part's arena. STORE, or OVER with the part's fault set when there is none to fetch. */
enum job_step part_take_sources(struct part *p, const struct imago_outcome *outcome);
