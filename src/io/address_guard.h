#pragma once
/*
 * address_guard - which addresses a URL that a user supplied may lead to. Pure.
 *
 * It judges the address of the socket about to be opened, not the text of the URL:
 * whatever a name resolved to, in whatever spelling, ends up here.
 *
 * Public, everything else is refused:
 *   IPv4 without the ranges of the IANA special-purpose registry (private, loopback,
 *   link-local, shared, documentation, benchmarking, multicast, reserved);
 *   IPv6 2000::/3 without its special-purpose ranges;
 *   IPv4 inside IPv6 (::ffff:0:0/96, 64:ff9b::/96) where the IPv4 address is public.
 *
 * IMAGO_ALLOW_HOSTS opens more, comma-separated: a name or an address, with or without a
 * port ("files.internal", "127.0.0.1:9000", "[::1]:80"), or a range ("10.0.0.0/8").
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/str.h"

enum { GUARD_RULES_MAX = 64, GUARD_NAME = 254 };

struct guard_rule {
	enum { GUARD_IS_NAME, GUARD_IS_RANGE } type;
	char name[GUARD_NAME]; /* lower case */
	struct in6_addr from;  /* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;
	uint16_t port; /* 0: any */
};

struct address_guard {
	struct guard_rule rules[GUARD_RULES_MAX];
	unsigned count;
};

/* False: *bad is the entry that cannot be understood. */
MUST_CHECK bool address_guard_parse(struct address_guard *g, struct str allow_hosts, struct str *bad);

bool address_is_public(const struct sockaddr *address);

/* May a socket be opened to `address` for a URL with this host and port? */
bool address_guard_allows(const struct address_guard *g, struct str host, uint16_t port,
                          const struct sockaddr *address);
