#pragma once
/*
 * resume - jobs that nobody works on become ours: after a restart, or when an instance died.
 *
 * A part goes on at the step its row names:
 *
 *   ADMIT            ADMIT
 *   SUBMIT           unknown: the call may have left. Never again; OVER with OUTCOME_UNKNOWN
 *   CALL             unknown too, unless the driver says that a repetition costs nothing: CALL
 *   WAIT             WAIT: asked about by its recorded handle
 *   anything else    the same
 */
struct core;
struct resume;

struct resume *resume_new(struct core *core);
void resume_free(struct resume **r);
/* From now on, once a second. */
void resume_start(struct resume *r);
void resume_stop(struct resume *r);
