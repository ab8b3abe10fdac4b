#pragma once
/*
 * keep - a picture in the spool becomes what was asked for, and gets its place in the store.
 *
 *   probe -> convert (where type or size is not what was asked for) -> thumbnails -> the picture, then they, put
 *
 * Type and size are what the bytes say (io/image_probe.h). Pixels are touched by the workers only. A picture
 * without thumbnails (a video, or a worker that failed at it) is kept all the same; one that cannot be
 * converted although it has to be is BAD_PICTURE.
 *
 * Completion  call->op. Errors: BAD_PICTURE, STORAGE, BUSY, TIMEOUT, CLOSED. The picture is then in no place.
 */
#include "core/core.h"
#include "core/record.h"
#include "io/disk.h"
#include "io/image_probe.h"
#include "io/objects.h"
#include "io/pixels.h"
#include "loop/op.h"

enum { KEEP_THUMBNAILS = 2 };

/* What the client asked for. */
struct keep_wanted {
	bool exact; /* convert to format and size; else it is kept as it came */
	enum imago_format format;
	unsigned width, height;
};

struct keep_call {
	struct op op;
	struct job_picture picture; /* what came of it, in `arena` */
	/* private */
	struct core *core;
	struct arena *arena;
	struct op *slot;
	struct spool_file *source;
	const struct image_probe *probe;
	struct str job_id;
	unsigned n;
	struct keep_wanted wanted;
	struct pixels_call pixels;
	struct spool_adopt adopt;
	struct spool_file converted;
	struct spool_file thumbnails[KEEP_THUMBNAILS];
	unsigned step_index;
	struct object_put put;
};

void keep_init(struct keep_call *k, struct core *core, struct arena *arena, void (*done)(struct op *op));
/* The file and the probe (its verdict is WHOLE) stay the caller's and must live until done. */
void keep_start(struct keep_call *k, struct spool_file *file, const struct image_probe *probe,
                const struct keep_wanted *wanted, struct str job_id, unsigned n);
void keep_clear(struct keep_call *k);
