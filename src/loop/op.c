/*
 * op - see the header for the states. All transitions are here:
 *
 *   op_begin   IDLE -> PENDING     the slot points to the op
 *   op_end     PENDING -> READY    the slot is cut, the deadline stopped, the op queued
 *   ready_run  READY -> IDLE       then done() (ready.c)
 *   op_forget  any -> IDLE         cut and unlinked, no done()
 */
#include "loop/loop_priv.h"

static void op_cut(struct op *op)
{
	if (op->slot)
		*op->slot = NULL;
	op->slot = NULL;
	timer_stop(op->loop, &op->deadline);
}

static void op_end(struct op *op, struct fault fault)
{
	op_cut(op);
	op->fault = fault;
	op->state = OP_READY;
	ready_add(op->loop, op);
}

static void on_deadline(struct timer *t)
{
	struct op *op = CONTAINER_OF(t, struct op, deadline);

	op_end(op, (struct fault){ .code = FAULT_TIMEOUT });
}

void op_init(struct op *op, struct loop *loop, void (*done)(struct op *op))
{
	*op = (struct op){ .loop = loop, .done = done };
	list_init(&op->ready);
}

void op_begin(struct op *op, struct op **slot, uint64_t timeout_ms)
{
	CHECK(op->state == OP_IDLE && op->loop && op->done);
	op->state = OP_PENDING;
	op->fault = (struct fault){ .code = FAULT_NONE };
	op->slot = slot;
	if (slot)
		*slot = op;
	if (timeout_ms)
		timer_start(op->loop, &op->deadline, timeout_ms, on_deadline);
}

void op_finish(struct op *op, enum fault_code code)
{
	op_finish_with(op, (struct fault){ .code = code });
}

void op_finish_with(struct op *op, struct fault fault)
{
	CHECK(op->state == OP_PENDING);
	op_end(op, fault);
}

void op_cancel(struct op *op, enum fault_code why)
{
	if (op->state == OP_PENDING)
		op_end(op, (struct fault){ .code = why });
}

void op_forget(struct op *op)
{
	if (op->state == OP_IDLE)
		return;
	op_cut(op);
	if (op->state == OP_READY)
		list_remove(&op->ready);
	op->state = OP_IDLE;
}
