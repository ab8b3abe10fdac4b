#pragma once
/*
 * arena - memory that ends all at once: one for each HTTP request and each job.
 *
 * Allocation never returns NULL. Past its cap an arena hands out a scratch block that
 * may be overwritten, and stays `overflowed`; the owner looks once, before it uses what
 * it built, and answers that the thing was too large.
 *
 * Ownership   arena_reset keeps the first chunk for the next use; arena_clear gives
 *             everything back. All pointers from it die with either.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct arena_chunk;
struct arena {
	struct arena_chunk *chunks;
	char *next, *end; /* free bytes of the newest chunk */
	size_t used, cap;
	char *scratch; /* handed out after the cap; one block, grown as asked */
	size_t scratch_size;
	bool overflowed;
};

void arena_init(struct arena *a, size_t cap);
void arena_reset(struct arena *a);
void arena_clear(struct arena *a);

void *arena_alloc(struct arena *a, size_t size, size_t align); /* zeroed */
#define arena_new(a, T) ((T *)arena_alloc((a), sizeof(T), _Alignof(T)))
#define arena_array(a, T, n) ((T *)arena_alloc((a), arena_times(sizeof(T), (n)), _Alignof(T)))

/* A product that would wrap becomes SIZE_MAX, which no arena has. */
static inline size_t arena_times(size_t size, size_t n)
{
	size_t product;

	return __builtin_mul_overflow(size, n, &product) ? SIZE_MAX : product;
}

struct str arena_copy(struct arena *a, struct str s); /* NUL follows the copy */
char *arena_cstr(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
