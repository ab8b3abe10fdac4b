#pragma once
/*
 * mem - the only callers of malloc.
 *
 * Running out of memory here is fatal by CHECK: half a write is worse than a restart.
 * Where the outside decides how much is needed, an arena with a cap is used instead.
 */
#include <stddef.h>

void *mem_alloc(size_t size); /* zeroed; size 0 gives a valid pointer */
void *mem_resize(void *p, size_t size);
void mem_release(void *p); /* NULL is fine */

#define mem_new(T) ((T *)mem_alloc(sizeof(T)))
