#pragma once
/*
 * sigv4 - AWS Signature Version 4: a request's canonical form and its signature, in a header or in the query of a link.
 *
 * Pure: no clock, no I/O. The path is signed as S3 wants it: encoded once, never shortened.
 *
 * Ownership   Texts are made in the caller's arena; it looks at `overflowed` once, before it uses them.
 */
#include <stdint.h>

#include "base/arena.h"
#include "base/secret.h"
#include "base/str.h"

enum { SIGV4_PAIRS_MAX = 24 };

struct sigv4_key {
	struct str access_key, region, service;
	struct imago_secret secret;
};

/* A header field, or a parameter of the query; raw, nothing of it is encoded yet. */
struct sigv4_pair {
	struct str name, value;
};

struct sigv4_request {
	struct str method;
	struct str path;                                                    /* raw: "/bucket/a name" */
	struct sigv4_pair query[SIGV4_PAIRS_MAX], headers[SIGV4_PAIRS_MAX]; /* all that are to be signed, Host too */
	unsigned query_count, header_count;
	struct str payload; /* its SHA-256 in hex, or "UNSIGNED-PAYLOAD" */
};

void sigv4_query(struct sigv4_request *r, struct str name, struct str value);
void sigv4_header(struct sigv4_request *r, struct str name, struct str value);

/* "20150830T123600Z" for x-amz-date, which must be among the headers of what goes with an Authorization field. */
struct str sigv4_date(struct arena *a, int64_t now_us);
/* Path and query as they are sent. */
struct str sigv4_target(struct arena *a, const struct sigv4_request *r);
struct str sigv4_canonical(struct arena *a, const struct sigv4_request *r);
struct str sigv4_string_to_sign(struct arena *a, const struct sigv4_key *key, int64_t now_us, struct str canonical);
/* The value of Authorization. */
struct str sigv4_authorization(struct arena *a, const struct sigv4_key *key, const struct sigv4_request *r,
                               int64_t now_us);
/* Adds the parameters X-Amz-…, X-Amz-Signature last: sigv4_target is the link then. */
void sigv4_presign(struct arena *a, const struct sigv4_key *key, struct sigv4_request *r, unsigned seconds,
                   int64_t now_us);
