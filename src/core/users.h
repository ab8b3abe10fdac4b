#pragma once
/*
 * users - who is asking: from an API key or the built-in user to an identity.
 *
 * Keys are looked up by hash and known for at most 10 s after they were revoked (2 s for keys that do
 * not exist); 10,000 are remembered.
 *
 * Errors   UNAUTHORIZED (unknown, revoked or malformed: all alike), STORE_DOWN, TIMEOUT
 */
#include <stdbool.h>

#include "base/fault.h"
#include "base/uid.h"
#include "io/pg.h"
#include "loop/op.h"

struct core;
struct users;

struct identity {
	char user_id[UID_SIZE];
	char name[64 * 4 + 1]; /* the schema: 64 characters */
	uint8_t key_hash[32];  /* SHA-256 of the key that said so; zeros for the built-in user */
	bool admin;
	bool anonymous; /* the built-in user, without a key */
};

struct users_call {
	struct op op;
	struct identity who;
	/* private */
	struct users *users;
	struct op *slot;
	struct pg_call query;
	uint8_t hash[32];
};

struct users *users_new(struct core *core);
void users_free(struct users **u);
/* Answered from memory: true, and *who or *fault is set. false: ask users_by_key. */
bool users_peek(struct users *u, struct str key, struct identity *who, enum fault_code *fault);
void users_by_key(struct users *u, struct users_call *call, struct str key);
/* The same for whoever remembers the key's SHA-256 only: a session. */
bool users_peek_hash(struct users *u, const uint8_t hash[32], struct identity *who, enum fault_code *fault);
void users_by_hash(struct users *u, struct users_call *call, const uint8_t hash[32]);
/* The asker has gone. */
void users_call_drop(struct users_call *call);
/* The built-in user `local`; known once the database has answered at start. */
bool users_local(const struct users *u, struct identity *who);
void users_load_local(struct users *u);
