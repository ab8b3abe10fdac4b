/*
 * slab - blocks of objects and a list of the free ones, last freed first used again.
 *
 * A free object holds its list link in its own bytes. Under ASan free objects are
 * poisoned, so that a use after slab_put is found like any use after free.
 */
#include "base/slab.h"

#include <string.h>

#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_ASAN 1
#endif
#endif
#ifdef SLAB_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum { SLAB_ALIGN = 16, BLOCK_BYTES = 16 * 1024, BLOCK_LEAST = 4 };

struct slab_free {
	struct slab_free *next;
};

struct slab_block {
	struct slab_block *next;
	size_t size;
	_Alignas(SLAB_ALIGN) char bytes[];
};

void slab_init(struct slab *s, size_t object_size, size_t limit)
{
	CHECK(object_size > 0 && object_size < SIZE_MAX / 64);
	if (object_size < sizeof(struct slab_free))
		object_size = sizeof(struct slab_free);
	*s = (struct slab){
		.object_size = (object_size + SLAB_ALIGN - 1) & ~(size_t)(SLAB_ALIGN - 1),
		.limit = limit,
	};
}

void slab_clear(struct slab *s)
{
	while (s->blocks) {
		struct slab_block *b = s->blocks;

		s->blocks = b->next;
		UNPOISON(b->bytes, b->size);
		mem_release(b);
	}
	s->free = NULL;
	s->live = 0;
}

static void push_free(struct slab *s, void *object)
{
	struct slab_free *f = object;

	f->next = s->free;
	s->free = f;
	POISON(object, s->object_size);
}

static void add_block(struct slab *s)
{
	size_t count = BLOCK_BYTES / s->object_size;
	size_t wanted = s->limit - s->live;
	struct slab_block *b;

	count = count < BLOCK_LEAST ? BLOCK_LEAST : count;
	count = count > wanted ? wanted : count;
	b = mem_resize(NULL, sizeof(*b) + count * s->object_size);
	b->size = count * s->object_size;
	b->next = s->blocks;
	s->blocks = b;
	for (size_t i = count; i-- > 0;)
		push_free(s, b->bytes + i * s->object_size);
}

void *slab_get(struct slab *s)
{
	struct slab_free *f;

	if (s->live >= s->limit)
		return NULL;
	if (!s->free)
		add_block(s);
	f = s->free;
	UNPOISON(f, s->object_size);
	s->free = f->next;
	s->live++;
	memset(f, 0, s->object_size);
	return f;
}

void slab_put(struct slab *s, void *object)
{
	if (!object)
		return;
	CHECK(s->live > 0);
	s->live--;
	push_free(s, object);
}
