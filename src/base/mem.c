/*
 * mem - malloc that cannot fail in a way anyone has to handle.
 */
#include "base/mem.h"

#include <stdlib.h>

#include "base/check.h"

void *mem_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	CHECK(p != NULL);
	return p;
}

void *mem_resize(void *p, size_t size)
{
	void *q = realloc(p, size ? size : 1);

	CHECK(q != NULL);
	return q;
}

void mem_release(void *p)
{
	free(p);
}
