#pragma once
/*
 * objects_priv - what the objects_*.c files share.
 *
 *     objects.c   the owner's side, the folder
 */
#include "io/objects.h"

struct objects {
	struct loop *loop;
	const struct log *log;
	struct disk *disk;
};
