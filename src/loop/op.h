#pragma once
/*
 * op - the contract of every asynchronous call.
 *
 *            op_begin                op_finish / deadline / op_cancel
 *     IDLE ------------> PENDING ---------------------------------> READY --done()--> IDLE
 *
 * Ownership   The caller embeds the op and keeps it until done has run or op_forget was
 *             called. The adapter keeps a *slot*: a pointer to the op that is cut when the op
 *             ends early, so that a late answer finds no op. The slot lives until the
 *             library behind it is finished with the call.
 * Completion  done runs exactly once for each op_begin, from the ready queue, never
 *             inside op_begin, op_finish or op_cancel. Inside done the op is IDLE: it may be begun again or freed.
 * Errors      op->fault.code: FAULT_NONE, or why. TIMEOUT and CANCELLED mean *unknown*: the effect
 *             may have happened or may still happen.
 */
#include <stdint.h>

#include "base/fault.h"
#include "base/list.h"
#include "loop/loop.h"

enum op_state { OP_IDLE, OP_PENDING, OP_READY };

struct op {
	struct loop *loop;
	void (*done)(struct op *op);
	struct fault fault;
	enum op_state state;
	struct op **slot;
	struct link ready;
	struct timer deadline;
};

void op_init(struct op *op, struct loop *loop, void (*done)(struct op *op));

/* For adapters: the call has started. `slot` is set to op now and to NULL when the op ends.
 * timeout_ms 0: no deadline of the op's own (the adapter or the owner has one). */
void op_begin(struct op *op, struct op **slot, uint64_t timeout_ms);

/* For adapters: the call has ended. detail and cause must live until done has returned. */
void op_finish(struct op *op, enum fault_code code);
void op_finish_with(struct op *op, struct fault fault);

/* For owners: end it early; done still runs, with `why`. No effect unless PENDING. */
void op_cancel(struct op *op, enum fault_code why);
/* For owners: cut it without a completion; done will not run. */
void op_forget(struct op *op);

static inline bool op_is_idle(const struct op *op)
{
	return op->state == OP_IDLE;
}
