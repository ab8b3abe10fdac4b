#pragma once
/*
 * problem - RFC 9457 error bodies: the shape of every error that no other shape is asked for.
 */
#include "base/fault.h"
#include "http/http.h"

struct problem_field {
	struct str field, message;
};

struct problem {
	const struct fault *fault;
	struct str title;  /* empty: the fault's own, in English */
	struct str job_id; /* empty: none */
	struct str allow;  /* for 405: from router_match */
	const struct problem_field *fields;
	unsigned field_count;
	struct str extra; /* further members, `"balance":3,"price":5`, or empty */
};

/* Writes Retry-After from the fault (1 s where a 503 or 429 has none), then the body, and ends the answer.
 * An answer that was started with fields of the caller's, and with the fault's status, is gone on with. */
void problem_send(struct http_req *req, const struct problem *p);
