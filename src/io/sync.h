#pragma once
/*
 * sync - four small processes that call fsync for us: on the loop it would block for 0.4 to 6 ms.
 *
 * Each takes descriptors over a socket pair and answers with an errno. A helper that dies is started
 * again and what it had is asked of another; a helper that hangs for 10 s is killed.
 *
 * Completion  call->op: FAULT_NONE means the kernel said that the file is on the disk.
 * Errors      STORAGE (cause: errno's text; the file has to be written anew: a second fsync after
 *             an error says "fine" about pages that are gone), TIMEOUT (20 s), BUSY (too many wait),
 *             CLOSED (the pool ended)
 */
#include "loop/op.h"

struct sync_pool;
struct log;

enum { SYNC_WAITING_MAX = 20 * 1000, SYNC_HANG_MS = 10 * 1000, SYNC_DEADLINE_MS = 20 * 1000 };

struct sync_call {
	struct op op;
	int fd; /* borrowed until done */
};

/* The helpers are this very program, started as `--helper sync`. */
struct sync_pool *sync_pool_new(struct loop *loop, const struct log *log, unsigned helpers);
/* The same with another program; argv ends with NULL and is borrowed for the pool's life. */
struct sync_pool *sync_pool_new_from(struct loop *loop, const struct log *log, unsigned helpers, const char *program,
                                     const char *const *argv);
/* What still waits ends with CLOSED. Memory and processes are gone some turns of the loop later. */
void sync_pool_free(struct sync_pool **p);

void sync_call_init(struct sync_call *call, struct loop *loop, void (*done)(struct op *op));
void sync_fd(struct sync_pool *p, struct sync_call *call, int fd);

/* For tests: the process of a helper, 0 while it is down. */
int sync_helper_pid(const struct sync_pool *p, unsigned helper);

/* The helper's own main: reads descriptors from fd 3 until it closes. */
int sync_helper_main(void);
