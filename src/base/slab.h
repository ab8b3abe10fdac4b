#pragma once
/*
 * slab - equal-sized objects from larger blocks, with a bound on how many live.
 *
 * slab_get returns zeroed memory, or NULL when `limit` objects are out: the caller must
 * have an answer to that (503, wait). Blocks are never given back before slab_clear.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct slab {
	size_t object_size, limit, live;
	struct slab_free *free;
	struct slab_block *blocks;
};

void slab_init(struct slab *s, size_t object_size, size_t limit);
void slab_clear(struct slab *s);
void *slab_get(struct slab *s);
void slab_put(struct slab *s, void *object);
