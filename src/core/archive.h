#pragma once
/*
 * archive - records of jobs that ended here or were read a moment ago, in memory, least recently used out first.
 *
 * A finished job never changes (but for deletes, which drop it), so its record may stay; a job that
 * lives elsewhere may be shown for at most 250 ms after it was read.
 */
#include "core/core.h"
#include "core/record.h"

struct archive;

enum { ARCHIVE_RECORDS = 4096, ARCHIVE_STALE_MS = 250 };

struct archive *archive_new(struct core *core);
void archive_free(struct archive **a);
/* Keeps a reference. */
void archive_put(struct archive *a, struct job_record *record);
struct job_record *archive_get(struct archive *a, struct str job_id);
/* A job's status changed: tell the other instances through Redis. Nobody waits for it. */
void archive_publish(struct archive *a, struct job_record *record);
void archive_forget(struct archive *a, struct str job_id);
