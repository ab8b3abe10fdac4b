#pragma once
/*
 * migrate - the tables of the database, brought to what this program needs.
 *
 * Each migration is one transaction and is recorded in it with the SHA-256 of its file. A
 * database that is newer than this program, or that was made by another file of the same number, is refused
 * untouched. Only one process migrates at a time: the others wait for its advisory lock.
 */
#include <stdbool.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/str.h"

struct pg_sync;

struct migration {
	int version;
	const char *name, *checksum, *text;
};
extern const struct migration migrations[]; /* from 1, no hole; one that is all zero ends it */
extern const unsigned migration_count;

/* Exit code of `imago migrate`, besides 0 and 1: it may work later. */
enum { MIGRATE_UNREACHABLE = 3 };

enum migrate_state { MIGRATE_CURRENT, MIGRATE_BEHIND, MIGRATE_REFUSED, MIGRATE_NO_ANSWER };

/* What is there, without changing it. *applied: the newest version. *why (in `a`) unless CURRENT. */
enum migrate_state migrate_look(struct pg_sync *db, int *applied, struct arena *a, struct str *why);
/* Applies what is missing and says each on standard error unless quiet. CURRENT, REFUSED or NO_ANSWER. */
enum migrate_state migrate_run(const char *url, bool quiet, unsigned *applied, struct arena *a, struct str *why);
