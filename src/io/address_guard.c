/*
 * address_guard - two tables of ranges that are not public, and the rules of the operator.
 *
 * All addresses are compared as IPv6; IPv4 is written as ::ffff:a.b.c.d.
 */
#include "io/address_guard.h"

#include <arpa/inet.h>

struct range {
	const char *from;
	unsigned bits;
};

/* IANA IPv4 special-purpose registry, and multicast. */
static const struct range not_public_v4[] = {
	{ "0.0.0.0", 8 },       { "10.0.0.0", 8 },      { "100.64.0.0", 10 },   { "127.0.0.0", 8 },
	{ "169.254.0.0", 16 },  { "172.16.0.0", 12 },   { "192.0.0.0", 24 },    { "192.0.2.0", 24 },
	{ "192.31.196.0", 24 }, { "192.52.193.0", 24 }, { "192.88.99.0", 24 },  { "192.168.0.0", 16 },
	{ "192.175.48.0", 24 }, { "198.18.0.0", 15 },   { "198.51.100.0", 24 }, { "203.0.113.0", 24 },
	{ "224.0.0.0", 4 },     { "240.0.0.0", 4 },
};

/* Inside 2000::/3; what lies outside is refused as a whole. The first covers Teredo, ORCHID
 * and benchmarking, 2002::/16 is 6to4: IPv4 in disguise. */
static const struct range not_public_v6[] = {
	{ "2001::", 23 }, { "2001:db8::", 32 }, { "2002::", 16 }, { "2620:4f:8000::", 48 }, { "3fff::", 20 },
};

static const struct range global_unicast = { "2000::", 3 };
static const struct range mapped = { "::ffff:0:0", 96 };
static const struct range nat64 = { "64:ff9b::", 96 };

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool in_range(const uint8_t *address, int family, struct range r)
{
	uint8_t from[16] = { 0 };

	CHECK(inet_pton(family, r.from, from) == 1);
	return same_bits(address, from, r.bits);
}

static bool v4_is_public(const uint8_t address[4])
{
	for (size_t i = 0; i < COUNT_OF(not_public_v4); i++)
		if (in_range(address, AF_INET, not_public_v4[i]))
			return false;
	return true;
}

static bool v6_is_public(const uint8_t address[16])
{
	if (in_range(address, AF_INET6, mapped) || in_range(address, AF_INET6, nat64))
		return v4_is_public(address + 12);
	if (!in_range(address, AF_INET6, global_unicast))
		return false;
	for (size_t i = 0; i < COUNT_OF(not_public_v6); i++)
		if (in_range(address, AF_INET6, not_public_v6[i]))
			return false;
	return true;
}

static void map_v4(const void *v4, struct in6_addr *out)
{
	*out = (struct in6_addr){ 0 };
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(out->s6_addr + 12, v4, 4);
}

/* False for anything that is not an internet address. */
static bool as_v6(const struct sockaddr *address, struct in6_addr *out)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (address->sa_family) {
	case AF_INET:
		memcpy(&v4, address, sizeof(v4));
		map_v4(&v4.sin_addr, out);
		return true;
	case AF_INET6:
		memcpy(&v6, address, sizeof(v6));
		*out = v6.sin6_addr;
		return true;
	default: return false;
	}
}

bool address_is_public(const struct sockaddr *address)
{
	struct in6_addr a;

	return as_v6(address, &a) && v6_is_public(a.s6_addr);
}

/* ---- the operator's rules ---- */

static bool parse_address(struct str text, struct in6_addr *out, unsigned *bits)
{
	char copy[INET6_ADDRSTRLEN];
	struct in_addr v4;

	if (!str_to_cstr(text, copy, sizeof(copy)))
		return false;
	*bits = 128;
	if (inet_pton(AF_INET6, copy, out) == 1)
		return true;
	if (inet_pton(AF_INET, copy, &v4) != 1)
		return false;
	*bits = 32;
	map_v4(&v4, out);
	return true;
}

static bool parse_range(struct guard_rule *r, struct str address, struct str length)
{
	uint64_t bits;
	unsigned most;

	if (!parse_address(address, &r->from, &most) || !str_to_u64(length, &bits) || bits > most)
		return false;
	r->type = GUARD_IS_RANGE;
	r->bits = (unsigned)bits + (128 - most);
	return true;
}

static bool parse_port(struct str text, uint16_t *out)
{
	uint64_t port;

	if (!str_to_u64(text, &port) || port == 0 || port > 65535)
		return false;
	*out = (uint16_t)port;
	return true;
}

static bool parse_name(struct guard_rule *r, struct str name)
{
	if (name.n == 0 || !str_to_cstr(name, r->name, sizeof(r->name)))
		return false;
	for (char *p = r->name; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
		if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_' || *p == '.'))
			return false;
	}
	r->type = GUARD_IS_NAME;
	return true;
}

/* "[::1]:80" and "name:80" apart; a bare IPv6 address has no port. */
static bool split_port(struct str entry, struct str *host, struct str *port)
{
	struct in6_addr ignored;
	unsigned bits;

	*port = (struct str){ 0 };
	*host = entry;
	if (str_starts(entry, STR("["))) {
		struct str rest = str_skip(entry, 1);

		*host = str_cut(&rest, ']');
		if (!rest.p || (rest.n > 0 && rest.p[0] != ':'))
			return false;
		if (rest.n > 0)
			*port = str_skip(rest, 1);
		return rest.n != 1;
	}
	if (parse_address(entry, &ignored, &bits))
		return true;
	*port = entry;
	*host = str_cut(port, ':');
	return !port->p || port->n > 0;
}

static bool parse_rule(struct guard_rule *r, struct str entry)
{
	struct str length = entry, host, port;
	struct str address = str_cut(&length, '/');
	unsigned bits;

	*r = (struct guard_rule){ 0 };
	if (length.p)
		return parse_range(r, address, length);
	if (!split_port(entry, &host, &port))
		return false;
	if (port.n > 0 && !parse_port(port, &r->port))
		return false;
	if (parse_address(host, &r->from, &bits)) {
		r->type = GUARD_IS_RANGE;
		r->bits = 128;
		return true;
	}
	return parse_name(r, host);
}

bool address_guard_parse(struct address_guard *g, struct str allow_hosts, struct str *bad)
{
	*g = (struct address_guard){ 0 };
	for (struct str rest = allow_hosts; rest.p;) {
		struct str entry = str_trim(str_cut(&rest, ','));

		if (entry.n == 0)
			continue;
		*bad = entry;
		if (g->count == GUARD_RULES_MAX || !parse_rule(&g->rules[g->count], entry))
			return false;
		g->count++;
	}
	return true;
}

bool address_guard_allows(const struct address_guard *g, struct str host, uint16_t port, const struct sockaddr *address)
{
	struct in6_addr a;

	if (!as_v6(address, &a))
		return false;
	if (v6_is_public(a.s6_addr))
		return true;
	for (unsigned i = 0; i < g->count; i++) {
		const struct guard_rule *r = &g->rules[i];

		if (r->port != 0 && r->port != port)
			continue;
		if (r->type == GUARD_IS_NAME ? str_eq_nocase(host, str_from(r->name))
		                             : same_bits(a.s6_addr, r->from.s6_addr, r->bits))
			return true;
	}
	return false;
}
