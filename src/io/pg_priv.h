#pragma once
/*
 * pg_priv - what the pg_*.c files share; nobody else includes it.
 *
 *   pg_url.c    DATABASE_URL taken apart; host lists with addresses pinned
 *   pg_conn.c   one connection's life: resolve, connect, prepare, up, lost, back-off
 *   pg_pipe.c   what is sent and what is read while it is up
 *   pg_call.c   calls and their slots, results, arrays
 */
#include <libpq-fe.h>

#include "base/buf.h"
#include "base/slab.h"
#include "io/names.h"
#include "io/pg.h"

enum {
	PG_HOSTS_MAX = 8,            /* hosts in one URL */
	PG_WINDOW = 256,             /* calls of one connection that are sent and not answered */
	PG_WAIT_MS = 800,            /* a call waits this long for a connection */
	PG_ROOM = 160,               /* parameters up to this many bytes need no allocation */
	PG_PENDING_BYTES = 64 << 20, /* parameters of unsent calls, for each class */
	PG_WHY = 240
};

/* One host of the URL. The texts are borrowed from the parsed options or from `text`. */
struct pg_target {
	const char *host, *address, *port; /* address NULL: host is a socket directory or must be resolved */
};

struct pg_url {
	PQconninfoOption *options; /* holds the password; never printed */
	struct pg_target targets[PG_HOSTS_MAX];
	unsigned target_count;
	char *text; /* the cut-up host, address and port lists */
};

/* Lists for libpq: one entry for each address, all of the same length. */
struct pg_hosts {
	struct buf hosts, addresses, ports;
	unsigned count;
};

enum { PG_KEYWORDS_MAX = 64 };
struct pg_keywords {
	const char *names[PG_KEYWORDS_MAX], *values[PG_KEYWORDS_MAX];
	unsigned count;
};

enum pg_state { PG_DOWN, PG_RESOLVING, PG_CONNECTING, PG_PREPARING, PG_READY, PG_UP };

/* libuv wants the handle until its close callback, libpq changes sockets while it connects: so
 * each watch is an object of its own that outlives the connection by a turn. */
struct pg_watch {
	uv_poll_t poll;
	struct pg_conn *conn; /* NULL: closed */
};

struct pg_conn {
	struct pg *pg;
	enum pg_class which;
	enum pg_state state;
	PGconn *pq;
	struct pg_watch *watch;
	bool blocked;            /* libpq holds bytes that the socket did not take */
	bool stale;              /* a statement must be prepared anew: reconnect once nothing is in flight */
	bool checked;            /* its share of the statements fits the schema */
	unsigned answers;        /* results of PREPARING so far */
	bool *prepared;          /* statements this session has, each prepared before its first use */
	struct link queue, sent; /* struct pg_slot: not handed to libpq; handed over */
	unsigned queued_count, sent_count;
	size_t queued_bytes;
	unsigned server_timeout_ms; /* statement_timeout after all that was sent */
	struct turn_hook flush;
	struct timer again; /* reconnect */
	struct timer limit; /* of one attempt to connect */
	struct timer more;  /* results wait in libpq's buffer for the next turn */
	struct names_call names;
	struct pg_hosts hosts;
	unsigned resolving;          /* target whose name is asked for */
	unsigned attempts, failures; /* all; since it was up for a while */
	uint64_t up_since_ms, down_since_ms;
	char why[PG_WHY];
	char logged[PG_WHY]; /* what was logged last: a reason is logged when it changes */
};

struct pg {
	struct loop *loop;
	struct log log;
	struct pg_config config;
	struct pg_url url;
	bool url_is_valid;
	struct slab slots;
	struct pg_conn conns[PG_CLASSES];
	uint64_t refused_logged_ms; /* statement errors: one line a second */
	unsigned refused_unlogged;
};

/*
 *   queued --hand over--> sent --sync read--> freed
 *      \-- deadline, 800 ms without connection: STORE_DOWN
 *                          \-- deadline: TIMEOUT, connection lost: CLOSED
 */
struct pg_slot {
	struct op *op; /* cut when the op ended early; the slot lives on until the sync is read */
	struct pg_conn *conn;
	struct link link;
	struct timer timer;
	uint64_t due_ms;
	PGresult *result; /* waits for its sync */
	/* CALL executes `stmt`; PREPARE goes before its first use; SET changes statement_timeout. */
	enum { SLOT_CALL, SLOT_PREPARE, SLOT_SET } kind;
	unsigned stmt, count, timeout_ms;
	enum { SLOT_NEW, SLOT_QUEUED, SLOT_SENT } place;
	uint64_t nulls; /* bit i: parameter i is NULL */
	char *params;   /* each text with its NUL; `room` when they fit */
	size_t size;
	char room[PG_ROOM];
};

/* pg_url.c */
bool pg_url_parse(struct pg_url *u, const char *url);
void pg_url_clear(struct pg_url *u);
bool pg_target_is_socket(const struct pg_target *t);
void pg_hosts_init(struct pg_hosts *h);
void pg_hosts_clear(struct pg_hosts *h);
void pg_hosts_add(struct pg_hosts *h, const struct pg_target *t, const char *address);
/* Keywords for PQconnectStartParams; `h` NULL leaves the hosts as the URL has them. */
void pg_keywords_build(struct pg_keywords *k, const struct pg_url *u, const struct pg_hosts *h);
void pg_keywords_set(struct pg_keywords *k, const char *name, const char *value);
void pg_ignore_notice(void *arg, const PGresult *result);
/* The first line of libpq's words, without the line break. */
void pg_why_set(char why[PG_WHY], const char *message);

/* pg_conn.c */
void pg_conn_lost(struct pg_conn *c, const char *reason, const char *message);
void pg_conn_watch(struct pg_conn *c, int events);
void pg_conn_ready(struct pg_conn *c);

/* pg_pipe.c */
void pg_pipe_prepare(struct pg_conn *c);
void pg_pipe_prepare_io(struct pg_conn *c); /* calls pg_conn_ready when all is prepared */
void pg_pipe_ready_io(struct pg_conn *c);
void pg_pipe_io(struct pg_conn *c);
void pg_pipe_hand_over(struct turn_hook *h);
void pg_pipe_read_more(struct timer *t);

/* pg_call.c */
/* A slot of our own that goes before `next`: SLOT_PREPARE or SLOT_SET. */
struct pg_slot *pg_slot_before(const struct pg_slot *next, unsigned kind);
void pg_slot_free(struct pg_slot *slot);
void pg_slot_sent(struct pg_slot *slot);
/* The sync was read: what `result` says is so. */
void pg_slot_answered(struct pg_slot *slot);
void pg_slots_fail(struct pg_conn *c, struct link *list, enum fault_code code, const char *cause);
/* The class went up or down: how long unsent calls may wait changes. */
void pg_slots_rearm(struct pg_conn *c);
