#pragma once
/*
 * pixels - a pool of imago-pixels worker processes: everything that touches pixels.
 *
 * One request: a JSON text and a writable descriptor; the worker writes the picture there
 * and answers with a JSON text. A worker that takes longer than the call's deadline is killed and started
 * again; that costs the call, not the server.
 *
 * Completion  call->op; `answer` may be read until pixels_call_clear.
 * Errors      BAD_PICTURE (the worker refused: its words in detail), TIMEOUT, BUSY (queue full), CLOSED (the worker died)
 */
#include "base/buf.h"
#include "base/log.h"
#include "loop/op.h"

struct pixels;

struct pixels_call {
	struct op op;
	int fd;                 /* borrowed until done */
	struct buf request;     /* filled by the caller before pixels_start */
	struct buf answer;
	struct op *slot;
	struct link queued;
	unsigned worker;
};

struct pixels_config {
	const char *program;    /* path of imago-pixels */
	unsigned workers;       /* 2 */
	unsigned queue_max;     /* 1,000 */
	unsigned timeout_ms;    /* 10 s */
};

struct pixels *pixels_new(struct loop *loop, const struct log *log, const struct pixels_config *config);
void pixels_free(struct pixels **p);
void pixels_call_init(struct pixels_call *call, struct loop *loop, void (*done)(struct op *op));
void pixels_call_clear(struct pixels_call *call);
void pixels_start(struct pixels *p, struct pixels_call *call);
