/*
 * map - chains of nodes; the table doubles when it holds as many nodes as buckets.
 *
 * The hash is SipHash-1-3 under a key drawn at the first use: short, and nobody
 * outside can aim at one bucket. The key is the only state of this file.
 */
#include "base/map.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

enum { MAP_FIRST = 16 };

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static const uint64_t *seed(void)
{
	static uint64_t key[2];
	static bool drawn;

	if (!drawn) {
		random_bytes(key, sizeof(key));
		drawn = true;
	}
	return key;
}

static uint64_t hash_of(struct str s)
{
	const uint64_t *key = seed();
	struct sip h = {
		key[0] ^ 0x736f6d6570736575U,
		key[1] ^ 0x646f72616e646f6dU,
		key[0] ^ 0x6c7967656e657261U,
		key[1] ^ 0x7465646279746573U,
	};
	uint64_t word, last = (uint64_t)s.n << 56;
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8) {
		memcpy(&word, s.p + i, 8);
		h.v3 ^= word;
		sip_round(&h);
		h.v0 ^= word;
	}
	for (unsigned shift = 0; i < s.n; i++, shift += 8)
		last |= (uint64_t)(unsigned char)s.p[i] << shift;
	h.v3 ^= last;
	sip_round(&h);
	h.v0 ^= last;
	h.v2 ^= 0xff;
	sip_round(&h);
	sip_round(&h);
	sip_round(&h);
	return h.v0 ^ h.v1 ^ h.v2 ^ h.v3;
}

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
}

void map_clear(struct map *m)
{
	mem_release(m->buckets);
	map_init(m);
}

static struct map_node *find(const struct map *m, struct str key, uint64_t hash)
{
	struct map_node *n;

	if (!m->size)
		return NULL;
	for (n = m->buckets[hash & (m->size - 1)]; n; n = n->next)
		if (n->hash == hash && str_eq(n->key, key))
			return n;
	return NULL;
}

struct map_node *map_find(const struct map *m, struct str key)
{
	return m->count ? find(m, key, hash_of(key)) : NULL;
}

static void insert(struct map *m, struct map_node *n)
{
	struct map_node **bucket = &m->buckets[n->hash & (m->size - 1)];

	n->next = *bucket;
	*bucket = n;
}

static void grow(struct map *m)
{
	struct map old = *m;

	m->size = old.size ? old.size * 2 : MAP_FIRST;
	m->buckets = mem_alloc(m->size * sizeof(struct map_node *));
	for (size_t i = 0; i < old.size; i++) {
		for (struct map_node *n = old.buckets[i], *next; n; n = next) {
			next = n->next;
			insert(m, n);
		}
	}
	mem_release(old.buckets);
}

void map_add(struct map *m, struct map_node *n, struct str key)
{
	n->key = key;
	n->hash = hash_of(key);
	CHECK(!find(m, key, n->hash));
	if (m->count >= m->size)
		grow(m);
	insert(m, n);
	m->count++;
}

void map_remove(struct map *m, struct map_node *n)
{
	struct map_node **at;

	CHECK(m->size > 0);
	at = &m->buckets[n->hash & (m->size - 1)];
	while (*at && *at != n)
		at = &(*at)->next;
	CHECK(*at == n);
	*at = n->next;
	n->next = NULL;
	m->count--;
}

void map_each(struct map *m, void (*visit)(struct map_node *n, void *arg), void *arg)
{
	for (size_t i = 0; i < m->size; i++) {
		for (struct map_node *n = m->buckets[i], *next; n; n = next) {
			next = n->next;
			visit(n, arg);
		}
	}
}
