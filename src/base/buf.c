/*
 * buf - bytes in one block that grows by doubling.
 *
 * 1. from <= n <= size, and the content (n - from) never passes cap.
 * 2. Consumed bytes are closed up only when room is needed, and only when at least half
 *    of the block is consumed or the cap leaves no other way: a queue that is filled and
 *    drained in turn moves each byte at most once on average.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

enum { BUF_LEAST = 256 };

void buf_init(struct buf *b, size_t cap)
{
	*b = (struct buf){ .cap = cap };
}

void buf_reset(struct buf *b)
{
	b->from = b->n = 0;
	b->overflowed = false;
}

void buf_clear(struct buf *b)
{
	size_t cap = b->cap;

	mem_release(b->p);
	buf_init(b, cap);
}

static void close_up(struct buf *b)
{
	memmove(b->p, b->p + b->from, b->n - b->from);
	b->n -= b->from;
	b->from = 0;
}

static void grow(struct buf *b, size_t need)
{
	size_t size = b->size ? b->size : BUF_LEAST;

	while (size < need)
		size *= 2;
	if (size > b->cap)
		size = b->cap;
	b->p = mem_resize(b->p, size);
	b->size = size;
}

char *buf_room(struct buf *b, size_t n)
{
	if (n <= b->size - b->n && b->p)
		return b->p + b->n;
	if (n > b->cap || buf_len(b) > b->cap - n) {
		b->overflowed = true;
		return NULL;
	}
	if (b->from && (b->from >= b->size / 2 || b->n + n > b->cap))
		close_up(b);
	if (n > b->size - b->n || !b->p)
		grow(b, b->n + n);
	return b->p + b->n;
}

void buf_added(struct buf *b, size_t n)
{
	CHECK(n <= b->size - b->n);
	b->n += n;
}

void buf_put(struct buf *b, const void *bytes, size_t n)
{
	char *to;

	if (!n)
		return;
	to = buf_room(b, n);
	if (!to)
		return;
	memcpy(to, bytes, n);
	b->n += n;
}

void buf_str(struct buf *b, struct str s)
{
	buf_put(b, s.p, s.n);
}

void buf_cstr(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_byte(struct buf *b, char c)
{
	char *to = buf_room(b, 1);

	if (!to)
		return;
	*to = c;
	b->n++;
}

void buf_u64(struct buf *b, uint64_t v)
{
	char digits[20], *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_put(b, p, (size_t)(digits + sizeof(digits) - p));
}

void buf_i64(struct buf *b, int64_t v)
{
	char digits[21], *p = digits + sizeof(digits);
	uint64_t rest = v < 0 ? -(uint64_t)v : (uint64_t)v;

	do {
		*--p = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (v < 0)
		*--p = '-';
	buf_put(b, p, (size_t)(digits + sizeof(digits) - p));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	char small[256], *to;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	CHECK(n >= 0);
	if ((size_t)n < sizeof(small)) {
		buf_put(b, small, (size_t)n);
	} else {
		/* one more for the NUL, which is then left outside */
		to = buf_room(b, (size_t)n + 1);
		if (to)
			b->n += (size_t)vsnprintf(to, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	va_end(ap);
}

void buf_consume(struct buf *b, size_t n)
{
	CHECK(n <= buf_len(b));
	b->from += n;
	if (b->from == b->n)
		b->from = b->n = 0;
}
