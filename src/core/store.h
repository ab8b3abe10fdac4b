#pragma once
/*
 * store - one picture from where the provider has it into the store, in constant memory.
 *
 *   fetch chunk by chunk (or the pixel worker writes) -> spool: hash, first bytes -> look at
 *   the header and the end mark -> flush, rename -> there for good
 *
 * Type and size are what the bytes say. Nothing is left behind when a step fails.
 *
 * Completion  call->op. Errors: BAD_PICTURE (not a whole picture, or too large), PROVIDER (status of
 *             the fetch, a place that is not allowed), BUSY (spool full), STORAGE, CLOSED/TIMEOUT/NOT_SENT.
 */
#include "core/core.h"
#include "core/record.h"
#include "io/disk.h"
#include "io/image_probe.h"
#include "io/outbound.h"
#include "io/pixels.h"
#include "loop/op.h"

enum { STORE_PICTURE_MAX = 64 * 1024 * 1024 };

struct account;

struct store_call {
	struct op op;
	/* what came of it, in `arena` */
	struct job_picture picture;
	/* private */
	struct core *core;
	struct arena *arena;
	struct op *slot;
	const struct account *account;
	struct str job_id;
	unsigned n;
	struct outbound_call fetch;
	struct pixels_call draw;
	struct spool_file file;
	struct image_probe probe;
	struct spool_adopt adopt;
	struct folder_place place;
	struct fault fault; /* why the data callback gave up */
};

void store_init(struct store_call *s, struct core *core, struct arena *arena, void (*done)(struct op *op));
/* The picture at `url`; only places that the account allows. */
void store_fetch(struct store_call *s, const struct account *a, struct str url, struct str job_id, unsigned n);
/* The pixel worker makes it from `request`, a JSON text. */
void store_draw(struct store_call *s, struct str request, struct str job_id, unsigned n);
/* Lets go of everything, in whatever state; also after done. */
void store_clear(struct store_call *s);
