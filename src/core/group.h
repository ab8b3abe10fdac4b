#pragma once
/*
 * group - group commit: what arrives while the last statement is being flushed becomes one
 * set-wise statement (at most 64 rows, 256 KiB), because the disk's flush is what costs.
 *
 *   group_add -> waiting -> flying -> read() for each row: DONE, or waiting again
 *                                 \-> alone, on a connection of its own, with a statement that waits for locks
 *
 * One bad row must not hurt its neighbours. On an error of class 22, 23 or 40 the row that the
 * error quotes is taken out and the rest runs again; where it quotes none, the batch is cut in two and
 * each half runs again, until the bad row is alone (12 statements for one in 64, where one by one would be 64).
 * A row that a statement could not lock is tried three times with others, then alone with a
 * statement that waits, on a connection of its own so that nobody waits with it.
 *
 * Completion  item->op. Errors STORE_DOWN, BUSY: not executed. TIMEOUT, CLOSED: unknown.
 *             INTERNAL: refused by Postgres (item->sqlstate).
 */
#include "base/buf.h"
#include "base/list.h"
#include "io/pg.h"
#include "loop/op.h"

enum { GROUP_ROWS = 64, GROUP_BYTES = 256 * 1024, GROUP_WAITING_MAX = 20000 };

enum group_verdict { GROUP_DONE, GROUP_LOCKED, GROUP_ONCE_MORE };

struct group_item {
	struct op op;
	struct op *slot;
	struct link link;   /* waiting, or flying */
	size_t bytes;       /* rough size, for the cap */
	unsigned batch_max; /* halved each time its batch is refused */
	unsigned locked;    /* times it could not be locked */
	bool retried;       /* ONCE_MORE was used */
	char sqlstate[6];
};

struct group;
struct group_kind {
	const char *name;
	enum pg_class connection;
	enum stmt_id statement;
	enum stmt_id waiting_statement; /* waits for locks; STMT_COUNT: none */
	unsigned params;                /* of the statement */
	/* What an error's detail has to hold to mean this item; NULL: items cannot be told apart. */
	struct str (*id)(struct group_item *item);
	/* Write each parameter as text: bufs[i] is parameter i + 1 (empty so far). */
	void (*build)(struct group *g, struct group_item *const *items, unsigned n, struct buf *bufs);
	/* Read the row of results that belongs to the item (they come in the order of the items). */
	enum group_verdict (*read)(struct group *g, const struct pg_call *call, unsigned row, struct group_item *item);
	void *user;
};

struct group *group_new(struct loop *loop, struct pg *pg, const struct log *log, const struct group_kind *kind);
void group_free(struct group **g);
void *group_user(const struct group *g);
void group_item_init(struct group_item *i, struct loop *loop, void (*done)(struct op *op));
/* The item stays until its op is done: there is no cancelling. It always ends: pg's deadlines see to that. */
void group_add(struct group *g, struct group_item *i, size_t bytes);
unsigned group_waiting(const struct group *g);
