/*
 * The folder store.
 *
 *   PLACING: mkdir -> FLUSH (fsync the file) -> rename -> DIRECTORIES (fsync the job's folder and
 *   generated_images, at once) -> done
 *
 * Invariants
 *  1. The file is on the disk before its name is: a name never leads to half a picture.
 *  2. generated_images is flushed every time: that its folder existed says nothing about
 *     whether a neighbour that made it has flushed it yet.
 *  3. The rename happens only while the caller still waits; afterwards the file's path in the
 *     spool is gone. Where the caller gave up before, spool_drop removes the file as ever.
 *  4. A placing ends when no sync call of its own is outstanding, and neither is the flush of
 *     generated_images that began after its rename. Placements share those: at most one runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/disk_priv.h"

enum { PATH_ONLY = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

struct placing {
	struct op *op; /* the slot */
	struct disk *disk;
	struct link link;
	struct folder_name name;
	int file, directory; /* descriptors of our own: the caller may close its at any time */
	unsigned outstanding;
	struct fault fault; /* the first one */
	struct sync_call file_sync, directory_sync;
	struct link flushing; /* in one list of disk->flush */
};

/* ---- keys ---- */

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_one_of(struct str s, const char *const *words)
{
	for (; *words; words++)
		if (str_is(s, *words))
			return true;
	return false;
}

/* Cuts the number off *rest. */
static bool cut_number(struct str *rest)
{
	size_t n = 0;

	while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9')
		n++;
	*rest = str_skip(*rest, n);
	return n > 0 && n <= 9;
}

static bool file_name_is_valid(struct str file)
{
	static const char *const pictures[] = { ".png", ".jpg",      ".jpeg",     ".webp", ".gif",
		                                ".mp4", "_256.webp", "_512.webp", NULL };
	static const char *const inputs[] = { ".png", ".jpg", ".webp", ".gif", NULL };
	struct str rest = str_skip(file, 6);

	if (str_starts(file, STR("image_")))
		return cut_number(&rest) && is_one_of(rest, pictures);
	return str_starts(file, STR("input_")) && cut_number(&rest) && is_one_of(rest, inputs);
}

bool folder_name_parse(struct str key, struct folder_name *out)
{
	struct str rest = key, top, directory;

	if (key.n >= DISK_KEY_MAX)
		return false;
	top = str_cut(&rest, '/');
	directory = str_cut(&rest, '/');
	if (!str_is(top, "generated_images") || directory.n == 0 || !rest.p || !file_name_is_valid(rest))
		return false;
	for (size_t i = 0; i < directory.n; i++)
		if (!is_word(directory.p[i]))
			return false;
	return str_to_cstr(directory, out->directory, sizeof(out->directory)) &&
	       str_to_cstr(rest, out->file, sizeof(out->file));
}

bool folder_key_is_valid(struct str key)
{
	struct folder_name name;

	return folder_name_parse(key, &name);
}

bool folder_key_is_public(struct str key)
{
	struct folder_name name;

	return folder_name_parse(key, &name) && str_starts(str_from(name.file), STR("image_"));
}

/* ---- placing ---- */

size_t placing_size(void)
{
	return sizeof(struct placing);
}

static void placing_release(struct placing *p)
{
	if (p->file >= 0)
		close(p->file);
	if (p->directory >= 0)
		close(p->directory);
	list_remove(&p->link);
	list_remove(&p->flushing);
	slab_put(&p->disk->placings, p);
}

static void placing_end(struct placing *p, struct fault fault)
{
	if (p->op)
		op_finish_with(p->op, fault);
	placing_release(p);
}

void placing_end_all(struct disk *d)
{
	op_forget(&d->flush.call.op);
	while (!list_is_empty(&d->placing)) {
		struct placing *p = CONTAINER_OF(list_first(&d->placing), struct placing, link);

		op_forget(&p->file_sync.op);
		op_forget(&p->directory_sync.op);
		placing_end(p, (struct fault){ .code = FAULT_CLOSED });
	}
}

static struct fault fault_errno(int error)
{
	return (struct fault){ .code = FAULT_STORAGE, .cause = errno_text(error) };
}

static void placing_sync(struct placing *p, struct sync_call *call, int fd)
{
	p->outstanding++;
	sync_fd(p->disk->sync, call, fd);
}

/* True: all that was asked has ended. */
static bool placing_answered(struct placing *p, struct fault fault)
{
	if (fault.code != FAULT_NONE && p->fault.code == FAULT_NONE)
		p->fault = fault;
	return --p->outstanding == 0;
}

static bool placing_open_directory(struct placing *p)
{
	struct disk *d = p->disk;

	if (p->directory >= 0)
		close(p->directory);
	if (mkdirat(d->images, p->name.directory, 0700) < 0 && errno != EEXIST)
		return false;
	p->directory = openat(d->images, p->name.directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return p->directory >= 0;
}

/* A neighbour's folder_delete may have removed the empty folder in between: make it again, once. */
static bool placing_rename(struct placing *p, struct spool_file *f)
{
	if (renameat(p->disk->data, f->path, p->directory, p->name.file) == 0)
		return true;
	return errno == ENOENT && placing_open_directory(p) &&
	       renameat(p->disk->data, f->path, p->directory, p->name.file) == 0;
}

static void on_directory_synced(struct op *op)
{
	struct placing *p = CONTAINER_OF(op, struct placing, directory_sync.op);

	if (placing_answered(p, op->fault))
		placing_end(p, p->fault);
}

/* ---- the flush of generated_images ---- */

static void flush_start(struct disk *d)
{
	list_move_all(&d->flush.now, &d->flush.next);
	sync_fd(d->sync, &d->flush.call, d->images);
}

static void on_flushed(struct op *op)
{
	struct disk *d = CONTAINER_OF(op, struct disk, flush.call.op);
	struct link *first;

	while ((first = list_pop(&d->flush.now))) {
		struct placing *p = CONTAINER_OF(first, struct placing, flushing);

		if (placing_answered(p, op->fault))
			placing_end(p, p->fault);
	}
	if (!list_is_empty(&d->flush.next))
		flush_start(d);
}

void flush_init(struct disk *d)
{
	sync_call_init(&d->flush.call, d->loop, on_flushed);
	list_init(&d->flush.now);
	list_init(&d->flush.next);
}

static void placing_flush(struct placing *p)
{
	struct disk *d = p->disk;

	p->outstanding++;
	list_append(&d->flush.next, &p->flushing);
	if (op_is_idle(&d->flush.call.op))
		flush_start(d);
}

/* ---- the steps ---- */

static void on_file_synced(struct op *op)
{
	struct placing *p = CONTAINER_OF(op, struct placing, file_sync.op);
	struct spool_file *f;

	placing_answered(p, op->fault);
	if (!p->op || p->fault.code != FAULT_NONE) {
		placing_end(p, p->fault);
		return;
	}
	f = CONTAINER_OF(p->op, struct folder_place, op)->file;
	if (!f->path[0]) {
		placing_end(p, (struct fault){ .code = FAULT_CANCELLED });
		return;
	}
	if (!placing_rename(p, f)) {
		placing_end(p, fault_errno(errno));
		return;
	}
	spool_forget_path(f);
	placing_sync(p, &p->directory_sync, p->directory);
	placing_flush(p);
}

void folder_place_init(struct folder_place *p, struct loop *loop, void (*done)(struct op *op))
{
	op_init(&p->op, loop, done);
	p->file = NULL;
	p->key[0] = 0;
}

void folder_place(struct disk *d, struct folder_place *place, struct spool_file *f, struct str key)
{
	struct placing *p = slab_get(&d->placings);

	place->file = f;
	if (!p) {
		op_begin(&place->op, NULL, 0);
		op_finish(&place->op, FAULT_BUSY);
		return;
	}
	p->disk = d;
	p->file = p->directory = -1;
	list_init(&p->link);
	list_init(&p->flushing);
	list_append(&d->placing, &p->link);
	sync_call_init(&p->file_sync, d->loop, on_file_synced);
	sync_call_init(&p->directory_sync, d->loop, on_directory_synced);
	op_begin(&place->op, &p->op, 0);
	if (!folder_name_parse(key, &p->name) || !str_to_cstr(key, place->key, sizeof(place->key))) {
		placing_end(p, (struct fault){ .code = FAULT_INTERNAL, .cause = STR("not a key of the folder store") });
		return;
	}
	spool_seal(f);
	p->file = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	if (p->file < 0 || !placing_open_directory(p)) {
		placing_end(p, fault_errno(errno));
		return;
	}
	placing_sync(p, &p->file_sync, p->file);
}

/* ---- reading and removing ---- */

static int open_directory_of(struct disk *d, struct str key, struct folder_name *name)
{
	if (!folder_name_parse(key, name)) {
		errno = EINVAL;
		return -1;
	}
	return openat(d->images, name->directory, PATH_ONLY);
}

int folder_open(struct disk *d, struct str key, uint64_t *size)
{
	struct folder_name name;
	struct stat st;
	int directory = open_directory_of(d, key, &name), fd, error;

	if (directory < 0)
		return -1;
	/* Without NONBLOCK a FIFO that somebody put there would stop the loop. */
	fd = openat(directory, name.file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	error = errno;
	close(directory);
	if (fd < 0) {
		errno = error;
		return -1;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = ENOENT;
		return -1;
	}
	*size = (uint64_t)st.st_size;
	return fd;
}

bool folder_delete(struct disk *d, struct str key)
{
	struct folder_name name;
	int directory = open_directory_of(d, key, &name);
	bool gone;

	if (directory < 0)
		return errno == ENOENT;
	gone = unlinkat(directory, name.file, 0) == 0 || errno == ENOENT;
	close(directory);
	unlinkat(d->images, name.directory, AT_REMOVEDIR); /* the job's last picture takes the folder along */
	return gone;
}
