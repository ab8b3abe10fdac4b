#pragma once
/*
 * steps - the functions behind the columns of steps.def, three for each step.
 *
 * X_start  begins the work; it ends by run_finish or run_succeed, from a completion or right away
 * X_done   runs after a success and says which step is next
 * X_drop   lets go of what X_start began; the result, if it still comes, is not heard
 */
#include "core/job.h"

#define STEP(id, fn, seconds, tries, flags, status, on_refused, on_fail) \
	void fn##_start(struct run *r); \
	enum job_step fn##_done(struct run *r); \
	void fn##_drop(struct run *r);
#include "core/steps.def"
#undef STEP
