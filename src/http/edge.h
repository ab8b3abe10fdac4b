#pragma once
/*
 * edge - what the files of src/http share: the server's private part, a connection, a
 * request with its answer. Not for other folders.
 */
#include <sys/socket.h>

#include "base/buf.h"
#include "base/slab.h"
#include "base/wall.h"
#include "http/http.h"
#include "http/parse.h"

enum {
	READ_BODY = 64 * 1024,   /* the one read buffer of a server, and a read of a body */
	READ_HEAD = 16 * 1024,   /* read for a head; also how much is held when a handler waits */
	READ_AHEAD = 4 * 1024,   /* read while nothing is wanted: to notice that the client is gone */
	DISCARD_MAX = 64 * 1024, /* an unread body up to this is read over to keep the connection */
	SPARE_REQUESTS = 64,
	LINGER_MS = 5000,
	PEER_TEXT = 46,
};

/* NONE -> HEAD -> STREAM or FILE -> ENDED; HEAD -> ENDED. */
enum answer_state { ANSWER_NONE, ANSWER_HEAD, ANSWER_STREAM, ANSWER_FILE, ANSWER_ENDED };

struct answer {
	enum answer_state state;
	int status;
	struct buf head; /* kept with the object */
	bool head_sent, chunked, bodyless, close, full;
	int64_t length; /* of the body; -1: not known before its end */
	uint64_t body_bytes, sent_bytes;
	void (*drained)(struct http_req *req);
	struct file_send *file;
};

/* What is done with the body's bytes. UNASKED: nothing is read. */
enum body_want { BODY_UNASKED, BODY_WHOLE, BODY_PIECES, BODY_DISCARD };

struct request {
	struct http_req pub;
	struct parse parse;
	struct answer answer;
	enum body_want want;
	bool body_paused, body_told;
	bool handed;             /* the handler has it: it is told when the connection goes */
	enum fault_code refused; /* to be answered by the server, from the loop */
	const char *why;
	struct buf body; /* BODY_WHOLE, when the arena is not used */
	char *body_at;   /* BODY_WHOLE, in the arena */
	size_t body_limit, body_n;
	void (*body_done)(struct http_req *req);
	void (*body_sink)(struct http_req *req, const char *p, size_t n);
	uint64_t body_window_ms, body_window_bytes, body_moved_ms;
	struct request *next_spare;
};

/*
 *   IDLE --first byte--> HEAD --head is done--> BUSY --answer is out--> IDLE
 *     \                    \---- refused ------/  \--> LINGER --> CLOSED
 *      \--> CLOSED
 */
enum conn_state { CONN_IDLE, CONN_HEAD, CONN_BUSY, CONN_LINGER, CONN_CLOSED };

struct http_conn {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} io;
	struct http_server *server;
	struct link link, kick;
	struct timer timer;
	struct request *request; /* NULL while idle */
	struct str in;           /* read and not yet taken; in the read buffer while running, else in held */
	char *held;
	uint64_t since_ms;  /* in this state */
	uint64_t out_bytes; /* given to the socket or its queue, ever */
	uint64_t out_seen;  /* bytes that had left when we last looked, and when */
	uint64_t out_moved_ms;
	enum conn_state state;
	bool reading, running, again, eof, broken, expired;
	uint8_t requests_run; /* in this run */
	char peer[PEER_TEXT];
};

struct listener {
	uv_poll_t poll;
	struct link link;
	struct http_server *server;
	int fd;
	uint16_t port;
	char *path; /* of a unix socket */
	bool paused;
};

struct http_edge {
	struct http_server *server;
	struct slab conns, requests;
	struct request *spare;
	unsigned spares;
	struct turn_hook hook; /* runs the connections that were kicked in this turn */
	struct link kicked;
	void (*drained)(struct http_server *s);
	int reserve_fd; /* given up for a moment to refuse when descriptors run out */
	struct timer accept_again;
	int64_t date_s;
	char date[WALL_TEXT];
	uint64_t id_state;
	char read_buffer[READ_BODY];
};

/* conn.c; none of these calls back into a handler but conn_run */
bool conn_open(struct http_server *s, int fd, const struct sockaddr_storage *peer); /* takes fd, unless false */
void conn_kick(struct http_conn *c);                                                /* run it at the end of this turn */
void conn_break(struct http_conn *c);                                               /* close it, from the loop */
void conn_run(struct http_conn *c);
void conn_write(struct http_conn *c, uv_buf_t *bufs, unsigned n);
size_t conn_queued(const struct http_conn *c);
void conn_moved(struct http_conn *c); /* bytes have left: the stall clock starts again */

void conn_close(struct http_conn *c); /* now; only where conn_run called from */

/* exchange.c: one step of a connection; true when something moved */
bool exchange_step(struct http_conn *c);
uint64_t exchange_due_ms(const struct http_conn *c); /* UINT64_MAX: no limit applies */
void exchange_expired(struct http_conn *c);
void exchange_lost(struct http_conn *c); /* the connection goes: tell the handler */

/* body.c */
bool body_is_wanted(const struct request *r); /* bytes of it would be taken now */
bool body_step(struct http_conn *c);
void body_discard(struct request *r);
uint64_t body_due_ms(const struct request *r);
bool body_is_stalled(struct request *r, uint64_t now_ms);

/* request.c: objects, ids */
struct request *request_new(struct http_conn *c);
void request_free(struct http_conn *c);
void request_take_id(struct request *r);

/* resp.c */
static inline struct request *request_of(struct http_req *req)
{
	return CONTAINER_OF(req, struct request, pub);
}
void answer_flush_head(struct request *r);
void answer_refuse(struct request *r, enum fault_code code, const char *why);

/* file.c */
void file_start(struct request *r, int fd, uint64_t offset, uint64_t length);
void file_pump(struct http_conn *c);
void file_drop(struct answer *a);

/* listen.c */
void listeners_close(struct http_server *s);

/* server.c */
struct str edge_date(struct http_server *s);
uint64_t edge_random(struct http_edge *e);
void edge_conn_gone(struct http_server *s); /* its memory is free again */
