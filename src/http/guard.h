#pragma once
/*
 * guard - a scan of the raw bytes in front of llhttp: rules G1 to G4 and G7.
 *
 * It knows nothing but framing: where a head ends, where a body ends, and what may stand
 * between. It is stricter than llhttp, so what it lets through llhttp reads the same way;
 * the parser (parse.h) feeds llhttp exactly the bytes that the guard has passed and
 * refuses the request when the two disagree about an end.
 *
 *   START -> METHOD -> TARGET -> VERSION -> (LINE -> NAME -> VALUE)* -> END         guard_head
 *   SIZE -> [EXTENSION] -> DATA -> SIZE ... -> (LINE -> NAME -> VALUE)* -> END      guard_body, chunked
 *
 * The answer does not depend on how the bytes are cut into pieces.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct http_limits;

enum guard_state {
	GUARD_START,
	GUARD_START_LF,
	GUARD_METHOD,
	GUARD_TARGET,
	GUARD_VERSION,
	GUARD_LINE,
	GUARD_NAME,
	GUARD_VALUE,
	GUARD_VALUE_LF,
	GUARD_END_LF,
	GUARD_LENGTH,
	GUARD_SIZE,
	GUARD_SIZE_LF,
	GUARD_EXTENSION,
	GUARD_DATA,
	GUARD_DATA_CR,
	GUARD_DATA_LF,
	GUARD_DONE,
	GUARD_REFUSED
};

struct guard {
	const struct http_limits *limits;
	enum guard_state state;
	bool crlf_seen, in_trailer;
	uint8_t digits;     /* of the chunk size */
	uint8_t version_at; /* bytes of the version that matched */
	char version[10];   /* as read, to tell an unknown version from junk */
	unsigned lines;     /* fields begun */
	size_t head_bytes;  /* without the CRLF in front */
	size_t method_bytes, target_bytes;
	size_t extension_bytes, trailer_bytes;
	uint64_t left; /* of the body or the chunk */
	uint64_t body_bytes, body_limit;
	enum fault_code refused;
	const char *why; /* for the client */
};

void guard_init(struct guard *g, const struct http_limits *limits);

/* Bytes taken from p; *skip of them, at the front, are not part of the head. Ends early at
 * GUARD_DONE (the last byte taken ended the head) or GUARD_REFUSED. */
size_t guard_head(struct guard *g, const char *p, size_t n, size_t *skip);

/* After the head, before guard_body. length < 0: chunked. */
void guard_expect_body(struct guard *g, int64_t length, uint64_t limit);

/* One step: a run of framing bytes, or a run of data; never both, so that a reader can stop between them.
 * Returns the bytes taken; *is_data says which it was. */
size_t guard_body(struct guard *g, const char *p, size_t n, bool *is_data);
