#pragma once
/*
 * core - what the job engine and its neighbours share: pointers to everything they use.
 *
 * Made once by app in the order of the members, torn down in reverse. Nothing here is
 * global; each function of core takes it, or something that points to it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/str.h"
#include "loop/loop.h"

struct core_settings {
	struct str version; /* of this program, for the instance's row */
	struct str data_dir;
	unsigned link_ttl_s;     /* 7 days */
	unsigned live_jobs_max;  /* jobs in memory; above: 429 */
	unsigned attempts_max;   /* tries at a provider that did not take the task: 1 + BATCH_MAX_RETRIES */
	unsigned retry_delay_ms; /* BATCH_RETRY_DELAY, doubled each time */
	bool anonymous;
	int64_t local_credits; /* what the built-in user starts with */
};

struct core {
	struct loop *loop;
	struct log log;
	struct core_settings settings;
	struct names *names;
	struct outbound *outbound;
	struct disk *disk;
	struct objects *objects;
	struct pixels *pixels;
	struct pg *pg;
	struct redis *redis; /* NULL: none configured */
	const struct catalog *catalog;
	struct accounts *accounts;
	struct lease *lease;
	struct users *users;
	struct archive *archive;
	struct engine *engine;
	struct resume *resume;
	struct sweeper *sweeper;
	struct links *links;
};
