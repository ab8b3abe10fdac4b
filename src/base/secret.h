#pragma once
/*
 * secret - text that must never reach a log, an error, a process list or a URL.
 *
 * The type has no conversion to struct str but secret_reveal, so that each place that
 * looks inside can be found by its name; no log macro takes it.
 */
#include "imago/provider.h"

struct str secret_reveal(struct imago_secret s);
/* "…" and the last four characters, or "…" alone when shorter than 12: for people to tell keys apart. */
struct str secret_hint(struct imago_secret s, char out[16]);
