#pragma once
/*
 * sync - four small processes that call fsync for us: on the loop it would block for 0.4 to 6 ms.
 *
 * Each takes descriptors over a socket pair and answers with an errno. A helper that dies is started
 * again and what it had is asked of another; a helper that hangs for 10 s is killed.
 */
#include "loop/op.h"

struct sync_pool;
struct log;

struct sync_call {
	struct op op;           /* faults: STORAGE (cause: errno text), TIMEOUT */
	int fd;                 /* borrowed until done */
	struct op *slot;
	struct link queued;
	unsigned helper;
};

struct sync_pool *sync_pool_new(struct loop *loop, const struct log *log, unsigned helpers);
void sync_pool_free(struct sync_pool **p);
void sync_fd(struct sync_pool *p, struct sync_call *call, int fd);
/* The helper's own main: reads descriptors from fd 3 until it closes. */
int sync_helper_main(void);
