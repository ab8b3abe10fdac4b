#pragma once
/*
 * names_priv - what names.c, names_local.c and names_dns.c share.
 */
#include <ares.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "io/names.h"
#include "loop/loop.h"

enum {
	NAME_MAX_BYTES = 253,
	NAMES_CACHED_MAX = 1024,
	NAMES_WAITERS_MAX = 32768, /* more than outbound lets in */
	NAMES_STATIC_MAX = 64,
	NAMES_SERVERS_MAX = 3,
	NAMES_HOSTS_BYTES = 64 * 1024,

	DNS_TRY_MS = 300,
	DNS_TRIES = 2,
	CALL_MS = 1000, /* a call's patience, whatever the resolver still tries */
	TTL_LEAST_MS = 1000,
	TTL_MOST_MS = 5 * 60 * 1000,
	TTL_FAILED_MS = 5 * 1000,
	FILES_LOOK_MS = 1000
};

struct addresses {
	char text[NAMES_ADDRESSES_MAX][NAMES_TEXT];
	unsigned count;
};

/* "name=address" of IMAGO_DNS; a wildcard is kept without its "*". */
struct names_static {
	char name[NAME_MAX_BYTES + 1];
	size_t length;
	bool wildcard;
	struct addresses addresses;
};

/* One name in the cache, or being asked for. */
struct name_entry {
	struct map_node node;
	struct link used; /* in names.used, the least recently used first */
	struct link waiters;
	struct names *names;
	struct addresses addresses;
	enum fault_code fault; /* FAULT_NONE: the addresses are good */
	uint64_t until_ms;
	bool asking;
	char name[NAME_MAX_BYTES + 1];
};

struct file_mark {
	struct timespec modified;
	off_t size;
	ino_t inode;
};

struct names {
	struct loop *loop;
	struct map cache;
	struct link used;
	struct slab waiters;
	unsigned asking;

	struct names_static *statics;
	unsigned static_count;

	const char *hosts_path;
	struct buf hosts; /* the text of /etc/hosts */
	struct file_mark hosts_mark, resolv_mark;
	uint64_t looked_ms;
	bool looked;

	ares_channel channel; /* made at the first question; NULL: none yet */
	struct ares_addr_port_node servers[NAMES_SERVERS_MAX];
	unsigned server_count; /* 0: those of resolv.conf */
	struct link polls;
	struct timer patience;
};

/* names_local.c: everything that needs no packet */
bool names_parse_config(struct names *n, struct str imago_dns, struct str *why);
bool names_literal(struct str host, struct addresses *out);
bool names_is_name(struct str host);
void addresses_add(struct addresses *a, struct str text);
/* Static entries, localhost, /etc/hosts; `name` is lower case and without a final dot. */
bool names_local(struct names *n, struct str name, struct addresses *out);
/* Lower case and without the final dot; empty when it is too long. */
struct str names_canonical(struct str host, char out[NAME_MAX_BYTES + 1]);
/* Is the file another one than at the last look? */
bool file_changed(const char *path, struct file_mark *mark);

/* names_dns.c */
void names_dns_init(struct names *n);
void names_dns_clear(struct names *n);
/* resolv.conf may have changed: c-ares reads it only when a channel is made. */
void names_dns_look(struct names *n);
void names_dns_ask(struct names *n, struct name_entry *e);
/* names.c: the answer to names_dns_ask; may come inside it. */
void names_answered(struct name_entry *e, enum fault_code fault, const struct addresses *a, uint64_t ttl_ms);
