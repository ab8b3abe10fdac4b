#pragma once
/*
 * lease - this instance's right to work on its jobs.
 *
 * One row for each instance: id, epoch, until (15 s, beaten every 5 s). Jobs carry owner and
 * epoch, and every write checks them; a job of an instance whose lease has run out may be
 * taken over by any other. The ids are kept in the data directory, one file each, so that a restart recognises its
 * own jobs at once; the epoch grows with each start, so that what an earlier life still sends is refused.
 *
 * Held is judged by the monotonic clock from the moment a beat was *sent*: after SIGSTOP and
 * SIGCONT, or with Postgres gone, it is not held, and nothing paid may leave.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct core;
struct lease;

enum { LEASE_MS = 15000, LEASE_BEAT_MS = 5000 };

struct lease *lease_new(struct core *core, struct str *why);
void lease_free(struct lease **l);
/* Begin: claims the row as soon as Postgres answers, then calls `ready` once. */
void lease_start(struct lease *l, void (*ready)(struct core *core));
bool lease_is_held(const struct lease *l);
struct str lease_id(const struct lease *l);
/* Decimal text of the epoch, for statements. */
struct str lease_epoch(const struct lease *l);
/* A clean stop: others need not wait 15 s. `done` runs when said, or after a second. */
void lease_stop(struct lease *l, void (*done)(struct core *core));
