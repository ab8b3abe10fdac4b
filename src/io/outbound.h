#pragma once
/*
 * outbound - HTTP requests to providers, stores and user-supplied URLs, by curl-multi.
 *
 * Two kinds, each with a curl multi of its own: OPERATOR for hosts that the operator
 * configured; GUEST for URLs that users supplied, where no connection is ever reused
 * and the address is judged at the moment the socket is opened. Redirects are never followed here.
 * Names are resolved first and pinned. HTTP/1.1.
 *
 * A paid request leaves once: the body goes by a read callback that cannot be rewound, so
 * libcurl cannot send it again by itself.
 *
 * Completion  call->op. Afterwards status, headers, body and `sent` may be read until outbound_call_clear.
 * Errors      FAULT_NONE   a whole HTTP answer arrived, whatever its status
 *             NOT_SENT     no byte of the request left: nothing happened
 *             TIMEOUT, CLOSED   something was sent: unknown
 *             TOO_LARGE    the answer passed body_limit; FORBIDDEN: the address is not allowed (GUEST)
 *             STORAGE      a file of the request is shorter than was said, or cannot be read; `sent` says whether a part left
 *             CANCELLED    op_cancel, or the data callback returned false
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "imago/provider.h"
#include "loop/op.h"

struct outbound;
struct names;

enum outbound_kind { OUTBOUND_OPERATOR, OUTBOUND_GUEST };

/* A file that a segment of a request's body stands for (segment.input is its index, which must be one). Read from its beginning, a piece at
 * a time, without moving the descriptor's place; borrowed until done. */
struct outbound_file {
	int fd;
	uint64_t bytes;
};

struct outbound_call {
	struct op op;
	/* set before outbound_start */
	enum outbound_kind kind;
	struct imago_call request;         /* strings must live until done */
	const struct outbound_file *files; /* of the request's segments */
	unsigned file_count;
	uint64_t body_limit;   /* of the answer */
	unsigned timeout_ms;   /* for all of it */
	unsigned low_speed_ms; /* give up below 1 KiB/s for this long; 0: off */
	/* Takes the answer's body in pieces instead of `body`, for status 200..299 only. May call outbound_pause; false gives up. */
	bool (*data)(struct outbound_call *call, const char *p, size_t n);
	/* results */
	int status;
	struct imago_header *headers; /* in `arena` */
	unsigned header_count;
	struct buf body;
	bool sent;          /* a byte of the request may have left */
	uint64_t received;  /* bytes of the answer's body */
	struct arena arena; /* of this call; also used by imago_ drivers as memory */
	/* private */
	void (*done)(struct op *op);
	struct outbound_transfer *transfer;
};

struct outbound_config {
	struct names *names;
	struct str allow_hosts;        /* IMAGO_ALLOW_HOSTS */
	unsigned connections_max;      /* 1024 for each multi */
	unsigned connections_per_host; /* 256 */
	unsigned queued_max;           /* calls waiting for a place: 20,000; above: BUSY */
};

/* NULL: allow_hosts cannot be understood (logged). Calls must be cleared before outbound_free or have ended. */
struct outbound *outbound_new(struct loop *loop, const struct log *log, const struct outbound_config *config);
void outbound_free(struct outbound **o);
/* Reads the certificate authorities (SSL_CERT_FILE, else Debian's bundle): 27 ms that would
 * otherwise hit the first caller. Again, for instance on SIGHUP: new connections use what the file holds then. */
void outbound_warm(struct outbound *o);

void outbound_call_init(struct outbound_call *call, struct loop *loop, void (*done)(struct op *op));
/* Ends a running call without a completion. After op_forget the call must stay until it was cleared. */
void outbound_call_clear(struct outbound_call *call);
/* The arena is left as it is: the request may have been built in it. */
void outbound_start(struct outbound *o, struct outbound_call *call);
/* No data after this until outbound_resume; what was on its way (32 KiB) is held. The time goes on. */
void outbound_pause(struct outbound_call *call);
void outbound_resume(struct outbound_call *call);
struct imago_reply outbound_reply(const struct outbound_call *call);

/* The memory that drivers are given is an arena. */
struct imago_memory *outbound_memory(struct arena *a);
