/*
 * users - a small cache in front of one look-up.
 *
 * Entries are found by the hash of the key, never by the key. A key that is malformed is refused
 * before it is hashed; one that is unknown is remembered for a shorter time, so that a
 * flood of guesses costs one look-up each at the most.
 */
#include "core/users.h"

#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slab.h"
#include "core/core.h"

enum { KNOWN_MAX = 10000, KNOWN_MS = 10000, UNKNOWN_MS = 2000 };

struct known {
	struct map_node node;
	struct link used; /* users.recent, least recently used first */
	uint8_t hash[SHA256_BYTES];
	bool valid;
	uint64_t until_ms;
	struct identity who;
};

struct users {
	struct core *core;
	struct map by_hash;
	struct link recent;
	struct slab slab;
	bool local_known;
	struct identity local;
	struct pg_call local_query;
	struct timer local_again;
};

static struct str hash_key(const uint8_t *hash)
{
	return (struct str){ (const char *)hash, SHA256_BYTES };
}

static void known_drop(struct users *u, struct known *k)
{
	map_remove(&u->by_hash, &k->node);
	list_remove(&k->used);
	slab_put(&u->slab, k);
}

static void known_put(struct users *u, const uint8_t *hash, const struct identity *who)
{
	struct map_node *n = map_find(&u->by_hash, hash_key(hash));
	struct known *k;

	if (n)
		known_drop(u, CONTAINER_OF(n, struct known, node));
	if (u->by_hash.count >= KNOWN_MAX)
		known_drop(u, CONTAINER_OF(u->recent.next, struct known, used));
	k = slab_get(&u->slab);
	memcpy(k->hash, hash, SHA256_BYTES);
	k->valid = who != NULL;
	if (who)
		k->who = *who;
	k->until_ms = loop_now_ms(u->core->loop) + (who ? KNOWN_MS : UNKNOWN_MS);
	list_init(&k->used);
	list_append(&u->recent, &k->used);
	map_add(&u->by_hash, &k->node, hash_key(k->hash));
}

bool users_peek_hash(struct users *u, const uint8_t hash[SHA256_BYTES], struct identity *who, enum fault_code *fault)
{
	struct map_node *n;
	struct known *k;

	*fault = FAULT_UNAUTHORIZED;
	n = map_find(&u->by_hash, hash_key(hash));
	if (!n)
		return false;
	k = CONTAINER_OF(n, struct known, node);
	if (loop_now_ms(u->core->loop) >= k->until_ms) {
		known_drop(u, k);
		return false;
	}
	list_remove(&k->used);
	list_append(&u->recent, &k->used);
	*who = k->who;
	*fault = k->valid ? FAULT_NONE : FAULT_UNAUTHORIZED;
	return true;
}

bool users_peek(struct users *u, struct str key, struct identity *who, enum fault_code *fault)
{
	uint8_t hash[SHA256_BYTES];

	*fault = FAULT_UNAUTHORIZED;
	if (!api_key_is_well_formed(key))
		return true;
	sha256_of(key, hash);
	return users_peek_hash(u, hash, who, fault);
}

/* user_id, name, role of a row of user_by_key or user_by_name */
static bool identity_from_row(const struct pg_call *call, struct identity *who)
{
	*who = (struct identity){ .admin = str_is(pg_text(call, 0, 2), "admin") };
	return str_to_cstr(pg_text(call, 0, 0), who->user_id, sizeof who->user_id) &&
	       str_to_cstr(pg_text(call, 0, 1), who->name, sizeof who->name);
}

static void key_answered(struct op *op)
{
	struct pg_call *query = CONTAINER_OF(op, struct pg_call, op);
	struct users_call *c = CONTAINER_OF(query, struct users_call, query);
	struct fault fault = op->fault;

	if (fault.code == FAULT_NONE) {
		bool found = pg_rows(query) == 1 && identity_from_row(query, &c->who);

		memcpy(c->who.key_hash, c->hash, SHA256_BYTES);
		known_put(c->users, c->hash, found ? &c->who : NULL);
		fault.code = found ? FAULT_NONE : FAULT_UNAUTHORIZED;
	}
	pg_call_clear(query);
	if (c->slot)
		op_finish_with(c->slot, fault);
}

void users_by_key(struct users *u, struct users_call *c, struct str key)
{
	uint8_t hash[SHA256_BYTES];

	sha256_of(key, hash);
	users_by_hash(u, c, hash);
}

void users_by_hash(struct users *u, struct users_call *c, const uint8_t hash[SHA256_BYTES])
{
	char hex[SHA256_HEX];
	struct str param = { hex, SHA256_HEX };

	c->users = u;
	op_begin(&c->op, &c->slot, 0);
	memcpy(c->hash, hash, SHA256_BYTES);
	hex_encode(c->hash, SHA256_BYTES, hex);
	pg_call_init(&c->query, u->core->loop, key_answered);
	pg_call(u->core->pg, PG_READ, &c->query, STMT_USER_BY_KEY, &param, 1);
}

void users_call_drop(struct users_call *c)
{
	op_forget(&c->op);
	op_forget(&c->query.op);
	pg_call_clear(&c->query);
}

/* ---- the built-in user ---- */

bool users_local(const struct users *u, struct identity *who)
{
	*who = u->local;
	return u->local_known;
}

static void local_again(struct timer *t)
{
	users_load_local(CONTAINER_OF(t, struct users, local_again));
}

static void local_answered(struct op *op)
{
	struct pg_call *query = CONTAINER_OF(op, struct pg_call, op);
	struct users *u = CONTAINER_OF(query, struct users, local_query);

	if (op->fault.code == FAULT_NONE && pg_rows(query) == 1 && identity_from_row(query, &u->local)) {
		u->local.anonymous = true;
		u->local.admin = false;
		u->local_known = true;
	} else {
		timer_start(u->core->loop, &u->local_again, 500, local_again);
	}
	pg_call_clear(query);
}

void users_load_local(struct users *u)
{
	struct uid id = uid_new("usr_");
	char credits[24];
	struct str params[2];

	if (u->local_known || !op_is_idle(&u->local_query.op))
		return;
	snprintf(credits, sizeof credits, "%lld", (long long)u->core->settings.local_credits);
	params[0] = str_from(id.text);
	params[1] = str_from(credits);
	pg_call(u->core->pg, PG_BULK, &u->local_query, STMT_USER_ENSURE_LOCAL, params, 2);
}

struct users *users_new(struct core *core)
{
	struct users *u = mem_new(struct users);

	u->core = core;
	map_init(&u->by_hash);
	list_init(&u->recent);
	slab_init(&u->slab, sizeof(struct known), KNOWN_MAX);
	pg_call_init(&u->local_query, core->loop, local_answered);
	return u;
}

void users_free(struct users **up)
{
	struct users *u = *up;

	if (!u)
		return;
	*up = NULL;
	timer_stop(u->core->loop, &u->local_again);
	op_forget(&u->local_query.op);
	pg_call_clear(&u->local_query);
	map_clear(&u->by_hash);
	slab_clear(&u->slab);
	mem_release(u);
}
