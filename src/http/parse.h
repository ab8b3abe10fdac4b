#pragma once
/*
 * parse - from raw bytes to a request head and body pieces; no socket, no loop.
 *
 *   PARSE_HEAD --parse_head--> PARSE_BODY --parse_body--> PARSE_DONE
 *        \------------------------\--> PARSE_REFUSED (code and why say how)
 *
 * The guard reads first; a head is collected until the guard has seen its end, then llhttp reads it
 * in one go. Two readers have to agree on both ends, or the request is refused.
 * After PARSE_REFUSED nothing more may be fed. The answer does not depend on how the
 * bytes are cut into pieces.
 */
#include <llhttp.h>

#include "http/guard.h"
#include "http/http.h"

enum parse_state { PARSE_HEAD, PARSE_BODY, PARSE_DONE, PARSE_REFUSED };

struct parse {
	struct guard guard;
	llhttp_t llhttp;
	struct http_req *req; /* filled when the head is done; its arena holds the head */
	enum parse_state state;
	enum fault_code refused;
	const char *why;
	char *head;
	size_t head_bytes, head_size;
	unsigned messages; /* that llhttp has begun */
	bool head_read, message_read, stray;
	bool keep_alive, expects_continue;
	struct str name, value; /* the field that llhttp is in */
	unsigned field_room;
	void (*data)(struct parse *p, const char *bytes, size_t n); /* a piece of the body */
};

/* req must have its arena and nothing else. */
void parse_begin(struct parse *p, struct http_req *req, const struct http_limits *limits);
/* Has a byte of the request itself been seen (not just the CRLF in front)? */
bool parse_has_begun(const struct parse *p);
/* Returns the bytes taken; all of them, unless the state changed. */
size_t parse_head(struct parse *p, const char *bytes, size_t n);

/* Once, in PARSE_BODY, before parse_body. May refuse. */
void parse_expect_body(struct parse *p, uint64_t limit);
/* One step: at most one call of data. Returns the bytes taken. */
size_t parse_body(struct parse *p, const char *bytes, size_t n);
/* Bytes of the body still to come; UINT64_MAX when chunked. */
uint64_t parse_body_left(const struct parse *p);

/* for fields.c */
bool parse_refuse(struct parse *p, enum fault_code code, const char *why); /* always false */
/* Method and target of the first line; then what the fields mean (G5, G6, G11, Expect). */
bool fields_check_line(struct parse *p);
bool fields_check(struct parse *p);
enum http_method fields_method(struct str text);
