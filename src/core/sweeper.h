#pragma once
/*
 * sweeper - makes good what the engine could not see: cancels wished at another instance, jobs
 * past their deadline, and acceptances whose answer was lost.
 *
 * A tombstone is the id of a job that a client was told was not accepted, although that was not
 * certain. For a minute the sweeper looks for such a job and ends it, credits back.
 */
#include <stdbool.h>

#include "base/str.h"

struct core;
struct sweeper;

struct sweeper *sweeper_new(struct core *core);
void sweeper_free(struct sweeper **s);
void sweeper_start(struct sweeper *s);
void sweeper_stop(struct sweeper *s);
/* Somebody wants a job of ours cancelled: do not wait for the next tick. */
void sweeper_look(struct sweeper *s);
void sweeper_bury(struct sweeper *s, struct str user_id, struct str job_id);
