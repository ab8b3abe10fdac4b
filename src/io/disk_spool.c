/*
 * Files in the spool.
 *
 * Invariants
 *  1. disk->spool_bytes is the sum of `reserved` over all files with a path in the spool, and
 *     reserved >= size. What a helper wrote counts as soon as it was measured, even past the bound.
 *  2. A file with a path is in the spool's folder under that name; without one it is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/metric.h"
#include "io/disk_priv.h"

struct adopting {
	struct op *op; /* the slot */
	struct disk *disk;
	struct link link;
	struct timer step; /* 0 ms: the next turn */
	uint64_t at, size;
};

void spool_account(struct spool_file *f, uint64_t bytes)
{
	struct disk *d = f->disk;

	d->spool_bytes = d->spool_bytes - f->reserved + bytes;
	f->reserved = bytes;
	metric_set(METRIC_ID_spool_bytes, NULL, NULL, (int64_t)d->spool_bytes);
}

void spool_forget_path(struct spool_file *f)
{
	spool_account(f, 0);
	f->path[0] = 0;
}

static bool spool_has_room(const struct disk *d, uint64_t more)
{
	return d->spool_bytes <= d->spool_max && more <= d->spool_max - d->spool_bytes;
}

enum fault_code spool_open(struct disk *d, struct spool_file *f, uint64_t expected, struct str *why)
{
	*f = (struct spool_file){ .disk = d, .fd = -1 };
	if (expected > d->spool_max) {
		*why = STR("larger than the whole spool");
		return FAULT_STORAGE;
	}
	if (!spool_has_room(d, expected)) {
		*why = STR("the spool is full");
		return FAULT_BUSY;
	}
	snprintf(f->path, sizeof(f->path), "%s/%llu", d->own, (unsigned long long)++d->last_name);
	f->fd = openat(d->spool, strrchr(f->path, '/') + 1, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f->fd < 0) {
		*why = errno_text(errno);
		f->path[0] = 0;
		return FAULT_STORAGE;
	}
	sha256_init(&f->hash);
	spool_account(f, expected);
	return FAULT_NONE;
}

static bool write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t wrote = write(fd, p, n);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return false;
		p += wrote;
		n -= (size_t)wrote;
	}
	return true;
}

static void spool_note(struct spool_file *f, const void *p, size_t n)
{
	size_t take = sizeof(f->head) - f->head_size;

	if (take > n)
		take = n;
	memcpy(f->head + f->head_size, p, take);
	f->head_size += (unsigned)take;
	sha256_update(&f->hash, p, n);
}

enum fault_code spool_write(struct spool_file *f, const void *p, size_t n, struct str *why)
{
	CHECK(f->fd >= 0 && !f->sealed && n <= DISK_PIECE);
	if (n == 0)
		return FAULT_NONE;
	if (f->size + n > f->reserved) {
		if (!spool_has_room(f->disk, f->size + n - f->reserved)) {
			*why = STR("the spool is full");
			return FAULT_BUSY;
		}
		spool_account(f, f->size + n);
	}
	if (!write_all(f->fd, p, n)) {
		*why = errno_text(errno);
		return FAULT_STORAGE;
	}
	f->size += n;
	spool_note(f, p, n);
	return FAULT_NONE;
}

void spool_seal(struct spool_file *f)
{
	if (f->sealed || f->fd < 0)
		return;
	sha256_final(&f->hash, f->digest);
	f->sealed = true;
	spool_account(f, f->size);
}

void spool_drop(struct spool_file *f)
{
	if (!f->disk)
		return;
	sha256_drop(&f->hash);
	if (f->path[0]) {
		unlinkat(f->disk->data, f->path, 0);
		spool_forget_path(f);
	}
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->disk = NULL;
}

/* ---- a file that a helper wrote ---- */

size_t adopting_size(void)
{
	return sizeof(struct adopting);
}

static void adopting_end(struct adopting *a, struct fault fault)
{
	struct disk *d = a->disk;

	timer_stop(d->loop, &a->step);
	list_remove(&a->link);
	if (a->op)
		op_finish_with(a->op, fault);
	slab_put(&d->adoptions, a);
}

void adopting_end_all(struct disk *d)
{
	while (!list_is_empty(&d->adopting))
		adopting_end(CONTAINER_OF(list_first(&d->adopting), struct adopting, link),
		             (struct fault){ .code = FAULT_CLOSED });
}

/* One piece. Fewer bytes than were measured: somebody cut the file meanwhile. */
static bool adopting_piece(struct adopting *a, struct spool_file *f, struct fault *fault)
{
	char piece[DISK_PIECE];
	uint64_t left = a->size - a->at;
	ssize_t n = pread(f->fd, piece, left < sizeof(piece) ? (size_t)left : sizeof(piece), (off_t)a->at);

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0) {
		*fault = (struct fault){ .code = FAULT_STORAGE,
			                 .cause = n ? errno_text(errno) : STR("the file became shorter") };
		return false;
	}
	spool_note(f, piece, (size_t)n);
	a->at += (uint64_t)n;
	return true;
}

static void on_adopt_step(struct timer *t)
{
	struct adopting *a = CONTAINER_OF(t, struct adopting, step);
	struct fault fault = { .code = FAULT_NONE };
	struct spool_file *f;

	if (!a->op) {
		adopting_end(a, fault);
		return;
	}
	f = CONTAINER_OF(a->op, struct spool_adopt, op)->file;
	if (f->fd < 0) {
		fault.code = FAULT_CANCELLED;
		adopting_end(a, fault);
		return;
	}
	if (a->at < a->size && !adopting_piece(a, f, &fault)) {
		adopting_end(a, fault);
		return;
	}
	if (a->at < a->size) {
		timer_start(a->disk->loop, &a->step, 0, on_adopt_step);
		return;
	}
	f->size = a->size;
	spool_seal(f);
	adopting_end(a, fault);
}

void spool_adopt_init(struct spool_adopt *a, struct loop *loop, void (*done)(struct op *op))
{
	op_init(&a->op, loop, done);
	a->file = NULL;
}

void spool_adopt(struct spool_file *f, struct spool_adopt *adopt)
{
	struct disk *d = f->disk;
	struct adopting *a = slab_get(&d->adoptions);
	struct stat st;

	CHECK(f->fd >= 0 && !f->sealed && f->size == 0);
	adopt->file = f;
	if (!a) {
		op_begin(&adopt->op, NULL, 0);
		op_finish(&adopt->op, FAULT_BUSY);
		return;
	}
	a->disk = d;
	list_init(&a->link);
	list_append(&d->adopting, &a->link);
	op_begin(&adopt->op, &a->op, 0);
	if (fstat(f->fd, &st) < 0) {
		adopting_end(a, (struct fault){ .code = FAULT_STORAGE, .cause = errno_text(errno) });
		return;
	}
	a->size = (uint64_t)st.st_size;
	if (a->size > f->reserved)
		spool_account(f, a->size);
	timer_start(d->loop, &a->step, 0, on_adopt_step);
}
