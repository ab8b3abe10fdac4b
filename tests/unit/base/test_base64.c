/* base64: strict, the same in any pieces, in place, and by vectors as without. */
#include "unit.h"

#include "base/base64.h"
#include "base/hash.h"
#include "base/mem.h"

enum { LONGEST = 200, TEXT_LONGEST = BASE64_LENGTH(LONGEST), ERROR_CHARS = 200 };

static const enum base64_way ways[] = { BASE64_SCALAR, BASE64_AVX2 };

/* The next way of the two, if this machine has it. */
static bool use(size_t i)
{
	bool there = base64_use(ways[i]);

	if (!there)
		print_message("no AVX2 here: one way was not tried\n");
	return there;
}

static int back_to_best(void **state)
{
	(void)state;
	return base64_use(BASE64_BEST) ? 0 : -1;
}

struct verdict {
	bool ok;
	size_t n;
	uint8_t bytes[TEXT_LONGEST];
};

/* Decodes text[0..cut1), [cut1..cut2), [cut2..n) and looks after the room that was promised. */
static struct verdict decode(const char *text, size_t n, size_t cut1, size_t cut2)
{
	const size_t cuts[] = { 0, cut1, cut2, n };
	struct base64_decoder d;
	struct verdict v = { .ok = true };

	base64_decode_init(&d);
	for (size_t i = 0; i < 3 && v.ok; i++) {
		size_t piece = cuts[i + 1] - cuts[i], written;
		uint8_t out[TEXT_LONGEST + 8];

		memset(out, 0xee, sizeof(out));
		v.ok = base64_decode(&d, text + cuts[i], piece, out, &written);
		assert_true(written <= BASE64_ROOM(piece));
		for (size_t j = BASE64_ROOM(piece); j < sizeof(out); j++)
			ROW(out[j] == 0xee, "%zu characters: wrote at %zu", piece, j);
		memcpy(v.bytes + v.n, out, written);
		v.n += written;
	}
	assert_int_equal(v.ok, !d.bad);
	v.ok = base64_decode_end(&d);
	return v;
}

static bool taken(const char *text)
{
	return decode(text, strlen(text), 0, 0).ok;
}

static void knows_the_vectors(void **state)
{
	static const struct {
		const char *bytes, *text;
	} rows[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[16] = { 0 };
		struct verdict v = decode(rows[i].text, strlen(rows[i].text), 0, 0);
		size_t n = base64_encode((const uint8_t *)rows[i].bytes, strlen(rows[i].bytes), text);

		assert_int_equal(n, BASE64_LENGTH(strlen(rows[i].bytes)));
		assert_string_equal(text, rows[i].text);
		assert_true(v.ok);
		assert_str((struct str){ (const char *)v.bytes, v.n }, rows[i].bytes);
	}
}

/* What the reader of a picture relies on: each form is named, and its neighbour that is right. */
static void is_strict(void **state)
{
	static const char *const good[] = { "AA==", "AAA=", "AAAA", "/+8=", "AQ==", "AAE=", "AAAAAA==" };
	static const char *const bad[] = {
		"A",      "AA",     "AAA",      "AA=",    "A===",   "====",    "=",        "==",   "A=AA",  "AA=A",
		"AAA==",  "AA===",  "AA==AAAA", "AA==A",  "AA===A", "AAA=A",   "AAA==",    "=AAA", "AB==",  "AP==",
		"AAB=",   "AAD=",   "AA==AA==", "AAAAA",  "AAAA=",  "AAAA==",  "AAAA====", "AA A", "AAA\n", "A-A_",
		"AAAA\n", "\nAAAA", "AAAA ",    "AA==\n", "AA= =",  "AAA\x80", "\xffZZZ",  "AAA.", "AAA,",  "AA*A",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		ROW(taken(good[i]), "%s was refused", good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		ROW(!taken(bad[i]), "%s was taken", bad[i]);
	ROW(!decode("AA\0A", 4, 0, 0).ok, "a NUL was taken");
}

/* Every length, cut once and twice at every place. */
static void takes_any_pieces(void **state)
{
	uint8_t bytes[LONGEST];
	char text[TEXT_LONGEST];

	(void)state;
	random_bytes(bytes, sizeof(bytes));
	for (size_t n = 0; n <= LONGEST; n++) {
		size_t length = base64_encode(bytes, n, text);

		assert_int_equal(length, BASE64_LENGTH(n));
		for (size_t cut1 = 0; cut1 <= length; cut1++) {
			/* all second cuts up to two vectors, then one in seven */
			for (size_t cut2 = cut1; cut2 <= length; cut2 += length > 96 ? 7 : 1) {
				struct verdict v = decode(text, length, cut1, cut2);

				ROW(v.ok && v.n == n && memcmp(v.bytes, bytes, n) == 0, "%zu bytes cut at %zu, %zu", n,
				    cut1, cut2);
			}
		}
	}
}

static void takes_single_characters(void **state)
{
	uint8_t bytes[LONGEST], out[LONGEST + 3];
	char text[TEXT_LONGEST];
	struct base64_decoder d;
	size_t n = 0, written;

	(void)state;
	random_bytes(bytes, sizeof(bytes));
	assert_int_equal(base64_encode(bytes, LONGEST, text), TEXT_LONGEST);
	base64_decode_init(&d);
	for (size_t i = 0; i < TEXT_LONGEST; i++) {
		assert_true(base64_decode(&d, text + i, 1, out + n, &written));
		n += written;
		assert_true(base64_decode(&d, text + i, 0, out + n, &written));
		assert_int_equal(written, 0);
	}
	assert_true(base64_decode_end(&d));
	assert_int_equal(n, LONGEST);
	assert_memory_equal(out, bytes, n);
}

/* The alphabet is exactly the 64, wherever they stand. */
static void knows_every_byte_at_every_place(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	(void)state;
	for (size_t way = 0; way < COUNT_OF(ways); way++) {
		if (!use(way))
			continue;
		for (unsigned c = 0; c < 256; c++) {
			const char *known = c ? strchr(alphabet, (int)c) : NULL;

			for (size_t at = 0; at < 72; at++) {
				char text[72];
				struct verdict v;
				unsigned six;

				memset(text, 'A', sizeof(text));
				text[at] = (char)c;
				v = decode(text, sizeof(text), 0, 0);
				if (!known) {
					/* a "=" at the very end is padding */
					ROW(v.ok == (c == '=' && at == 71), "byte %02x at %zu", c, at);
					continue;
				}
				ROW(v.ok && v.n == 54, "byte %02x at %zu", c, at);
				six = (unsigned)(v.bytes[at / 4 * 3] << 16 | v.bytes[at / 4 * 3 + 1] << 8 |
				                 v.bytes[at / 4 * 3 + 2]);
				ROW(six == (unsigned)(known - alphabet) << (3 - at % 4) * 6, "byte %02x at %zu", c, at);
			}
		}
	}
	assert_true(base64_use(BASE64_BEST));
}

/* Trailing bits and padding at the end of texts with and without blocks in front. */
static void refuses_bits_behind_the_last_byte(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[68];

	(void)state;
	for (size_t before = 0; before <= 64; before += 32) {
		memset(text, 'A', sizeof(text));
		for (unsigned i = 0; i < 64; i++) {
			text[before + 1] = alphabet[i];
			text[before + 2] = text[before + 3] = '=';
			assert_int_equal(decode(text, before + 4, before, before).ok, i % 16 == 0);
			text[before + 2] = alphabet[i];
			assert_int_equal(decode(text, before + 4, 0, before).ok, i % 4 == 0);
		}
	}
}

/* Random bytes at the same place of both ways: same verdict, same bytes in front of the error. */
static void vectors_agree_with_scalar(void **state)
{
	uint8_t bytes[BASE64_ROOM(ERROR_CHARS)], wrong[ERROR_CHARS];
	char text[ERROR_CHARS], other[ERROR_CHARS];

	(void)state;
	if (!use(1))
		skip();
	for (unsigned round = 0; round < 50; round++) {
		random_bytes(bytes, sizeof(bytes));
		random_bytes(wrong, sizeof(wrong));
		assert_true(base64_use(BASE64_SCALAR));
		(void)base64_encode(bytes, sizeof(bytes), text);
		assert_true(base64_use(BASE64_AVX2));
		(void)base64_encode(bytes, sizeof(bytes), other);
		assert_memory_equal(text, other, sizeof(text));
		for (size_t at = 0; at < ERROR_CHARS; at++) {
			struct verdict scalar, vector;
			char right = text[at];

			text[at] = (char)wrong[at];
			assert_true(base64_use(BASE64_SCALAR));
			scalar = decode(text, sizeof(text), round % 7, round % 7);
			assert_true(base64_use(BASE64_AVX2));
			vector = decode(text, sizeof(text), round % 7, round % 7);
			ROW(scalar.ok == vector.ok && scalar.n == vector.n, "%02x at %zu: %zu and %zu bytes", wrong[at],
			    at, scalar.n, vector.n);
			assert_memory_equal(scalar.bytes, vector.bytes, scalar.n);
			text[at] = right;
		}
	}
	assert_true(base64_use(BASE64_BEST));
}

/* A piece in an area of its own, so that a sanitizer sees a step outside. */
static size_t decode_in_place(struct base64_decoder *d, const char *text, size_t n, uint8_t *to)
{
	size_t room = n > BASE64_ROOM(n) ? n : BASE64_ROOM(n), written;
	char *area = mem_alloc(room);

	memcpy(area, text, n);
	assert_true(base64_decode(d, area, n, (uint8_t *)area, &written));
	memcpy(to, area, written);
	mem_release(area);
	return written;
}

/* With none to three characters held, any length behind them, both ways. */
static void decodes_in_place(void **state)
{
	uint8_t bytes[LONGEST], out[LONGEST];
	char text[TEXT_LONGEST];

	(void)state;
	random_bytes(bytes, sizeof(bytes));
	for (size_t way = 0; way < COUNT_OF(ways); way++) {
		if (!use(way))
			continue;
		for (size_t n = 0; n <= LONGEST; n++) {
			size_t length = base64_encode(bytes, n, text);

			for (size_t cut = 0; cut <= length && cut <= 7; cut++) {
				struct base64_decoder d;
				size_t got;

				base64_decode_init(&d);
				got = decode_in_place(&d, text, cut, out);
				got += decode_in_place(&d, text + cut, length - cut, out + got);
				ROW(base64_decode_end(&d) && got == n && memcmp(out, bytes, n) == 0,
				    "%zu bytes cut at %zu", n, cut);
			}
		}
	}
	assert_true(base64_use(BASE64_BEST));
}

static void stays_bad(void **state)
{
	struct base64_decoder d;
	uint8_t out[8];
	size_t written;

	(void)state;
	base64_decode_init(&d);
	assert_false(base64_decode(&d, "A*AA", 4, out, &written));
	assert_int_equal(written, 0);
	assert_false(base64_decode(&d, "AAAA", 4, out, &written));
	assert_int_equal(written, 0);
	assert_false(base64_decode(&d, "", 0, out, &written));
	assert_false(base64_decode_end(&d));
	/* nothing may follow the padding, in another piece neither */
	base64_decode_init(&d);
	assert_true(base64_decode(&d, "AA==", 4, out, &written));
	assert_true(base64_decode_end(&d));
	assert_true(base64_decode(&d, "", 0, out, &written));
	assert_false(base64_decode(&d, "A", 1, out, &written));
	assert_false(base64_decode_end(&d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_vectors),
		cmocka_unit_test(is_strict),
		cmocka_unit_test(takes_any_pieces),
		cmocka_unit_test(takes_single_characters),
		cmocka_unit_test_teardown(knows_every_byte_at_every_place, back_to_best),
		cmocka_unit_test(refuses_bits_behind_the_last_byte),
		cmocka_unit_test_teardown(vectors_agree_with_scalar, back_to_best),
		cmocka_unit_test_teardown(decodes_in_place, back_to_best),
		cmocka_unit_test(stays_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
