#pragma once
/*
 * disk - the spool and the folder store: files by plain system calls, 64 KiB at a time.
 *
 *   spool_open -> spool_write … (or spool_adopt) -> spool_seal -> folder_place (fsync by a helper, rename,
 *                \-> spool_drop                                   directory fsync)
 *
 * Nothing here blocks for a flush: fsync runs in the sync helpers (io/sync.h). What is in the
 * spool is bounded in bytes; spool_open answers BUSY when there is no room, and callers wait.
 * File names are made by us from ids and numbers, never from outside text.
 *
 * The spool belongs to one process: {data_dir}/spool/{random}, locked while it lives. What a dead
 * process left is removed at the next start; several instances may share one data directory.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"
#include "loop/op.h"

struct disk;
struct sync_pool;

enum { DISK_PIECE = 64 * 1024, DISK_KEY_MAX = 160, DISK_HEAD = 64 };

struct spool_file {
	struct disk *disk;
	int fd;         /* readable and writable; -1 when not open */
	char path[200]; /* below the data directory; "" once placed or dropped */
	uint64_t size, reserved;
	struct sha256 hash;
	uint8_t digest[SHA256_BYTES]; /* after spool_seal or spool_adopt */
	uint8_t head[DISK_HEAD];      /* first bytes, for sniffing */
	unsigned head_size;
	bool sealed;
};

struct disk_config {
	const char *data_dir;     /* IMAGO_DATA_DIR; made with mode 0700 */
	uint64_t spool_bytes_max; /* 4 GiB */
	struct sync_pool *sync;   /* borrowed: must outlive the disk */
};

struct disk *disk_new(struct loop *loop, const struct disk_config *config, struct str *why); /* empties the spool */
/* Placements under way end with CLOSED. All spool files must have been dropped or placed. */
void disk_free(struct disk **d);

/* FAULT_NONE, BUSY (spool full: `expected` bytes do not fit) or STORAGE (errno in *why). *why is static text. */
enum fault_code spool_open(struct disk *d, struct spool_file *f, uint64_t expected, struct str *why);
/* Appends and hashes; at most DISK_PIECE bytes at a time. BUSY: more than expected came and the spool is full. */
enum fault_code spool_write(struct spool_file *f, const void *p, size_t n, struct str *why);
/* No more bytes: the digest is there, and room that was reserved but not used is given back. Twice is fine. */
void spool_seal(struct spool_file *f);
/* The file was written by a helper process through f->fd: measure and hash it, DISK_PIECE a turn. Seals it.
 * Faults: STORAGE, CANCELLED (the file was dropped). The file and `a` must live until done. */
struct spool_adopt {
	struct op op;
	struct spool_file *file;
};
void spool_adopt_init(struct spool_adopt *a, struct loop *loop, void (*done)(struct op *op));
void spool_adopt(struct spool_file *f, struct spool_adopt *a);
/* Closes it, and removes it unless it was placed. Twice is fine. */
void spool_drop(struct spool_file *f);

/* Seal, sync, rename to {data_dir}/{key}, sync the directories: when done, it is there for good.
 * The file stays open for reading until spool_drop. After a fault nothing is known to be there. */
struct folder_place {
	struct op op; /* faults: STORAGE, TIMEOUT, BUSY, CLOSED, INTERNAL (not a key) */
	struct spool_file *file;
	char key[DISK_KEY_MAX];
};
void folder_place_init(struct folder_place *p, struct loop *loop, void (*done)(struct op *op));
void folder_place(struct disk *d, struct folder_place *p, struct spool_file *f, struct str key);
/* generated_images/ [A-Za-z0-9_]+ / and one of
 *   image_ digits . (png, jpg, jpeg, webp, gif, mp4)   a picture
 *   image_ digits _256.webp, image_ digits _512.webp   its thumbnails
 *   input_ digits . (png, jpg, webp, gif)              what came with the task; never served */
bool folder_key_is_valid(struct str key);
/* Of those, one that a client may read: not an input. */
bool folder_key_is_public(struct str key);
/* A read-only descriptor, or -1 with errno. The key is checked for its shape first (EINVAL). */
int folder_open(struct disk *d, struct str key, uint64_t *size);
/* True when it is not there (any more). */
bool folder_delete(struct disk *d, struct str key);
uint64_t disk_spool_bytes(const struct disk *d);
