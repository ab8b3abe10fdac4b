#pragma once
/*
 * registry - the drivers that are built in, by type.
 *
 * The table is checked once at start: a driver that promises what it has no function for
 * is our bug and must not wait for the first customer to show.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/check.h"
#include "imago/provider.h"
#include "providers/catalog.h"

extern const struct imago_driver demo_driver;
extern const struct imago_driver fal_driver;
extern const struct imago_driver modelslab_driver;

/* NULL: there is no such driver. */
const struct imago_driver *registry_find(struct str type);
/* In the order of the table; NULL past the end. */
const struct imago_driver *registry_at(size_t i);

/* false: *why (static text) says which promise it breaks. */
MUST_CHECK bool driver_is_sound(const struct imago_driver *d, const char **why);
/* All drivers are sound and no type occurs twice. */
MUST_CHECK bool registry_check(const char **why);
/* Each row has a driver that can do its operations and understands its params: the driver is
 * asked to build a request for every ratio and format. *why lives in the arena. */
MUST_CHECK bool registry_check_catalog(const struct catalog *c, struct arena *a, struct str *why);
