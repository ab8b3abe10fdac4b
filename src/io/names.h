#pragma once
/*
 * names - host names to addresses, by c-ares on the loop, with a cache of our own.
 *
 * libcurl, libpq and connect() only ever see addresses: left alone they would start
 * threads. Order: literal address, "localhost", /etc/hosts, then DNS (two tries of 300 ms). Answers
 * are kept for their TTL (1 s to 5 min), failures for 5 s; the cache holds 1,024 names.
 *
 * IMAGO_DNS, comma-separated: "10.0.0.2:53" asks that server instead; "name=address" answers for
 * that name ("*.example.com=…" for all below it).
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "loop/op.h"

enum { NAMES_ADDRESSES_MAX = 4, NAMES_TEXT = 48 };

struct names;
struct names_call {
	struct op op;                                    /* faults: NOT_SENT (no such name), TIMEOUT */
	char addresses[NAMES_ADDRESSES_MAX][NAMES_TEXT]; /* numeric text, IPv4 first */
	unsigned count;
};

struct names *names_new(struct loop *loop, struct str imago_dns, struct str *why);
void names_free(struct names **n);
void names_resolve(struct names *n, struct names_call *call, struct str host);
/* What is in the cache right now; false: names_resolve has to be asked. */
bool names_cached(struct names *n, struct str host, struct names_call *out);
/* Nobody answered at this address: the next calls get it last. */
void names_failed(struct names *n, struct str host, const char *address);

/* for tests: another file than /etc/hosts; the path must live as long as n */
void names_hosts_file(struct names *n, const char *path);
