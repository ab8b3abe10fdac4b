#pragma once
/*
 * admin - what operators and their tools ask: is it alive, is it ready, how is it doing.
 *
 * None of these asks a provider or a store anything: they tell what the work itself has shown, so they
 * cost nothing and cannot hang.
 */
#include <stdbool.h>

#include "core/core.h"
#include "http/http.h"
#include "http/router.h"

struct admin {
	struct core *core;
	uint64_t started_ms;
	const char *version;
};

enum { ADMIN_ROUTES = 4 };

void admin_init(struct admin *a, struct core *core, const char *version);
/* Rows for the router; `access` is what the API layer calls a route that is open to all. */
void admin_routes(struct admin *a, unsigned access, struct route out[ADMIN_ROUTES]);
/* May a load balancer send work here? *why is what is missing. */
bool admin_is_ready(const struct admin *a, const char **why);
