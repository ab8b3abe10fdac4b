#pragma once
/*
 * http - the HTTP/1.1 edge: one request at a time on each connection, bounds on everything.
 *
 *   connection:  HEAD -> (handler) -> BODY -> (handler answers) -> HEAD ... -> closed
 *
 * The handler is called when the head has been read and has passed the guard rules; it may
 * answer at once, or ask for the body. Nothing more is read until it asks; so the body
 * limit, the key and the content type can be judged before a byte of body is taken, and
 * "Expect: 100-continue" is answered only then.
 *
 * Ownership   The server owns the request. A handler may use it until it ends the answer (resp_send,
 *             resp_empty, resp_end, resp_file, resp_fault, resp_abort) or, where the client or the server
 *             ends it before, until `on_gone` has run, if set. One of the two happens, never both;
 *             after it nothing may be called on the request. All strings of a request live in its arena.
 * Completion  Callbacks run from the loop, never inside http_read_body or a resp_ function.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fault.h"
#include "base/log.h"
#include "loop/loop.h"

enum http_method {
	HTTP_GET_,
	HTTP_HEAD_,
	HTTP_POST_,
	HTTP_PUT_,
	HTTP_PATCH_,
	HTTP_DELETE_,
	HTTP_OPTIONS_,
	HTTP_OTHER_
};

struct http_field {
	struct str name, value;
};

struct http_limits {
	size_t head_bytes;          /* 32 KiB */
	unsigned fields;            /* 100 */
	size_t target_bytes;        /* 8 KiB */
	unsigned head_ms;           /* 10 s for a whole head */
	unsigned stall_ms;          /* 30 s without progress on a body or an answer */
	unsigned body_bytes_per_s;  /* floor for a body: 1 KiB/s averaged over stall_ms */
	unsigned idle_ms;           /* 75 s between requests */
	unsigned connections;       /* 10,000; above: closed at once */
	size_t request_arena_bytes; /* 1 MiB */
	size_t write_high_bytes;    /* resp_write says stop above this: 256 KiB */
};
extern const struct http_limits http_default_limits;

struct http_conn;
struct http_server;

struct http_req {
	struct http_conn *conn;
	struct http_server *server;
	struct arena arena;
	struct log log;
	enum http_method method; /* HEAD is told apart; handlers answer it as GET, the body is left out */
	struct str method_text, target, path, query; /* path: decoded, starts with "/"; query: as sent */
	struct http_field *fields;
	unsigned field_count;
	unsigned minor;         /* HTTP/1.minor */
	struct str host;        /* lower case, as sent with port */
	struct str peer;        /* address text, without port */
	char id[40];            /* X-Request-Id: the client's when it is short and clean, else ours */
	int64_t content_length; /* -1: chunked; 0: none */
	struct str body;        /* after http_read_body */
	uint64_t started_us;    /* monotonic, first byte of the head */
	/* for the layer above */
	const void *route;
	struct str params[4]; /* from the route's pattern, decoded */
	void *user;
	void (*on_gone)(struct http_req *req);
};

/* Case-insensitive. Empty with p NULL when absent. */
struct str http_field(const struct http_req *req, const char *name);

/* Read the whole body, at most `limit` bytes, then call done (also for an empty body). Beyond the
 * limit the server answers 413 itself, on a stall 408; then on_gone runs instead of done. */
void http_read_body(struct http_req *req, size_t limit, void (*done)(struct http_req *req));
/* Take the body in pieces. sink gets n == 0 once at the end. It may call http_body_pause;
 * http_body_resume makes it go on from the loop. */
void http_stream_body(struct http_req *req, uint64_t limit,
                      void (*sink)(struct http_req *req, const char *p, size_t n));
void http_body_pause(struct http_req *req);
void http_body_resume(struct http_req *req);

/* ---- the answer ---- */
/* First. Date, X-Request-Id, nosniff and Connection are added by the server. */
void resp_start(struct http_req *req, int status);
void resp_header(struct http_req *req, const char *name, struct str value); /* CR and LF in value: a bug, CHECKed */
/* Whole body, copied; ends the answer. */
void resp_send(struct http_req *req, const char *content_type, struct str body);
void resp_empty(struct http_req *req); /* no body, ends */
/* Body in pieces: length -1 means chunked. resp_write returns false above the high mark; `drained` is
 * called when there is room again. resp_end ends. resp_abort closes the connection so that the client sees a broken body. */
void resp_stream(struct http_req *req, const char *content_type, int64_t length, void (*drained)(struct http_req *req));
MUST_CHECK bool resp_write(struct http_req *req, struct str piece);
void resp_end(struct http_req *req);
void resp_abort(struct http_req *req);
/* By sendfile; takes over fd. Ends the answer. */
void resp_file(struct http_req *req, const char *content_type, int fd, uint64_t offset, uint64_t length);
/* The connection is closed after this answer. */
void resp_close_after(struct http_req *req);
bool resp_has_started(const struct http_req *req);

/* The error answer in the shape that the server's `problem` hook writes. */
void resp_fault(struct http_req *req, const struct fault *fault);
void resp_fault_code(struct http_req *req, enum fault_code code, struct str detail);

/* ---- the server ---- */
struct http_hooks {
	void (*request)(struct http_req *req); /* head is complete */
	/* Writes a whole error answer. NULL: RFC 9457 (http/problem.h). Also used for what the edge refuses;
	 * such a request may have no path. */
	void (*problem)(struct http_req *req, const struct fault *fault);
	/* For the access log and metrics; may be NULL. 499: the client went before there was an answer. */
	void (*finished)(struct http_req *req, int status, uint64_t sent_bytes);
	void *user;
};

struct http_server {
	struct loop *loop;
	struct http_limits limits;
	struct http_hooks hooks;
	struct log log;
	struct link conns, listeners;
	struct http_edge *edge; /* private */
	unsigned conn_count;
	bool draining;
};

void http_server_init(struct http_server *s, struct loop *l, const struct http_limits *limits,
                      const struct http_hooks *hooks);
/* "127.0.0.1:9006", "[::1]:9006", "unix:/path"; port 0 takes any. false: *why says so. */
MUST_CHECK bool http_server_listen(struct http_server *s, struct str address, struct str *why);
/* The port of the first TCP listener (for port 0). */
uint16_t http_server_port(const struct http_server *s);
/* Stop listening; idle connections close, busy ones get "Connection: close" and close after their
 * answer; `drained` runs when none is left. */
void http_server_drain(struct http_server *s, void (*drained)(struct http_server *s));
/* Close all at once. */
void http_server_stop(struct http_server *s);
void http_server_clear(struct http_server *s);
