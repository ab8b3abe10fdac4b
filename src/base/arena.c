/*
 * arena - a chain of chunks, newest first; the oldest is the one arena_reset keeps.
 *
 * 1. `used` counts the bytes handed out, with alignment; it never passes `cap`.
 * 2. The first chunk is always of ordinary size, so that an idle arena stays small.
 * 3. A large request gets a chunk of its own and the free bytes (next, end) stay where
 *    they are: at most a quarter of a chunk is ever given up.
 * 4. Scratch blocks are chunks too: a pointer handed out past the cap stays readable
 *    and writable until the arena is reset; only its content is shared.
 */
#include "base/arena.h"

#include <stdio.h>

#include "base/mem.h"

enum { ARENA_ALIGN = 16, CHUNK_FIRST = 4096 - 64, CHUNK_LARGEST = 64 * 1024 - 64, SCRATCH_LEAST = 1024 };

struct arena_chunk {
	struct arena_chunk *older;
	size_t size;
	_Alignas(ARENA_ALIGN) char bytes[];
};

static struct arena_chunk *chunk_new(size_t size, struct arena_chunk *older)
{
	struct arena_chunk *c;

	CHECK(size < SIZE_MAX - sizeof(*c));
	c = mem_resize(NULL, sizeof(*c) + size);
	c->older = older;
	c->size = size;
	return c;
}

static void open_chunk(struct arena *a, struct arena_chunk *c)
{
	a->next = c->bytes;
	a->end = c->bytes + c->size;
}

void arena_init(struct arena *a, size_t cap)
{
	*a = (struct arena){ .cap = cap };
}

/* Free the chain down to `keep`. */
static void drop_chunks(struct arena *a, const struct arena_chunk *keep)
{
	while (a->chunks != keep) {
		struct arena_chunk *c = a->chunks;

		a->chunks = c->older;
		mem_release(c);
	}
	a->used = 0;
	a->scratch = NULL;
	a->scratch_size = 0;
	a->overflowed = false;
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *first = a->chunks;

	while (first && first->older)
		first = first->older;
	drop_chunks(a, first);
	if (first)
		open_chunk(a, first);
}

void arena_clear(struct arena *a)
{
	drop_chunks(a, NULL);
	a->next = a->end = NULL;
}

/* A chunk of its own for one block; the free bytes stay where they are. */
static char *chunk_beside(struct arena *a, size_t size)
{
	if (!a->chunks) {
		a->chunks = chunk_new(CHUNK_FIRST, NULL);
		open_chunk(a, a->chunks);
	}
	a->chunks = chunk_new(size, a->chunks);
	return a->chunks->bytes;
}

static void *scratch(struct arena *a, size_t size)
{
	a->overflowed = true;
	if (size > a->scratch_size) {
		size_t more = a->scratch_size * 2;

		more = more < SCRATCH_LEAST ? SCRATCH_LEAST : more;
		more = more < size ? size : more;
		a->scratch = chunk_beside(a, more);
		a->scratch_size = more;
	}
	return a->scratch;
}

static void *from_new_chunk(struct arena *a, size_t size)
{
	size_t next_size = a->used; /* so that chunks grow with what is in use */
	char *p;

	next_size = next_size < CHUNK_FIRST || !a->chunks ? CHUNK_FIRST : next_size;
	next_size = next_size > CHUNK_LARGEST ? CHUNK_LARGEST : next_size;
	if (size > next_size / 4)
		return chunk_beside(a, size);
	a->chunks = chunk_new(next_size, a->chunks);
	open_chunk(a, a->chunks);
	p = a->next;
	a->next += size;
	return p;
}

/* Not zeroed. */
static void *take(struct arena *a, size_t size, size_t align)
{
	size_t pad = -(uintptr_t)a->next & (align - 1);

	if (size > a->cap || a->used > a->cap - size)
		return scratch(a, size);
	if (a->next && pad + size <= (size_t)(a->end - a->next)) {
		char *p = a->next + pad;

		/* padding counts, but is no reason to refuse the last byte */
		a->used += size + pad;
		a->used = a->used > a->cap ? a->cap : a->used;
		a->next = p + size;
		return p;
	}
	a->used += size;
	return from_new_chunk(a, size);
}

void *arena_alloc(struct arena *a, size_t size, size_t align)
{
	void *p;

	CHECK(align && align <= ARENA_ALIGN && (align & (align - 1)) == 0);
	p = take(a, size, align);
	memset(p, 0, size);
	return p;
}

char *arena_cstr(struct arena *a, struct str s)
{
	char *p = take(a, s.n + 1, 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

struct str arena_copy(struct arena *a, struct str s)
{
	return (struct str){ arena_cstr(a, s), s.n };
}

struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	char small[256], *p;
	int n;

	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	CHECK(n >= 0);
	p = take(a, (size_t)n + 1, 1);
	if ((size_t)n < sizeof(small))
		memcpy(p, small, (size_t)n + 1);
	else
		(void)vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return (struct str){ p, (size_t)n };
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	struct str s;

	va_start(ap, fmt);
	s = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return s;
}
