/* mem, arena, buf, slab: caps, stickiness, what a reset keeps. */
#include "unit.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/slab.h"

static void mem_gives_zeroed_memory(void **state)
{
	char *p = mem_alloc(64), *empty = mem_alloc(0);

	(void)state;
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(p[i], 0);
	assert_non_null(empty);
	p = mem_resize(p, 4096);
	assert_int_equal(p[63], 0);
	mem_release(p);
	mem_release(empty);
	mem_release(NULL);
}

static void arena_aligns_and_zeroes(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 1; i < 300; i++) {
			size_t align = (size_t)1 << (i % 5);
			unsigned char *p = arena_alloc(&a, i * 3, align);

			assert_int_equal((uintptr_t)p % align, 0);
			for (size_t j = 0; j < i * 3; j++)
				assert_int_equal(p[j], 0);
			memset(p, 0xee, i * 3);
		}
		assert_false(a.overflowed);
		assert_true(a.used >= 3 * 299 * 300 / 2 && a.used <= a.cap);
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	arena_clear(&a);
}

static void arena_uses_its_cap_to_the_byte(void **state)
{
	static const size_t caps[] = { 1, 100, 4096, 70000 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(caps); i++) {
		struct arena a;

		arena_init(&a, caps[i]);
		for (size_t n = 0; n < caps[i]; n++)
			*(char *)arena_alloc(&a, 1, 1) = 'x';
		ROW(!a.overflowed && a.used == caps[i], "cap %zu", caps[i]);
		*(char *)arena_alloc(&a, 1, 1) = 'y';
		ROW(a.overflowed, "cap %zu", caps[i]);
		arena_clear(&a);
	}
}

static void arena_overflow_is_sticky(void **state)
{
	struct arena a;
	char *small, *large;

	(void)state;
	arena_init(&a, 100);
	(void)arena_alloc(&a, 90, 1);
	small = arena_alloc(&a, 50, 1);
	assert_true(a.overflowed);
	memset(small, 1, 50);
	/* a grown scratch block leaves the pointers into the older one usable */
	large = arena_alloc(&a, 100000, 16);
	memset(large, 2, 100000);
	memset(small, 3, 50);
	/* what still fits is real memory, and the mark stays */
	assert_non_null(arena_alloc(&a, 4, 1));
	assert_true(a.overflowed);
	assert_true(a.used <= 100);
	arena_reset(&a);
	assert_false(a.overflowed);
	memset(arena_alloc(&a, 100, 1), 4, 100);
	assert_false(a.overflowed);
	(void)arena_printf(&a, "%s", "past the cap");
	assert_true(a.overflowed);
	arena_clear(&a);
	assert_null(a.chunks);
	/* and it may be used again */
	assert_non_null(arena_alloc(&a, 8, 8));
	arena_clear(&a);
}

static void arena_array_cannot_wrap(void **state)
{
	(void)state;
	assert_true(arena_times(8, SIZE_MAX / 4) == SIZE_MAX);
	assert_int_equal(arena_times(8, 3), 24);
}

static void arena_makes_texts(void **state)
{
	struct arena a;
	struct str s, copy;

	(void)state;
	arena_init(&a, 1 << 16);
	copy = arena_copy(&a, (struct str){ "hello world", 5 });
	assert_str(copy, "hello");
	assert_int_equal(copy.p[5], 0);
	assert_string_equal(arena_cstr(&a, (struct str){ NULL, 0 }), "");
	s = arena_printf(&a, "%s-%d", "job", 7);
	assert_str(s, "job-7");
	assert_int_equal(s.p[s.n], 0);
	s = arena_printf(&a, "%01000d", 5);
	assert_int_equal(s.n, 1000);
	assert_int_equal(s.p[999], '5');
	assert_int_equal(s.p[1000], 0);
	assert_str(copy, "hello");
	arena_clear(&a);
}

static void arena_reset_keeps_one_small_chunk(void **state)
{
	struct arena a;
	const char *first;

	(void)state;
	arena_init(&a, 1 << 20);
	(void)arena_alloc(&a, 500000, 1);
	first = arena_alloc(&a, 1, 1);
	for (int i = 0; i < 1000; i++)
		(void)arena_alloc(&a, 200, 1);
	arena_reset(&a);
	assert_ptr_equal(arena_alloc(&a, 1, 1), first);
	arena_clear(&a);
}

static void buf_stops_at_its_cap(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	buf_cstr(&b, "12345");
	buf_cstr(&b, "67890");
	assert_false(b.overflowed);
	buf_byte(&b, 'x');
	assert_true(b.overflowed);
	assert_str(buf_view(&b), "1234567890");
	assert_null(buf_room(&b, 1));
	buf_consume(&b, 4);
	assert_true(b.overflowed);
	buf_printf(&b, "%d", 1234);
	assert_str(buf_view(&b), "5678901234");
	buf_printf(&b, "%d", 5);
	assert_int_equal(buf_len(&b), 10);
	buf_reset(&b);
	assert_false(b.overflowed);
	assert_str(buf_view(&b), "");
	buf_put(&b, "12345678901", 11);
	assert_true(b.overflowed);
	assert_int_equal(buf_len(&b), 0);
	buf_clear(&b);
	assert_int_equal(b.cap, 10);
	assert_str(buf_view(&b), "");
}

static void buf_writes_numbers(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	buf_u64(&b, 0);
	buf_byte(&b, ' ');
	buf_u64(&b, UINT64_MAX);
	buf_byte(&b, ' ');
	buf_i64(&b, INT64_MIN);
	buf_byte(&b, ' ');
	buf_i64(&b, -1);
	assert_str(buf_view(&b), "0 18446744073709551615 -9223372036854775808 -1");
	buf_reset(&b);
	buf_printf(&b, "%0600d", 1);
	assert_int_equal(buf_len(&b), 600);
	buf_clear(&b);
}

static void buf_is_a_queue(void **state)
{
	struct buf b;
	unsigned in = 0, out = 0;

	(void)state;
	buf_init(&b, 4096);
	for (unsigned round = 0; round < 5000; round++) {
		for (unsigned i = 0; i < 1 + round % 97; i++)
			buf_byte(&b, (char)(in++ % 251));
		while (buf_len(&b) > round % 300) {
			assert_int_equal((unsigned char)buf_view(&b).p[0], out++ % 251);
			buf_consume(&b, 1);
		}
	}
	assert_false(b.overflowed);
	assert_true(b.size <= 4096);
	assert_int_equal(in - out, buf_len(&b));
	buf_clear(&b);
}

static void buf_room_is_writable(void **state)
{
	struct buf b;
	char *p;

	(void)state;
	buf_init(&b, 1000);
	p = buf_room(&b, 1000);
	assert_non_null(p);
	memset(p, 'a', 1000);
	buf_added(&b, 600);
	assert_int_equal(buf_len(&b), 600);
	assert_null(buf_room(&b, 401));
	assert_non_null(buf_room(&b, 400));
	buf_clear(&b);
}

static void slab_has_a_limit(void **state)
{
	struct slab s;
	unsigned char *objects[1000];

	(void)state;
	slab_init(&s, 40, 1000);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 1000; i++) {
			objects[i] = slab_get(&s);
			assert_non_null(objects[i]);
			assert_int_equal((uintptr_t)objects[i] % 16, 0);
			for (unsigned j = 0; j < 40; j++)
				assert_int_equal(objects[i][j], 0);
			memset(objects[i], (int)i, 40);
		}
		assert_null(slab_get(&s));
		assert_int_equal(s.live, 1000);
		for (unsigned i = 0; i < 1000; i++) {
			assert_int_equal(objects[i][39], i % 256);
			slab_put(&s, objects[i]);
		}
		assert_int_equal(s.live, 0);
	}
	slab_put(&s, NULL);
	slab_clear(&s);
	/* smaller than a link, and a limit of one */
	slab_init(&s, 1, 1);
	objects[0] = slab_get(&s);
	assert_null(slab_get(&s));
	slab_put(&s, objects[0]);
	assert_ptr_equal(slab_get(&s), objects[0]);
	slab_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mem_gives_zeroed_memory),
		cmocka_unit_test(arena_aligns_and_zeroes),
		cmocka_unit_test(arena_uses_its_cap_to_the_byte),
		cmocka_unit_test(arena_overflow_is_sticky),
		cmocka_unit_test(arena_array_cannot_wrap),
		cmocka_unit_test(arena_makes_texts),
		cmocka_unit_test(arena_reset_keeps_one_small_chunk),
		cmocka_unit_test(buf_stops_at_its_cap),
		cmocka_unit_test(buf_writes_numbers),
		cmocka_unit_test(buf_is_a_queue),
		cmocka_unit_test(buf_room_is_writable),
		cmocka_unit_test(slab_has_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
