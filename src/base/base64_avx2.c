/*
 * base64_avx2 - 32 characters at a time.
 *
 * Only these functions are compiled for AVX2; the rest of the program stays baseline x86-64, and base64.c asks the
 * processor first. On other architectures the file holds stubs.
 *
 * Decoding sorts characters by their upper four bits. What is added to get the value of six bits depends on
 * them alone, except for "/", which shares its row with "+" and borrows the row below. Whether a character
 * belongs to the alphabet is a second look-up: a row has a bit, each lower half a set of the rows in which it is wrong.
 *
 *   upper  2  "+" at b, "/" at f   PLUS       upper 4, 6  letters from 1 on       EARLY
 *          3  digits, 0 to 9       DIGITS           5, 7  letters, 0 to a         LATE
 *          0, 1, 8 and more        NEVER
 *
 * Then 4 x 6 bits are gathered into 3 bytes by two multiplications with powers of two.
 */
#include "base/base64_priv.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

enum { PLUS = 1, DIGITS = 2, EARLY = 4, LATE = 8, NEVER = 16 };
enum { BLOCK_CHARS = 32, BLOCK_BYTES = 24 };

/* Sixteen bytes, the same for both halves of a register. */
#define ROWS(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))

bool base64_avx2_here(void)
{
	return __builtin_cpu_supports("avx2");
}

/* Not zero where a character is not of the alphabet. */
AVX2 static inline __m256i strangers(__m256i upper, __m256i lower)
{
	const __m256i row = ROWS(NEVER, NEVER, PLUS, DIGITS, EARLY, LATE, EARLY, LATE, NEVER, NEVER, NEVER, NEVER,
	                         NEVER, NEVER, NEVER, NEVER);
	const __m256i wrong = ROWS(NEVER | PLUS | EARLY, NEVER | PLUS, NEVER | PLUS, NEVER | PLUS, NEVER | PLUS,
	                           NEVER | PLUS, NEVER | PLUS, NEVER | PLUS, NEVER | PLUS, NEVER | PLUS,
	                           NEVER | PLUS | DIGITS, NEVER | DIGITS | LATE, NEVER | PLUS | DIGITS | LATE,
	                           NEVER | PLUS | DIGITS | LATE, NEVER | PLUS | DIGITS | LATE, NEVER | DIGITS | LATE);

	return _mm256_and_si256(_mm256_shuffle_epi8(row, upper), _mm256_shuffle_epi8(wrong, lower));
}

/* Six bits in each byte become 24 bytes in a row, then 8 of zero. */
AVX2 static inline __m256i gather(__m256i sixes)
{
	const __m256i order = ROWS(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
	const __m256i close_up = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
	__m256i twelves = _mm256_maddubs_epi16(sixes, _mm256_set1_epi32(0x01400140));
	__m256i groups = _mm256_madd_epi16(twelves, _mm256_set1_epi32(0x00011000));

	return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(groups, order), close_up);
}

AVX2 size_t base64_avx2_decode(const uint8_t *text, size_t n, uint8_t *out)
{
	const __m256i shift = ROWS(0, 63 - '/', 62 - '+', 52 - '0', -'A', -'A', 26 - 'a', 26 - 'a', 0, 0, 0, 0, 0, 0, 0,
	                           0);
	const __m256i half = _mm256_set1_epi8(0x0f);
	size_t at = 0;

	for (; n - at >= BLOCK_CHARS; at += BLOCK_CHARS, out += BLOCK_BYTES) {
		__m256i v = _mm256_loadu_si256((const void *)(text + at));
		__m256i upper = _mm256_and_si256(_mm256_srli_epi16(v, 4), half);
		__m256i bad = strangers(upper, _mm256_and_si256(v, half));
		__m256i slash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('/'));
		__m256i bytes;

		if (!_mm256_testz_si256(bad, bad))
			break;
		v = _mm256_add_epi8(v, _mm256_shuffle_epi8(shift, _mm256_add_epi8(upper, slash)));
		bytes = gather(v);
		/* 24 and no more: what lies behind may be the next block, or nobody's */
		_mm_storeu_si128((void *)out, _mm256_castsi256_si128(bytes));
		_mm_storel_epi64((void *)(out + 16), _mm256_extracti128_si256(bytes, 1));
	}
	return at;
}

/* Twelve bytes in the lower half of each side: six bits into each byte, in the order of the text. */
AVX2 static inline __m256i spread(__m256i bytes)
{
	const __m256i order = ROWS(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
	__m256i v = _mm256_shuffle_epi8(bytes, order);
	__m256i even = _mm256_and_si256(v, _mm256_set1_epi32(0x0fc0fc00));
	__m256i odd = _mm256_and_si256(v, _mm256_set1_epi32(0x003f03f0));

	return _mm256_or_si256(_mm256_mulhi_epu16(even, _mm256_set1_epi32(0x04000040)),
	                       _mm256_mullo_epi16(odd, _mm256_set1_epi32(0x01000010)));
}

/* Row 0: a to z (26 to 51), 1 to 10: digits, 11: "+", 12: "/", 13: A to Z (0 to 25). */
AVX2 static inline __m256i characters(__m256i sixes)
{
	const __m256i shift = ROWS('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
	                           '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
	__m256i row = _mm256_subs_epu8(sixes, _mm256_set1_epi8(51));
	__m256i capital = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), sixes);

	row = _mm256_or_si256(row, _mm256_and_si256(capital, _mm256_set1_epi8(13)));
	return _mm256_add_epi8(sixes, _mm256_shuffle_epi8(shift, row));
}

AVX2 size_t base64_avx2_encode(const uint8_t *bytes, size_t n, char *out)
{
	size_t at = 0;

	/* the upper half is loaded from 12 on: 28 bytes are read for 24 that are used */
	for (; n - at >= BLOCK_BYTES + 4; at += BLOCK_BYTES, out += BLOCK_CHARS) {
		__m128i low = _mm_loadu_si128((const void *)(bytes + at));
		__m128i high = _mm_loadu_si128((const void *)(bytes + at + 12));
		__m256i v = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);

		_mm256_storeu_si256((void *)out, characters(spread(v)));
	}
	return at;
}

#else

bool base64_avx2_here(void)
{
	return false;
}

size_t base64_avx2_decode(const uint8_t *text, size_t n, uint8_t *out)
{
	(void)text;
	(void)n;
	(void)out;
	return 0;
}

size_t base64_avx2_encode(const uint8_t *bytes, size_t n, char *out)
{
	(void)bytes;
	(void)n;
	(void)out;
	return 0;
}

#endif
