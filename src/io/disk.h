#pragma once
/*
 * disk - the spool and the folder store: files by plain system calls, 64 KiB at a time.
 *
 *   spool_open -> spool_write … -> spool_seal (fsync by a helper) -> folder_place (rename, directory fsync)
 *                \-> spool_drop
 *
 * Nothing here blocks for a flush: fsync runs in the sync helpers (io/sync.h). What is in the
 * spool is bounded in bytes; spool_open answers BUSY when there is no room, and callers wait.
 * File names are made by us from ids and numbers, never from outside text.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"
#include "loop/op.h"

struct disk;
struct sync_pool;

enum { DISK_PIECE = 64 * 1024, DISK_KEY_MAX = 160 };

struct spool_file {
	struct disk *disk;
	int fd;
	char path[200];                 /* below the data directory; "" when not open */
	uint64_t size, reserved;
	struct sha256 hash;
	uint8_t digest[SHA256_BYTES];   /* after spool_seal or spool_adopt */
	uint8_t head[64];               /* first bytes, for sniffing */
	unsigned head_size;
};

struct disk_config {
	const char *data_dir;           /* IMAGO_DATA_DIR; made with mode 0700 */
	uint64_t spool_bytes_max;       /* 4 GiB */
	struct sync_pool *sync;
};

struct disk *disk_new(struct loop *loop, const struct disk_config *config, struct str *why);   /* empties the spool */
void disk_free(struct disk **d);

/* FAULT_NONE, BUSY (spool full: `expected` bytes do not fit) or STORAGE (errno in *why). */
enum fault_code spool_open(struct disk *d, struct spool_file *f, uint64_t expected, struct str *why);
/* Appends and hashes; at most DISK_PIECE bytes at a time. */
enum fault_code spool_write(struct spool_file *f, const void *p, size_t n, struct str *why);
/* The file was written by a helper process through f->fd: measure and hash it, DISK_PIECE a turn. */
struct spool_adopt {
	struct op op;
	struct spool_file *file;
	struct turn_hook step;
};
void spool_adopt(struct spool_file *f, struct spool_adopt *a);
void spool_drop(struct spool_file *f);

/* Seal, sync, rename to {data_dir}/{key}, sync the directories: when done, it is there for good. */
struct folder_place {
	struct op op;                   /* faults: STORAGE, TIMEOUT */
	struct spool_file *file;
	char key[DISK_KEY_MAX];
	struct op *slot;
	int directory;
	unsigned step;
};
void folder_place(struct disk *d, struct folder_place *p, struct spool_file *f, struct str key);
/* A read-only descriptor, or -1 with errno. The key is checked for its shape first. */
int folder_open(struct disk *d, struct str key, uint64_t *size);
bool folder_delete(struct disk *d, struct str key);
uint64_t disk_spool_bytes(const struct disk *d);
