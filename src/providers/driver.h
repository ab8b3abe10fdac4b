#pragma once
/*
 * driver - small things that every driver writes the same way.
 */
#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "imago/provider.h"

/* Nothing said: what every parse_ and every failing build_ starts from. */
void outcome_init(struct imago_outcome *out, enum imago_outcome_kind kind);
void outcome_fail(struct imago_outcome *out, enum imago_failure failure, struct str message);
/* For build_*: fails with a constant text and returns false. */
bool outcome_refuse(struct imago_outcome *out, enum imago_failure failure, const char *message);

/* A copy that lives as long as the memory. */
struct str driver_copy(struct imago_memory *memory, struct str s);
/* The same, cut to `max` bytes between two characters: for texts of unknown length. */
struct str driver_copy_text(struct imago_memory *memory, struct str s, size_t max);
/* Retry-After in seconds or as a date (measured against the answer's own Date: drivers have no clock). 0: not said. */
unsigned reply_retry_after(const struct imago_reply *reply);
/* A view of the built text in memory; the buf is cleared. Empty with p NULL when it overflowed. */
struct str driver_take(struct imago_memory *memory, struct buf *b);
