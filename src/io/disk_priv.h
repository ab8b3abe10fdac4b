#pragma once
/*
 * disk_priv - shared by the files of the disk module.
 */
#include "base/list.h"
#include "base/slab.h"
#include "io/disk.h"
#include "io/sync.h"

enum { DISK_BUSY_MAX = 20 * 1000 }; /* placements and adoptions at a time */

/* One flush of generated_images serves all placements that renamed before it began. */
struct flush {
	struct sync_call call;
	struct link now, next; /* placements: it is for them; the next one will be */
};

struct disk {
	struct loop *loop;
	struct sync_pool *sync;
	int data;     /* {data_dir} */
	int spool;    /* {data_dir}/spool/{own}, locked */
	int images;   /* {data_dir}/generated_images */
	char own[40]; /* "spool/…" */
	uint64_t spool_max, spool_bytes;
	uint64_t last_name;
	struct flush flush;
	struct slab placings, adoptions;
	struct link placing, adopting; /* all that are under way */
};

/* The reserved bytes of a file become `bytes`. */
void spool_account(struct spool_file *f, uint64_t bytes);
/* The path in the spool is gone: renamed away or removed. */
void spool_forget_path(struct spool_file *f);
size_t adopting_size(void);
size_t placing_size(void);
void adopting_end_all(struct disk *d);
void placing_end_all(struct disk *d);
void flush_init(struct disk *d);

struct str errno_text(int error);

struct folder_name {
	char directory[DISK_KEY_MAX]; /* the job's, below generated_images */
	char file[DISK_KEY_MAX];
};
/* False: not a key of ours. */
MUST_CHECK bool folder_name_parse(struct str key, struct folder_name *out);
