#pragma once
/*
 * accounts - the providers that this installation can pay: a driver, where it is, its key.
 *
 * Built from the environment at start and replaced whole on reload; jobs keep the id only and
 * look the account up again, so that a reload never leaves a dangling pointer.
 * A slot is the right to have one task under way at the account; who finds none free waits in order.
 */
#include <stdbool.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/str.h"
#include "imago/provider.h"
#include "loop/op.h"
#include "providers/catalog.h"

struct account {
	struct link link; /* accounts.all, in order of preference */
	struct imago_account at;
	const struct imago_driver *driver;
	struct str name;       /* "Fal Default" */
	struct str key_source; /* "FAL_KEY": which variable gave it; empty: no key needed */
	unsigned concurrency, in_use;
	struct link waiting; /* struct account_wait */
};

struct account_wait {
	struct link link;
	struct op *slot;
	struct op op;
	struct account *account;
};

struct accounts {
	struct loop *loop;
	struct link all, gone;
	struct arena arena;
};

struct account_spec {
	const char *type; /* driver */
	struct str id, name, key_source;
	struct str bases[IMAGO_BASES_MAX];
	struct imago_secret credential;
	struct str settings;  /* JSON object; empty: nothing */
	unsigned concurrency; /* 0: the driver's usual */
};

void accounts_init(struct accounts *as, struct loop *loop);
void accounts_clear(struct accounts *as);
/* These and no others from now on, in this order. An account that was there before keeps its address in memory and
 * its slots; one that is gone is found no more, but stays readable for the jobs that hold a slot of it.
 * False: nothing was changed, *why says what is wrong. */
MUST_CHECK bool accounts_replace(struct accounts *as, const struct account_spec *specs, unsigned n, struct str *why);
struct account *accounts_find(struct accounts *as, struct str id);
/* Which account and catalog row serve this request: by model name (empty: the first account's default
 * model). FAULT_NONE, NOT_CONFIGURED (no account could ever do it), BAD_FIELD (no such model; *nearest names one). */
enum fault_code accounts_route(struct accounts *as, const struct catalog *catalog, struct str model,
                               struct account **account, const struct catalog_row **row, struct str *nearest);

/* Take n slots at once, or none. */
bool account_take(struct account *a, unsigned n);
void account_release(struct account *a, unsigned n);
/* One slot, in order of asking; the op completes when it is ours. */
void account_wait(struct account *a, struct account_wait *w);
/* Give up waiting; a slot that was just given is returned. */
void account_wait_stop(struct account_wait *w);
/* How many wait before this one. */
unsigned account_wait_position(const struct account_wait *w);
/* May a picture be fetched from there: the account's bases, the driver's media hosts. */
bool account_allows_media(const struct account *a, struct str url);
