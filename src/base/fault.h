#pragma once
/*
 * fault - why something did not work: one code, one text for the client, one for the log.
 *
 * The codes are the rows of faults.def; everything that depends on a code (HTTP status,
 * `code` in the body, may it be tried again) is a column there.
 *
 * `detail` may reach a client. `cause` goes to the log only. Both are borrowed: they live
 * at least until the completion that carries them has returned; copy what must stay.
 */
#include <stdbool.h>

#include "base/str.h"

/* May the same call be made again? NO: the answer would be the same. LATER: after a wait.
 * UNKNOWN: it may have taken effect; only the owner of the rule for unknown decides. */
enum retry { RETRY_NO, RETRY_LATER, RETRY_UNKNOWN };

enum fault_code {
#define FAULT(id, status, slug, retry, title) FAULT_##id,
#include "base/faults.def"
#undef FAULT
	FAULT_COUNT
};

struct fault {
	enum fault_code code;
	struct str detail;
	struct str cause;
	unsigned retry_after_s; /* 0: no advice */
};

const char *fault_slug(enum fault_code code); /* "insufficient_credits" */
const char *fault_title(enum fault_code code);
int fault_status(enum fault_code code); /* HTTP status */
enum retry fault_retry(enum fault_code code);
/* FAULT_COUNT when no row has that slug. */
enum fault_code fault_from_slug(struct str slug);
