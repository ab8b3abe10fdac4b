/*
 * Words are runs of letters (and "-" inside), lowered as far as Latin and Cyrillic go, compared with
 * the rows of hints.def. What is not found changes nothing.
 */
#include "pixels/hints.h"

enum { WORD_BYTES = 48 };

enum hint_kind { HINT_SCENE, HINT_TIME, HINT_WEATHER };

static const struct hint {
	enum hint_kind kind;
	int value;
	const char *words;
} hints[] = {
#define HINT(what, which, words) { HINT_##what, which, words },
#include "pixels/hints.def"
#undef HINT
};

struct word {
	char bytes[WORD_BYTES];
	size_t n;
};

/* The code point at p, for valid UTF-8; *size says how many bytes it takes. */
static uint32_t code_point(struct str s, size_t *size)
{
	unsigned char c = (unsigned char)s.p[0];
	uint32_t v = c < 0x80 ? c : c < 0xe0 ? c & 0x1fu : c < 0xf0 ? c & 0x0fu : c & 7u;

	*size = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (*size > s.n)
		*size = s.n;
	for (size_t i = 1; i < *size; i++)
		v = v << 6 | ((unsigned char)s.p[i] & 0x3fu);
	return v;
}

static bool is_letter(uint32_t v)
{
	return (v >= 'a' && v <= 'z') || (v >= 'A' && v <= 'Z') || v == '-' ||
	       (v >= 0xc0 && v < 0x2000 && v != 0xd7 && v != 0xf7);
}

static uint32_t lower(uint32_t v)
{
	if ((v >= 'A' && v <= 'Z') || (v >= 0xc0 && v <= 0xde) || (v >= 0x410 && v <= 0x42f))
		return v + 32;
	return v >= 0x400 && v <= 0x40f ? v + 80 : v;
}

/* Letters above three bytes do not occur in the table: such a word just never matches. */
static void word_put(struct word *w, uint32_t v)
{
	if (w->n + 3 > sizeof(w->bytes))
		return;
	if (v < 0x80) {
		w->bytes[w->n++] = (char)v;
	} else if (v < 0x800) {
		w->bytes[w->n++] = (char)(0xc0 | v >> 6);
		w->bytes[w->n++] = (char)(0x80 | (v & 0x3f));
	} else {
		w->bytes[w->n++] = '?';
	}
}

static bool word_next(struct str *rest, struct word *w)
{
	w->n = 0;
	while (rest->n) {
		size_t size;
		uint32_t v = code_point(*rest, &size);

		if (!is_letter(v) && w->n)
			return true;
		if (is_letter(v))
			word_put(w, lower(v));
		*rest = str_skip(*rest, size);
	}
	return w->n > 0;
}

static bool hint_has(const struct hint *hint, struct str word)
{
	struct str rest = str_from(hint->words);

	while (rest.p) {
		struct str one = str_cut(&rest, ' ');

		if (one.n && one.p[one.n - 1] == '*') {
			one.n--;
			if (str_starts(word, one))
				return true;
		} else if (str_eq(word, one)) {
			return true;
		}
	}
	return false;
}

static void hint_use(const struct hint *hint, struct hints *h)
{
	int *slot = hint->kind == HINT_SCENE ? &h->scene : hint->kind == HINT_TIME ? &h->time : &h->weather;

	if (*slot < 0)
		*slot = hint->value;
}

/* A cat in a garden is a picture of a cat; a castle in the mountains one of a castle. */
static void subject_first(const struct hint *hint, struct hints *h)
{
	if (hint->kind == HINT_SCENE && (hint->value == CAT || (hint->value == CASTLE && h->scene != CAT)))
		h->scene = hint->value;
}

void hints_read(struct str text, struct hints *h)
{
	struct word word;

	*h = (struct hints){ -1, -1, -1 };
	while (word_next(&text, &word)) {
		struct str w = { word.bytes, word.n };

		for (size_t i = 0; i < COUNT_OF(hints); i++) {
			if (!hint_has(&hints[i], w))
				continue;
			hint_use(&hints[i], h);
			subject_first(&hints[i], h);
		}
	}
}
