#pragma once
/*
 * pixels - a pool of imago-pixels worker processes: everything that touches pixels.
 *
 * One request: a JSON text and a writable descriptor; the worker writes the picture there
 * and answers with a JSON text. A worker that takes longer than the call's deadline is killed and started
 * again; that costs the call, not the server. The deadline counts from the moment a worker
 * got the call: how long it may wait in the queue is the owner's to say, by op_cancel.
 *
 * Request     {"op":"draw","prompt":"…","negative_prompt":"…","style":"…","width":1024,"height":768,
 *             "format":"png|jpeg|webp","seed":7,"number":1}
 * Answer      {"ok":true,"width":1024,"height":768,"bytes":81234,"content_type":"image/png"}
 *
 * Completion  call->op; `answer` may be read until pixels_call_clear.
 * Errors      BAD_PICTURE (the worker refused: its words in detail), TIMEOUT, CLOSED (the worker died),
 *             BUSY (queue full, or no worker can be started), TOO_LARGE (the request)
 */
#include "base/buf.h"
#include "base/log.h"
#include "loop/op.h"

struct pixels;

enum { PIXELS_REQUEST_MAX = 128 * 1024, PIXELS_DETAIL_MAX = 200 };

struct pixels_call {
	struct op op;
	int fd;             /* borrowed until done */
	struct buf request; /* filled by the caller before pixels_start */
	struct buf answer;
	char detail[PIXELS_DETAIL_MAX];
};

struct pixels_config {
	const char *program; /* path of imago-pixels */
	unsigned workers;    /* 2 */
	unsigned queue_max;  /* 1,000 */
	unsigned timeout_ms; /* 10 s */
};

/* The config's program is borrowed for the pool's life. */
struct pixels *pixels_new(struct loop *loop, const struct log *log, const struct pixels_config *config);
/* What still waits ends with CLOSED. Memory and processes are gone some turns of the loop later. */
void pixels_free(struct pixels **p);
void pixels_call_init(struct pixels_call *call, struct loop *loop, void (*done)(struct op *op));
void pixels_call_clear(struct pixels_call *call);
void pixels_start(struct pixels *p, struct pixels_call *call);

/* Workers that have said hello: 0 while none can draw. */
unsigned pixels_ready(const struct pixels *p);
/* For tests: the process of a worker, 0 while it is down. */
int pixels_worker_pid(const struct pixels *p, unsigned worker);
