/*
 * The data directory: opened once at start; everything below it is reached from descriptors, one
 * path component at a time, never through a symbolic link.
 *
 *   {data_dir}/spool/{random}/{n}              being written; gone after a crash
 *   {data_dir}/generated_images/{job}/image_1.png
 *
 * Each process has its own spool folder and holds a lock on it, so that a second instance which
 * starts on the same data directory tells the spool of a living one from what a dead one left.
 */
#include "io/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/metric.h"
#include "io/disk_priv.h"

enum { DIRECTORY = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, OWN_TRIES = 4 };

struct str errno_text(int error)
{
	const char *text = strerrordesc_np(error);

	return str_from(text ? text : "unknown error");
}

/* ---- start ---- */

static int directory_make(int at, const char *name)
{
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -1;
	return openat(at, name, DIRECTORY);
}

static void directory_empty(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!dir) {
		if (copy >= 0)
			close(copy);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(fd, entry->d_name, 0);
	closedir(dir);
}

/* Whoever holds the lock lives. A folder that can be locked belonged to a process that is gone. */
static void spool_clean_one(int spool, const char *name)
{
	int fd = openat(spool, name, DIRECTORY);

	if (fd < 0) {
		if (errno == ENOTDIR)
			unlinkat(spool, name, 0);
		return;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		directory_empty(fd);
		unlinkat(spool, name, AT_REMOVEDIR);
	}
	close(fd);
}

static void spool_clean(int spool)
{
	int copy = fcntl(spool, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!dir) {
		if (copy >= 0)
			close(copy);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			spool_clean_one(spool, entry->d_name);
	closedir(dir);
}

/* Between mkdir and flock another start may take ours for a dead one: then it has no link left. */
static bool spool_own_once(struct disk *d, int spool)
{
	uint8_t random[8];
	struct stat st;

	random_bytes(random, sizeof(random));
	memcpy(d->own, "spool/", 6);
	hex_encode(random, sizeof(random), d->own + 6);
	d->own[6 + 2 * sizeof(random)] = 0;
	if (mkdirat(spool, d->own + 6, 0700) < 0)
		return false;
	d->spool = openat(spool, d->own + 6, DIRECTORY);
	if (d->spool < 0)
		return false;
	if (flock(d->spool, LOCK_EX | LOCK_NB) == 0 && fstat(d->spool, &st) == 0 && st.st_nlink > 0)
		return true;
	close(d->spool);
	d->spool = -1;
	return false;
}

static bool spool_own(struct disk *d)
{
	int spool = directory_make(d->data, "spool");
	bool own = false;

	if (spool < 0)
		return false;
	spool_clean(spool);
	for (int i = 0; i < OWN_TRIES && !own; i++)
		own = spool_own_once(d, spool);
	close(spool);
	return own;
}

/* Start is the one moment where waiting for the disk is fine. */
static bool disk_open(struct disk *d, const char *data_dir)
{
	if (mkdir(data_dir, 0700) < 0 && errno != EEXIST)
		return false;
	/* The operator's own path may well go through a symbolic link. */
	d->data = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->data < 0)
		return false;
	d->images = directory_make(d->data, "generated_images");
	if (d->images < 0 || faccessat(d->data, "generated_images", W_OK | X_OK, AT_EACCESS) < 0)
		return false;
	return spool_own(d) && fsync(d->data) == 0;
}

struct disk *disk_new(struct loop *loop, const struct disk_config *config, struct str *why)
{
	struct disk *d = mem_new(struct disk);

	d->loop = loop;
	d->sync = config->sync;
	d->spool_max = config->spool_bytes_max;
	d->data = d->spool = d->images = -1;
	slab_init(&d->placings, placing_size(), DISK_BUSY_MAX);
	slab_init(&d->adoptions, adopting_size(), DISK_BUSY_MAX);
	list_init(&d->placing);
	flush_init(d);
	list_init(&d->adopting);
	if (!disk_open(d, config->data_dir)) {
		*why = errno_text(errno);
		disk_free(&d);
		return NULL;
	}
	metric_set(METRIC_ID_spool_bytes, NULL, NULL, 0);
	return d;
}

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void disk_free(struct disk **disk)
{
	struct disk *d = *disk;

	if (!d)
		return;
	*disk = NULL;
	adopting_end_all(d);
	placing_end_all(d);
	slab_clear(&d->adoptions);
	slab_clear(&d->placings);
	if (d->spool >= 0) {
		directory_empty(d->spool);
		unlinkat(d->data, d->own, AT_REMOVEDIR);
	}
	fd_close(&d->spool);
	fd_close(&d->images);
	fd_close(&d->data);
	mem_release(d);
}

uint64_t disk_spool_bytes(const struct disk *d)
{
	return d->spool_bytes;
}
