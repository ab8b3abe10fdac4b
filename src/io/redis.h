#pragma once
/*
 * redis - commands and subscriptions over our own stream; hiredis does the protocol only.
 *
 * Redis is never needed for a right answer. After one miss of its time budget it is left alone for
 * a second: calls end with STORE_DOWN at once, and callers go on without.
 *
 * Completion  call->op; the reply may be read until redis_call_clear.
 * Errors      STORE_DOWN (not connected, skipped, or too many outstanding), TIMEOUT (100 ms
 *             default), CLOSED, INTERNAL (Redis answered with an error; text in cause)
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"
#include "loop/op.h"

enum { REDIS_OUTSTANDING_MAX = 1000, REDIS_TIMEOUT_MS = 100, REDIS_SKIP_MS = 1000 };

struct redis;
struct names;
struct redis_reply;

struct redis_call {
	struct op op;
	struct redis_reply *reply;
};

struct redis_config {
	const char
		*url; /* redis://[user:password@]host[:port][/db], rediss: refused, unix:/path[?db=N] or unix:///path */
	struct names *names;
	const char *channel; /* subscribed on a second connection; NULL: none */
	/* Neither is called inside redis_new or redis_command; they may call anything but redis_free. */
	void (*message)(void *user, struct str payload);
	void (*changed)(void *user, bool up);
	void *user;
};

/* NULL: the URL cannot be used, *why says so without quoting it. Redis need not be there. */
struct redis *redis_new(struct loop *loop, const struct log *log, const struct redis_config *config, struct str *why);
void redis_free(struct redis **r);
bool redis_is_up(const struct redis *r); /* connected and in time */

void redis_call_init(struct redis_call *call, struct loop *loop, void (*done)(struct op *op));
/* At most 64 arguments, copied before this returns. */
void redis_command(struct redis *r, struct redis_call *call, const struct str *argv, unsigned argc);
void redis_call_clear(struct redis_call *call);
/* Nobody waits for the answer: errors are counted, nothing else. */
void redis_tell(struct redis *r, const struct str *argv, unsigned argc);

bool redis_is_nil(const struct redis_call *call);
struct str redis_text(const struct redis_call *call); /* string and status replies */
int64_t redis_int(const struct redis_call *call);
unsigned redis_count(const struct redis_call *call); /* array replies */
struct str redis_text_at(const struct redis_call *call, unsigned i);
int64_t redis_int_at(const struct redis_call *call, unsigned i);
