/*
 * secret - the one door to the text behind.
 */
#include "base/secret.h"

#include "base/str.h"

enum { HINT_SHORTEST = 12, HINT_TAIL = 4 };

static const char ellipsis[] = "\xe2\x80\xa6";

struct str secret_reveal(struct imago_secret s)
{
	return s.value;
}

struct str secret_hint(struct imago_secret s, char out[16])
{
	struct str tail = str_skip(s.value, s.value.n - HINT_TAIL);
	size_t n = sizeof(ellipsis) - 1;

	memcpy(out, ellipsis, sizeof(ellipsis));
	if (s.value.n < HINT_SHORTEST)
		return (struct str){ out, n };
	for (size_t i = 0; i < tail.n; i++)
		if (tail.p[i] <= ' ' || tail.p[i] > '~')
			return (struct str){ out, n };
	memcpy(out + n, tail.p, HINT_TAIL);
	out[n + HINT_TAIL] = '\0';
	return (struct str){ out, n + HINT_TAIL };
}
