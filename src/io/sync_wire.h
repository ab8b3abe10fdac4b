#pragma once
/*
 * sync_wire - what the sync pool and its helpers say to each other, on one machine, one build.
 */
#include <stdint.h>

struct sync_request {
	uint64_t id; /* the descriptor goes along */
};

struct sync_answer {
	uint64_t id;
	int32_t error; /* errno, 0: it is on the disk */
};
