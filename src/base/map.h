#pragma once
/*
 * map - intrusive hash table from a string key to the struct that embeds the node.
 *
 * The key is borrowed and must live as long as the node is in the map. Hash seeds are
 * random for each process, so that ids chosen by clients cannot make chains long.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct map_node {
	struct map_node *next;
	struct str key;
	uint64_t hash;
};

struct map {
	struct map_node **buckets;
	size_t size, count; /* size is a power of two */
};

void map_init(struct map *m);
void map_clear(struct map *m); /* frees buckets, not nodes */
struct map_node *map_find(const struct map *m, struct str key);
void map_add(struct map *m, struct map_node *n, struct str key); /* the key must be new */
void map_remove(struct map *m, struct map_node *n);
/* Visit each node; `visit` may remove the node it is given. */
void map_each(struct map *m, void (*visit)(struct map_node *n, void *arg), void *arg);
