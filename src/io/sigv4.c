/*
 * sigv4 - see the header.
 *
 *   canonical request = method, path, query, headers, names of the headers, hash of the payload
 *   string to sign    = algorithm, date, scope, hash of the canonical request
 *   key               = HMAC chain over secret, day, region, service
 *
 * Parameters and fields are few: they are sorted by insertion, which keeps the order of equal names.
 */
#include "io/sigv4.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/url.h"
#include "base/wall.h"

enum { TEXT_MAX = 64 * 1024, DAY_CHARS = 8 };

static const char algorithm[] = "AWS4-HMAC-SHA256";

static void add(struct sigv4_pair *pairs, unsigned *count, struct str name, struct str value)
{
	CHECK(*count < SIGV4_PAIRS_MAX);
	pairs[(*count)++] = (struct sigv4_pair){ name, value };
}

void sigv4_query(struct sigv4_request *r, struct str name, struct str value)
{
	add(r->query, &r->query_count, name, value);
}

void sigv4_header(struct sigv4_request *r, struct str name, struct str value)
{
	add(r->headers, &r->header_count, name, value);
}

/* ---- canonical form ---- */

/* What was built, in the arena. Too long a text counts as an arena that overflowed. */
static struct str take(struct arena *a, struct buf *b)
{
	struct str text = arena_copy(a, buf_view(b));

	if (b->overflowed)
		a->overflowed = true;
	buf_clear(b);
	return text;
}

static struct str encoded(struct arena *a, struct str s, const char *keep)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	url_encode(&b, s, keep);
	return take(a, &b);
}

/* Lower case for the name of a field. */
static struct str lowered(struct arena *a, struct str s)
{
	struct str copy = arena_copy(a, s);
	char *p = arena_cstr(a, copy);

	for (size_t i = 0; i < s.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] |= 0x20;
	return (struct str){ p, s.n };
}

/* Without blanks around it, and with one for each run of them inside. */
static struct str squeezed(struct arena *a, struct str s)
{
	struct buf b;

	s = str_trim(s);
	buf_init(&b, TEXT_MAX);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' || s.p[i - 1] != ' ')
			buf_byte(&b, s.p[i]);
	return take(a, &b);
}

static void sort(struct sigv4_pair *pairs, unsigned count, bool by_value)
{
	for (unsigned i = 1; i < count; i++) {
		struct sigv4_pair moved = pairs[i];
		unsigned at = i;

		for (; at > 0; at--) {
			int order = str_cmp(pairs[at - 1].name, moved.name);

			if (order == 0 && by_value)
				order = str_cmp(pairs[at - 1].value, moved.value);
			if (order <= 0)
				break;
			pairs[at] = pairs[at - 1];
		}
		pairs[at] = moved;
	}
}

static struct str canonical_query(struct arena *a, const struct sigv4_request *r)
{
	struct sigv4_pair pairs[SIGV4_PAIRS_MAX];
	struct buf b;

	for (unsigned i = 0; i < r->query_count; i++)
		pairs[i] = (struct sigv4_pair){ encoded(a, r->query[i].name, ""), encoded(a, r->query[i].value, "") };
	sort(pairs, r->query_count, true);
	buf_init(&b, TEXT_MAX);
	for (unsigned i = 0; i < r->query_count; i++) {
		if (i > 0)
			buf_byte(&b, '&');
		buf_str(&b, pairs[i].name);
		buf_byte(&b, '=');
		buf_str(&b, pairs[i].value);
	}
	return take(a, &b);
}

struct fields {
	struct str lines; /* "host:example.org\n" … */
	struct str names; /* "host;x-amz-date" */
};

/* Fields of one name become one line, their values joined by commas. */
static struct fields canonical_fields(struct arena *a, const struct sigv4_request *r)
{
	struct sigv4_pair pairs[SIGV4_PAIRS_MAX];
	struct buf lines, names;
	struct fields out;

	for (unsigned i = 0; i < r->header_count; i++)
		pairs[i] = (struct sigv4_pair){ lowered(a, r->headers[i].name), squeezed(a, r->headers[i].value) };
	sort(pairs, r->header_count, false);
	buf_init(&lines, TEXT_MAX);
	buf_init(&names, TEXT_MAX);
	for (unsigned i = 0; i < r->header_count; i++) {
		bool again = i > 0 && str_eq(pairs[i].name, pairs[i - 1].name);

		if (again) {
			buf_byte(&lines, ',');
		} else {
			buf_cstr(&names, i > 0 ? ";" : "");
			buf_str(&names, pairs[i].name);
			buf_cstr(&lines, i > 0 ? "\n" : "");
			buf_str(&lines, pairs[i].name);
			buf_byte(&lines, ':');
		}
		buf_str(&lines, pairs[i].value);
	}
	out.lines = take(a, &lines);
	out.names = take(a, &names);
	return out;
}

struct str sigv4_target(struct arena *a, const struct sigv4_request *r)
{
	struct str path = encoded(a, r->path, "/"), query = canonical_query(a, r);

	return arena_printf(a, "%.*s%s%.*s", STRF(path), query.n ? "?" : "", STRF(query));
}

struct str sigv4_canonical(struct arena *a, const struct sigv4_request *r)
{
	struct str path = encoded(a, r->path, "/"), query = canonical_query(a, r);
	struct fields fields = canonical_fields(a, r);

	return arena_printf(a, "%.*s\n%.*s\n%.*s\n%.*s\n\n%.*s\n%.*s", STRF(r->method), STRF(path), STRF(query),
	                    STRF(fields.lines), STRF(fields.names), STRF(r->payload));
}

/* ---- the signature ---- */

struct str sigv4_date(struct arena *a, int64_t now_us)
{
	char text[WALL_TEXT];
	struct str full = wall_rfc3339(now_us, false, text);
	struct buf b;

	buf_init(&b, WALL_TEXT);
	for (size_t i = 0; i < full.n; i++)
		if (full.p[i] != '-' && full.p[i] != ':')
			buf_byte(&b, full.p[i]);
	return take(a, &b);
}

static struct str scope(struct arena *a, const struct sigv4_key *key, int64_t now_us)
{
	struct str day = str_sub(sigv4_date(a, now_us), 0, DAY_CHARS);

	return arena_printf(a, "%.*s/%.*s/%.*s/aws4_request", STRF(day), STRF(key->region), STRF(key->service));
}

static struct str hex(struct arena *a, const uint8_t bytes[SHA256_BYTES])
{
	char text[SHA256_HEX];

	hex_encode(bytes, SHA256_BYTES, text);
	return arena_copy(a, (struct str){ text, sizeof text });
}

struct str sigv4_string_to_sign(struct arena *a, const struct sigv4_key *key, int64_t now_us, struct str canonical)
{
	struct str date = sigv4_date(a, now_us), where = scope(a, key, now_us);
	uint8_t digest[SHA256_BYTES];

	sha256_of(canonical, digest);
	return arena_printf(a, "%s\n%.*s\n%.*s\n%.*s", algorithm, STRF(date), STRF(where), STRF(hex(a, digest)));
}

static struct str signature(struct arena *a, const struct sigv4_key *key, const struct sigv4_request *r, int64_t now_us)
{
	struct str secret = secret_reveal(key->secret);
	struct str chain[] = { str_sub(sigv4_date(a, now_us), 0, DAY_CHARS), key->region, key->service,
		               STR("aws4_request"), sigv4_string_to_sign(a, key, now_us, sigv4_canonical(a, r)) };
	uint8_t mac[SHA256_BYTES];
	struct buf first;

	buf_init(&first, secret.n + 4);
	buf_cstr(&first, "AWS4");
	buf_str(&first, secret);
	hmac_sha256(buf_view(&first), chain[0], mac);
	wipe(first.p, first.size);
	buf_clear(&first);
	for (size_t i = 1; i < COUNT_OF(chain); i++) {
		uint8_t last[SHA256_BYTES];

		memcpy(last, mac, sizeof last);
		hmac_sha256((struct str){ (const char *)last, sizeof last }, chain[i], mac);
		wipe(last, sizeof last);
	}
	return hex(a, mac);
}

struct str sigv4_authorization(struct arena *a, const struct sigv4_key *key, const struct sigv4_request *r,
                               int64_t now_us)
{
	struct fields fields = canonical_fields(a, r);

	return arena_printf(a, "%s Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%.*s", algorithm,
	                    STRF(key->access_key), STRF(scope(a, key, now_us)), STRF(fields.names),
	                    STRF(signature(a, key, r, now_us)));
}

void sigv4_presign(struct arena *a, const struct sigv4_key *key, struct sigv4_request *r, unsigned seconds,
                   int64_t now_us)
{
	struct fields fields = canonical_fields(a, r);

	sigv4_query(r, STR("X-Amz-Algorithm"), STR("AWS4-HMAC-SHA256"));
	sigv4_query(r, STR("X-Amz-Credential"),
	            arena_printf(a, "%.*s/%.*s", STRF(key->access_key), STRF(scope(a, key, now_us))));
	sigv4_query(r, STR("X-Amz-Date"), sigv4_date(a, now_us));
	sigv4_query(r, STR("X-Amz-Expires"), arena_printf(a, "%u", seconds));
	sigv4_query(r, STR("X-Amz-SignedHeaders"), fields.names);
	sigv4_query(r, STR("X-Amz-Signature"), signature(a, key, r, now_us));
}
