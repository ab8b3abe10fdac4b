#pragma once
/*
 * base64_priv - the inner loops of base64 for processors with AVX2. For base64.c alone.
 *
 * Both stop early: what is left, a group that is not plain included, is for the scalar code.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: the processor, the system or the build has no AVX2, and the others must not be called. */
bool base64_avx2_here(void);

/* Whole blocks of plain characters, 32 to 24 bytes; returns characters taken. `out` may be `text` or lie before it. */
size_t base64_avx2_decode(const uint8_t *text, size_t n, uint8_t *out);

/* Whole blocks, 24 to 32 characters; returns bytes taken. Never reads past `bytes + n`. */
size_t base64_avx2_encode(const uint8_t *bytes, size_t n, char *out);
