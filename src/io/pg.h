#pragma once
/*
 * pg - Postgres by libpq in pipeline mode, one connection for each class of work.
 *
 * A slow statement holds up all behind it in its pipeline, so classes do not share one:
 * READ for look-ups by key, ACCEPT and SETTLE for the group commits, BULK for lists,
 * reports and the sweeper, LISTEN for notifications and the instance's advisory lock.
 *
 * Each call is followed by a sync of its own, and has happened when that sync is read: never
 * at COMMAND_OK, which a neighbour can still undo. Statements are the rows of stmts.def,
 * all prepared once before a class goes up, which checks them against the live schema.
 *
 * Completion  call->op, see loop/op.h. Rows may be read until pg_call_clear.
 * Errors      STORE_DOWN  not sent: nothing happened
 *             BUSY        not sent: too many calls in this class
 *             TIMEOUT, CLOSED  sent, no answer: unknown
 *             INTERNAL    Postgres refused the statement; call->sqlstate says why. Where it says that it
 *                         cannot at the moment (classes 53, 57, 58; read-only) it is STORE_DOWN
 * Time        Each call has a deadline; past it the connection is dropped and made anew, because
 *             all behind it in the pipeline waits too. The server's statement_timeout is the same.
 *             While a class is down a call waits 800 ms for it, then ends with STORE_DOWN.
 *             A call that its owner cancelled before it was sent is never sent.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"
#include "loop/op.h"

enum pg_class { PG_READ, PG_ACCEPT, PG_SETTLE, PG_BULK, PG_LISTEN, PG_CLASSES };

enum stmt_id {
#define STMT(id, file, params) STMT_##id,
#include "io/stmts.def"
#undef STMT
	STMT_COUNT
};

enum { PG_PARAMS_MAX = 40 };

struct pg;
struct pg_result; /* PGresult */

struct pg_call {
	struct op op;
	struct pg_result *result;
	char sqlstate[6]; /* "" unless Postgres itself refused */
};

struct pg_statement {
	const char *name, *text;
	unsigned params;
};
/* The rows of stmts.def with the text of their files; one more that is all zero ends it. */
extern const struct pg_statement stmt_texts[STMT_COUNT + 1];

struct pg_config {
	const char *url;                       /* DATABASE_URL; never logged */
	const struct pg_statement *statements; /* NULL: stmt_texts; tests have their own */
	unsigned statement_count;
	/* 0 stands for the value given here */
	unsigned connect_timeout_ms; /* 5 s: from a name to prepared statements */
	unsigned call_timeout_ms;    /* 4 s: default deadline of a call */
	unsigned pending_max;        /* calls in one class, sent or not: 4096; above: BUSY at once */
	struct names *names;         /* resolves host names; NULL: addresses and sockets only */
	/* A notification on a channel that was listened to. */
	void (*notified)(void *user, struct str channel, struct str payload);
	/* A class became usable or not; never called inside pg_new or pg_call. It may call anything but pg_free.
	 * LISTEN and advisory locks end with their connection: ask for them again on each "up". */
	void (*changed)(void *user, enum pg_class which, bool up);
	void *user;
};

/* Text parameters; a str with p NULL is SQL NULL. Copied before this returns. A NUL byte in one
 * ends the call with INTERNAL and sqlstate 22021, as bad UTF-8 does. */
void pg_call(struct pg *pg, enum pg_class which, struct pg_call *call, enum stmt_id stmt, const struct str *params,
             unsigned count);
/* The same with a deadline of its own. */
void pg_call_within(struct pg *pg, enum pg_class which, struct pg_call *call, enum stmt_id stmt,
                    const struct str *params, unsigned count, unsigned timeout_ms);
void pg_call_init(struct pg_call *call, struct loop *loop, void (*done)(struct op *op));
void pg_call_clear(struct pg_call *call);

/* After a refusal: Postgres' own detail, which often quotes the row. It may hold what users wrote: never log it. */
struct str pg_detail(const struct pg_call *call);
unsigned pg_rows(const struct pg_call *call);
struct str pg_text(const struct pg_call *call, unsigned row, unsigned column); /* empty, p NULL: SQL NULL */
bool pg_is_null(const struct pg_call *call, unsigned row, unsigned column);
int64_t pg_int(const struct pg_call *call, unsigned row, unsigned column); /* NULL: 0 */
bool pg_bool(const struct pg_call *call, unsigned row, unsigned column);
int64_t pg_affected(const struct pg_call *call); /* rows that INSERT, UPDATE, DELETE touched */

/* A URL that cannot be used leaves every class down for good; ask pg_url_is_valid first. */
MUST_CHECK bool pg_url_is_valid(const char *url, struct str *why);
struct pg *pg_new(struct loop *loop, const struct log *log, const struct pg_config *config);
void pg_free(struct pg **pg);
bool pg_is_up(const struct pg *pg, enum pg_class which);
/* Milliseconds since the class went down; 0 while it is up. */
uint64_t pg_down_ms(const struct pg *pg, enum pg_class which);
/* Why the last connection of the class ended or could not be made; for people. "" when it never failed. */
struct str pg_why(const struct pg *pg, enum pg_class which);
const char *pg_class_name(enum pg_class which);

/* Building array parameters: {"a","b"} with quoting, for any array type but nested ones. */
struct buf;
void pg_array_start(struct buf *b);
void pg_array_str(struct buf *b, struct str s); /* p NULL: NULL */
void pg_array_int(struct buf *b, int64_t v);
void pg_array_end(struct buf *b);

/* For the command line and migrations, where waiting is fine. Not for the server's loop. */
struct pg_sync;
struct pg_sync *pg_sync_open(const char *url, struct str *why);
void pg_sync_close(struct pg_sync **s);
/* Any SQL text; false: *why has Postgres' words, valid until the next call on s. Several
 * statements in one text are one transaction, and take no parameters. Rows by the same accessors through
 * `out` (pg_call_init or zeroed; NULL: not wanted); pg_call_clear it. */
MUST_CHECK bool pg_sync_exec(struct pg_sync *s, const char *sql, const struct str *params, unsigned count,
                             struct pg_call *out, struct str *why);
