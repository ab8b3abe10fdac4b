#pragma once
/*
 * router - from method and path to a row of a route table.
 *
 * Patterns: "/api/images/status/{id}"; a {name} takes one non-empty segment, {name...} at the end takes
 * the rest. Literal segments win over parameters. The table is checked once at start: two rows
 * that could match the same request are refused.
 */
#include <stdbool.h>

#include "http/http.h"

struct route {
	enum http_method method;
	const char *pattern;
	unsigned access; /* meaning is the API layer's */
	unsigned flags;
	size_t body_limit;
	void (*handle)(struct http_req *req);
	const char *metric; /* short name for metrics and the access log */
	void *context;      /* of the module that handles it; may be NULL */
};

struct router {
	const struct route *routes;
	size_t count;
};

MUST_CHECK bool router_init(struct router *r, const struct route *routes, size_t count, struct str *why);
/* The row, with req->params filled, or NULL; then *allow is the list for an Allow header
 * (in the request's arena), empty when no method has that path. HEAD matches GET rows. */
const struct route *router_match(const struct router *r, struct http_req *req, struct str *allow);
