#pragma once
/*
 * child - one helper process that is kept alive: a SOCK_SEQPACKET socket at its descriptor 3.
 *
 *   DOWN --(back-off)--> STARTING --first message--> UP --died, killed--> DOWN
 *
 * The helper says hello with its first message, which the owner never sees; when that does not
 * come in time it is killed. A helper that ends is started again: at once after it had done some work,
 * with growing pauses when it had not. Helpers get a small environment without any
 * of our secrets, and die with us: their socket ends, and PR_SET_PDEATHSIG.
 *
 * Ownership   The child is embedded in a struct of its owner, who may free it after child_stop. What libuv
 *             still holds lives in a block of its own until the process is gone.
 * Callbacks   up, message and down run from the loop, never inside a call of this header.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log.h"
#include "loop/loop.h"

enum { CHILD_ANSWER_MAX = 8 * 1024 };

enum child_state { CHILD_DOWN, CHILD_STARTING, CHILD_UP };

struct child;
struct child_process;

struct child_config {
	const char *name;        /* label of helper_restarts_total: "sync" */
	const char *program;     /* path */
	const char *const *args; /* argv, NULL at the end */
	unsigned hello_ms;       /* time to say hello */
	void (*up)(struct child *c);
	void (*message)(struct child *c, struct str bytes);
	void (*down)(struct child *c); /* it is gone: what it was asked will not be answered */
};

struct child {
	const struct child_config *config;
	struct loop *loop;
	const struct log *log;
	enum child_state state;
	unsigned failures; /* ends in a row without work done */
	unsigned starts;
	struct child_process *process; /* NULL while DOWN */
	struct link dying;             /* processes that were killed and are not gone yet */
	struct timer timer;            /* the next start, or the hello */
};

/* The config and its texts are borrowed for the child's life. */
void child_start(struct child *c, struct loop *loop, const struct log *log, const struct child_config *config);
void child_stop(struct child *c);
/* It hangs or talks nonsense. `down` is not called: the caller knows. Another one is started. */
void child_kill(struct child *c, const char *why);
/* False: it is not up, or its socket does not take the message; fd -1 sends none. */
bool child_send(struct child *c, const void *bytes, size_t n, int fd);
/* 0 while it is down. */
int child_pid(const struct child *c);
