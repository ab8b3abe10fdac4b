#pragma once
/*
 * buf - a byte builder with a cap given at its birth.
 *
 * Appending past the cap changes nothing and sets `overflowed`, which stays set until
 * buf_reset. Callers append freely and look once at the end.
 *
 * Ownership   buf_init + buf_clear: heap. buf_reset keeps the memory for the next use.
 *             Views from buf_view die with the next append, consume, reset or clear.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
	char *p;
	size_t from; /* bytes before this one are consumed */
	size_t n;    /* end of the content, counted from p */
	size_t size, cap;
	bool overflowed;
};

void buf_init(struct buf *b, size_t cap);
void buf_reset(struct buf *b);
void buf_clear(struct buf *b);

void buf_put(struct buf *b, const void *bytes, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_cstr(struct buf *b, const char *s);
void buf_byte(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t v);
void buf_i64(struct buf *b, int64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* At least n writable bytes at the end, or NULL past the cap (then `overflowed` too); buf_added says how many were used. */
char *buf_room(struct buf *b, size_t n);
void buf_added(struct buf *b, size_t n);

static inline struct str buf_view(const struct buf *b)
{
	return (struct str){ b->p ? b->p + b->from : "", b->n - b->from };
}
static inline size_t buf_len(const struct buf *b)
{
	return b->n - b->from;
}
void buf_consume(struct buf *b, size_t n);
