#pragma once
/*
 * objects - where pictures are kept for good: a folder (io/disk.h), or a bucket that speaks S3.
 *
 * Keys are ours and deterministic (folder_key_is_valid), so that a repeated put overwrites itself. A put is done
 * when the object is there for good: folder: synced and renamed; S3: answered 200, ETag and length as sent.
 *
 *   objects_put   from a spool file; S3 by one PUT of known length and hash, above 8 MiB in parts
 *   objects_open  for reading: the folder's file, or the object brought into the spool
 *   objects_link  S3 only: a presigned link for reading
 *
 * Retries of what may pass (connection, 5xx, 503 SlowDown) are inside: with back-off, up to the call's deadline.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/log.h"
#include "io/disk.h"
#include "io/outbound.h"
#include "loop/op.h"

struct objects;
struct object_transfer; /* private */

struct objects_config {
	struct str endpoint; /* "https://s3.example.org"; empty: the folder */
	struct str bucket, region;
	struct str access_key;
	struct imago_secret secret_key;
};

struct objects *objects_new(struct loop *loop, const struct log *log, struct disk *disk, struct outbound *outbound,
                            const struct objects_config *config);
void objects_free(struct objects **o);
/* False: pictures are kept in the folder. */
bool objects_is_remote(const struct objects *o);

/* Seals the file. It stays open and owned by the caller until it drops it. */
struct object_put {
	struct op op; /* faults: STORAGE (detail says what), TIMEOUT, BUSY, CLOSED, INTERNAL (not a key) */
	struct spool_file *file;
	struct str content_type;
	char key[DISK_KEY_MAX];
	struct folder_place place;
	struct object_transfer *transfer;
};
void object_put_init(struct object_put *p, struct loop *loop, void (*done)(struct op *op));
void objects_put(struct objects *o, struct object_put *p, struct spool_file *f, struct str key,
                 struct str content_type);
/* Lets go of it in any state; what was put stays. */
void object_put_clear(struct object_put *p);

/* A descriptor to read the object from, of which the caller becomes the owner of (object_open_clear closes it). */
struct object_open {
	struct op op; /* faults: NOT_FOUND, STORAGE, TIMEOUT, BUSY, CLOSED */
	int fd;
	uint64_t bytes;
	struct spool_file file; /* S3: where it was brought to */
	char key[DISK_KEY_MAX];
	struct object_transfer *transfer;
};
void object_open_init(struct object_open *p, struct loop *loop, void (*done)(struct op *op));
void objects_open(struct objects *o, struct object_open *p, struct str key);
void object_open_clear(struct object_open *p);

/* Where to GET it for so long; empty for the folder. In the arena. */
struct str objects_link(struct objects *o, struct arena *a, struct str key, unsigned seconds, int64_t now_us);
