/*
 * disk: the spool's account of bytes, files placed and found again, keys, what a killed process
 * leaves, callers that go away, a disk that is full.
 */
#include "helpers.h"

#include <sys/mount.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "io/disk.h"
#include "io/sync.h"

enum { MIB = 1024 * 1024 };

struct world {
	struct bench_loop b;
	struct log log;
	struct sync_pool *sync;
	struct disk *disk;
	char folder[64], data[80];
	unsigned done, failed;
	enum fault_code last;
};

struct placed {
	struct spool_file file;
	struct folder_place place;
	struct spool_adopt adopt;
	struct world *world;
};

static void disk_start(struct world *w)
{
	struct str why = { NULL, 0 };

	w->disk = disk_new(&w->b.loop,
	                   &(struct disk_config){ .data_dir = w->data, .spool_bytes_max = 10 * MIB, .sync = w->sync },
	                   &why);
	if (!w->disk)
		print_error("disk_new: %.*s\n", STRF(why));
	assert_non_null(w->disk);
}

static void world_open(struct world *w)
{
	*w = (struct world){ .last = FAULT_NONE };
	folder_make(w->folder);
	snprintf(w->data, sizeof(w->data), "%s/data", w->folder);
	loop_init(&w->b.loop);
	w->sync = sync_pool_new(&w->b.loop, &w->log, 2);
	disk_start(w);
}

static void world_close(struct world *w)
{
	disk_free(&w->disk);
	assert_null(w->disk);
	sync_pool_free(&w->sync);
	turn_out(&w->b);
	folder_remove(AT_FDCWD, w->folder);
}

static void done(struct world *w, const struct op *op)
{
	w->done++;
	w->failed += op->fault.code != FAULT_NONE;
	w->last = op->fault.code;
}

static void on_placed(struct op *op)
{
	struct folder_place *place = CONTAINER_OF(op, struct folder_place, op);

	done(CONTAINER_OF(place, struct placed, place)->world, op);
}

static void on_adopted(struct op *op)
{
	struct spool_adopt *adopt = CONTAINER_OF(op, struct spool_adopt, op);

	done(CONTAINER_OF(adopt, struct placed, adopt)->world, op);
}

static struct placed *placed_new(struct world *w)
{
	struct placed *p = mem_new(struct placed);

	p->world = w;
	folder_place_init(&p->place, &w->b.loop, on_placed);
	spool_adopt_init(&p->adopt, &w->b.loop, on_adopted);
	return p;
}

static void placed_free(struct placed *p)
{
	spool_drop(&p->file);
	mem_release(p);
}

static void write_bytes(struct spool_file *f, size_t n, char what)
{
	static char piece[DISK_PIECE];
	struct str why = { NULL, 0 };

	memset(piece, what, sizeof(piece));
	while (n) {
		size_t take = n < sizeof(piece) ? n : sizeof(piece);

		assert_int_equal(spool_write(f, piece, take, &why), FAULT_NONE);
		n -= take;
	}
}

static struct placed *open_with(struct world *w, size_t n)
{
	struct placed *p = placed_new(w);
	struct str why = { NULL, 0 };

	assert_int_equal(spool_open(w->disk, &p->file, n, &why), FAULT_NONE);
	write_bytes(&p->file, n, 'x');
	return p;
}

static unsigned count_below(const char *path)
{
	DIR *dir = opendir(path);
	unsigned count = 0;

	if (!dir)
		return 0;
	for (struct dirent *e; (e = readdir(dir));) {
		char below[600];

		if (e->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%.300s/%.200s", path, e->d_name);
		count += e->d_type == DT_DIR ? count_below(below) : 1;
	}
	closedir(dir);
	return count;
}

static unsigned spool_count(const struct world *w)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/spool", w->data);
	return count_below(path);
}

/* ---- tests ---- */

static void test_place_and_read(void **state)
{
	struct str key = STR("generated_images/img_3Fk9/image_1.png");
	uint8_t want[SHA256_BYTES];
	struct placed *p;
	struct world w;
	uint64_t size;
	char bytes[8];
	int fd;

	(void)state;
	world_open(&w);
	p = open_with(&w, 200 * 1000);
	assert_int_equal(disk_spool_bytes(w.disk), 200 * 1000);
	assert_int_equal(p->file.head_size, DISK_HEAD);
	assert_int_equal(p->file.head[0], 'x');
	folder_place(w.disk, &p->place, &p->file, key);
	assert_int_equal(w.done, 0);
	assert_int_equal(folder_open(w.disk, key, &size), -1);
	assert_true(turn_until(&w.b, &w.done, 1, 10000));
	assert_int_equal(w.last, FAULT_NONE);
	assert_string_equal(p->file.path, "");
	assert_int_equal(disk_spool_bytes(w.disk), 0);
	assert_int_equal(spool_count(&w), 0);
	fd = folder_open(w.disk, key, &size);
	assert_true(fd >= 0);
	assert_int_equal(size, 200 * 1000);
	assert_int_equal(pread(fd, bytes, 8, 199992), 8);
	assert_memory_equal(bytes, "xxxxxxxx", 8);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	{
		struct buf all;

		buf_init(&all, MIB);
		memset(buf_room(&all, 200 * 1000), 'x', 200 * 1000);
		buf_added(&all, 200 * 1000);
		sha256_of(buf_view(&all), want);
		buf_clear(&all);
	}
	assert_memory_equal(p->file.digest, want, SHA256_BYTES);
	placed_free(p);
	assert_int_equal(threads_here(), 1);
	assert_true(folder_delete(w.disk, key));
	assert_true(folder_delete(w.disk, key));
	assert_int_equal(folder_open(w.disk, key, &size), -1);
	assert_int_equal(errno, ENOENT);
	world_close(&w);
}

/* Many at once, several of one job, and one twice: the later one overwrites. */
static void test_many(void **state)
{
	struct placed *placed[60];
	struct world w;
	char key[100], path[200];
	uint64_t size;
	int fd;

	(void)state;
	world_open(&w);
	for (unsigned i = 0; i < COUNT_OF(placed); i++) {
		placed[i] = open_with(&w, 1000 + i);
		snprintf(key, sizeof(key), "generated_images/job_%u/image_%u.webp", i / 4, i % 4 + 1);
		folder_place(w.disk, &placed[i]->place, &placed[i]->file, str_from(key));
	}
	assert_true(turn_until(&w.b, &w.done, COUNT_OF(placed), 20000));
	assert_int_equal(w.failed, 0);
	for (unsigned i = 0; i < COUNT_OF(placed); i++)
		placed_free(placed[i]);
	placed[0] = open_with(&w, 77);
	folder_place(w.disk, &placed[0]->place, &placed[0]->file, STR("generated_images/job_0/image_1.webp"));
	assert_true(turn_until(&w.b, &w.done, COUNT_OF(placed) + 1, 20000));
	placed_free(placed[0]);
	fd = folder_open(w.disk, STR("generated_images/job_0/image_1.webp"), &size);
	assert_int_equal(size, 77);
	close(fd);
	snprintf(path, sizeof(path), "%s/generated_images", w.data);
	assert_int_equal(count_below(path), COUNT_OF(placed));
	world_close(&w);
}

static const struct {
	const char *key;
	bool valid;
} keys[] = {
	{ "generated_images/img_3Fk9/image_1.png", true },
	{ "generated_images/A_z09/image_10.jpeg", true },
	{ "generated_images/a/image_1.jpg", true },
	{ "generated_images/a/image_1.webp", true },
	{ "generated_images/a/image_1.gif", true },
	{ "generated_images/a/image_1.mp4", true },
	{ "generated_images/a/image_1_256.webp", true },
	{ "generated_images/a/image_12_512.webp", true },
	{ "generated_images/a/image_1_128.webp", false },
	{ "generated_images/a/image_1_256.png", false },
	{ "generated_images/a/image__256.webp", false },
	{ "generated_images/a/input_1.png", true },
	{ "generated_images/a/input_1.jpg", true },
	{ "generated_images/a/input_1.webp", true },
	{ "generated_images/a/input_16.gif", true },
	{ "generated_images/a/input_1.jpeg", false },
	{ "generated_images/a/input_1.mp4", false },
	{ "generated_images/a/input_1_256.webp", false },
	{ "generated_images/a/input_.png", false },
	{ "generated_images/a/input_1.png/", false },
	{ "", false },
	{ "generated_images", false },
	{ "generated_images/a", false },
	{ "generated_images//image_1.png", false },
	{ "generated_images/../image_1.png", false },
	{ "generated_images/./image_1.png", false },
	{ "generated_images/a.b/image_1.png", false },
	{ "generated_images/a b/image_1.png", false },
	{ "generated_images/a/image_1.svg", false },
	{ "generated_images/a/image_1.png.svg", false },
	{ "generated_images/a/image_1.", false },
	{ "generated_images/a/image_1", false },
	{ "generated_images/a/image_.png", false },
	{ "generated_images/a/image_1a.png", false },
	{ "generated_images/a/image_-1.png", false },
	{ "generated_images/a/image_1234567890.png", false },
	{ "generated_images/a/Image_1.png", false },
	{ "generated_images/a/b/image_1.png", false },
	{ "generated_images/a/image_1.png/", false },
	{ "/generated_images/a/image_1.png", false },
	{ "generated_images/a/../../../etc/passwd", false },
	{ "other/a/image_1.png", false },
	{ "spool/a/image_1.png", false },
};

/* What came with a task is kept, and never served. */
static void test_public_keys(void **state)
{
	(void)state;
	assert_true(folder_key_is_public(STR("generated_images/a/image_1.png")));
	assert_true(folder_key_is_public(STR("generated_images/a/image_1_512.webp")));
	assert_false(folder_key_is_public(STR("generated_images/a/input_1.png")));
	assert_false(folder_key_is_public(STR("generated_images/a/image_1.svg")));
	assert_false(folder_key_is_public(STR("generated_images/image_1/input_1.png")));
}

static void test_keys(void **state)
{
	char longest[400];
	struct world w;
	uint64_t size;

	(void)state;
	world_open(&w);
	for (unsigned i = 0; i < COUNT_OF(keys); i++) {
		struct placed *p;

		if (folder_key_is_valid(str_from(keys[i].key)) != keys[i].valid) {
			print_error("%s\n", keys[i].key);
			fail();
		}
		if (keys[i].valid)
			continue;
		assert_int_equal(folder_open(w.disk, str_from(keys[i].key), &size), -1);
		assert_int_equal(errno, EINVAL);
		assert_false(folder_delete(w.disk, str_from(keys[i].key)));
		p = open_with(&w, 10);
		w.done = 0;
		folder_place(w.disk, &p->place, &p->file, str_from(keys[i].key));
		assert_true(turn_until(&w.b, &w.done, 1, 10000));
		assert_int_equal(w.last, FAULT_INTERNAL);
		placed_free(p);
	}
	assert_false(folder_key_is_valid((struct str){ "generated_images/a\0b/image_1.png", 32 }));
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "generated_images/", 17);
	memcpy(longest + 300, "/image_1.png", 12);
	assert_false(folder_key_is_valid((struct str){ longest, 312 }));
	world_close(&w);
}

static void test_no_link_is_followed(void **state)
{
	struct world w;
	char path[300], secret[120];
	uint64_t size;
	int fd;

	(void)state;
	world_open(&w);
	snprintf(secret, sizeof(secret), "%s/secret", w.folder);
	fd = open(secret, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "secret", 6), 6);
	close(fd);
	snprintf(path, sizeof(path), "%s/generated_images/a", w.data);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/generated_images/a/image_1.png", w.data);
	assert_int_equal(symlink(secret, path), 0);
	snprintf(path, sizeof(path), "%s/generated_images/b", w.data);
	assert_int_equal(symlink(w.folder, path), 0);
	assert_int_equal(folder_open(w.disk, STR("generated_images/a/image_1.png"), &size), -1);
	assert_int_equal(folder_open(w.disk, STR("generated_images/b/image_1.png"), &size), -1);
	snprintf(path, sizeof(path), "%s/generated_images/a/image_2.png", w.data);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(folder_open(w.disk, STR("generated_images/a/image_2.png"), &size), -1);
	world_close(&w);
}

static void test_account(void **state)
{
	struct placed *a, *b, *c;
	struct str why = { NULL, 0 };
	struct world w;

	(void)state;
	world_open(&w);
	a = placed_new(&w);
	b = placed_new(&w);
	c = placed_new(&w);
	assert_int_equal(spool_open(w.disk, &a->file, 11 * MIB, &why), FAULT_STORAGE);
	assert_int_equal(spool_open(w.disk, &a->file, 6 * MIB, &why), FAULT_NONE);
	assert_int_equal(disk_spool_bytes(w.disk), 6 * MIB);
	assert_int_equal(spool_open(w.disk, &b->file, 5 * MIB, &why), FAULT_BUSY);
	assert_true(why.n > 0);
	assert_int_equal(spool_open(w.disk, &b->file, 4 * MIB, &why), FAULT_NONE);
	assert_int_equal(spool_open(w.disk, &c->file, 0, &why), FAULT_NONE);
	assert_int_equal(spool_write(&c->file, "x", 1, &why), FAULT_BUSY);
	/* What was reserved and not used goes back when it is sealed; more than expected is taken as it comes. */
	write_bytes(&a->file, MIB, 'a');
	spool_seal(&a->file);
	spool_seal(&a->file);
	assert_int_equal(disk_spool_bytes(w.disk), 5 * MIB);
	write_bytes(&c->file, 2 * MIB, 'c');
	assert_int_equal(disk_spool_bytes(w.disk), 7 * MIB);
	assert_int_equal(metric_get(METRIC_ID_spool_bytes, NULL, NULL), 7 * MIB);
	assert_int_equal(spool_count(&w), 3);
	placed_free(a);
	assert_int_equal(disk_spool_bytes(w.disk), 6 * MIB);
	placed_free(b);
	spool_drop(&c->file);
	spool_drop(&c->file);
	placed_free(c);
	assert_int_equal(disk_spool_bytes(w.disk), 0);
	assert_int_equal(metric_get(METRIC_ID_spool_bytes, NULL, NULL), 0);
	assert_int_equal(spool_count(&w), 0);
	world_close(&w);
}

static void test_adopt(void **state)
{
	struct str why = { NULL, 0 };
	struct placed *p, *same;
	struct world w;
	char piece[1000];

	(void)state;
	world_open(&w);
	p = placed_new(&w);
	assert_int_equal(spool_open(w.disk, &p->file, 1000, &why), FAULT_NONE);
	memset(piece, 'x', sizeof(piece));
	for (int i = 0; i < 300; i++)
		assert_int_equal(pwrite(p->file.fd, piece, sizeof(piece), i * 1000), 1000);
	spool_adopt(&p->file, &p->adopt);
	assert_int_equal(disk_spool_bytes(w.disk), 300 * 1000);
	assert_true(turn_until(&w.b, &w.done, 1, 10000));
	assert_int_equal(w.last, FAULT_NONE);
	assert_int_equal(p->file.size, 300 * 1000);
	assert_int_equal(p->file.head_size, DISK_HEAD);
	same = open_with(&w, 300 * 1000);
	spool_seal(&same->file);
	assert_memory_equal(p->file.digest, same->file.digest, SHA256_BYTES);
	folder_place(w.disk, &p->place, &p->file, STR("generated_images/a/image_1.png"));
	assert_true(turn_until(&w.b, &w.done, 2, 10000));
	assert_int_equal(w.last, FAULT_NONE);
	placed_free(same);
	placed_free(p);
	/* an empty file, and one that is dropped in the middle */
	p = placed_new(&w);
	assert_int_equal(spool_open(w.disk, &p->file, 0, &why), FAULT_NONE);
	spool_adopt(&p->file, &p->adopt);
	assert_true(turn_until(&w.b, &w.done, 3, 10000));
	assert_int_equal(w.last, FAULT_NONE);
	assert_int_equal(p->file.size, 0);
	placed_free(p);
	p = placed_new(&w);
	assert_int_equal(spool_open(w.disk, &p->file, 0, &why), FAULT_NONE);
	spool_adopt(&p->file, &p->adopt);
	spool_drop(&p->file);
	assert_true(turn_until(&w.b, &w.done, 4, 10000));
	assert_int_equal(w.last, FAULT_CANCELLED);
	placed_free(p);
	p = placed_new(&w);
	assert_int_equal(spool_open(w.disk, &p->file, 0, &why), FAULT_NONE);
	spool_adopt(&p->file, &p->adopt);
	op_forget(&p->adopt.op);
	placed_free(p);
	turn_for(&w.b, 20);
	assert_int_equal(w.done, 4);
	world_close(&w);
}

/* Its memory goes at every stage of a placement; nothing is left in the spool, nothing is touched. */
static void test_caller_leaves(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	for (int turns = 0; turns < 30; turns++) {
		struct placed *p = open_with(&w, 100);

		folder_place(w.disk, &p->place, &p->file, STR("generated_images/a/image_1.png"));
		for (int i = 0; i < turns; i++) {
			uv_run(&w.b.loop.uv, UV_RUN_NOWAIT);
			nanosleep(&(struct timespec){ .tv_nsec = 30000 }, NULL);
		}
		op_forget(&p->place.op);
		placed_free(p);
		assert_int_equal(disk_spool_bytes(w.disk), 0);
	}
	turn_for(&w.b, 50);
	assert_int_equal(spool_count(&w), 0);
	world_close(&w);
}

/* Under way when the disk ends: each call ends once, at whichever step it was. */
static void test_ends_first(void **state)
{
	(void)state;
	for (int turns = 0; turns < 12; turns++) {
		struct placed *p[4];
		struct world w;
		char key[64];

		world_open(&w);
		for (unsigned i = 0; i < 3; i++) {
			p[i] = open_with(&w, 100);
			snprintf(key, sizeof(key), "generated_images/a%u/image_1.png", i);
			folder_place(w.disk, &p[i]->place, &p[i]->file, str_from(key));
		}
		p[3] = placed_new(&w);
		assert_int_equal(spool_open(w.disk, &p[3]->file, 0, &(struct str){ NULL, 0 }), FAULT_NONE);
		spool_adopt(&p[3]->file, &p[3]->adopt);
		op_cancel(&p[0]->place.op, FAULT_CANCELLED);
		turn_for(&w.b, (uint64_t)turns);
		for (unsigned i = 0; i < 4; i++)
			spool_drop(&p[i]->file);
		disk_free(&w.disk);
		turn_until(&w.b, &w.done, 4, 1000);
		assert_int_equal(w.done, 4);
		for (unsigned i = 0; i < 4; i++)
			mem_release(p[i]);
		world_close(&w);
	}
}

/* A neighbour that removes the empty folder of the job between mkdir and rename. */
static void test_folder_vanishes(void **state)
{
	struct placed *p;
	struct world w;
	char path[200];
	uint64_t size;
	int fd;

	(void)state;
	world_open(&w);
	p = open_with(&w, 100);
	folder_place(w.disk, &p->place, &p->file, STR("generated_images/a/image_1.png"));
	snprintf(path, sizeof(path), "%s/generated_images/a", w.data);
	assert_int_equal(rmdir(path), 0);
	assert_true(turn_until(&w.b, &w.done, 1, 10000));
	assert_int_equal(w.last, FAULT_NONE);
	fd = folder_open(w.disk, STR("generated_images/a/image_1.png"), &size);
	assert_true(fd >= 0);
	close(fd);
	placed_free(p);
	world_close(&w);
}

/* The spool of a killed process is emptied by the next start; that of a living neighbour is not. */
static void test_spool_of_others(void **state)
{
	struct world w;
	struct placed *p;
	struct disk *second;
	struct str why = { NULL, 0 };
	pid_t child;
	int status;

	(void)state;
	world_open(&w);
	p = open_with(&w, 100);
	child = fork();
	if (child == 0) {
		struct world other = w;

		disk_start(&other);
		open_with(&other, 5000);
		_exit(spool_count(&other) == 2 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(spool_count(&w), 2);
	second = disk_new(&w.b.loop,
	                  &(struct disk_config){ .data_dir = w.data, .spool_bytes_max = MIB, .sync = w.sync }, &why);
	assert_non_null(second);
	assert_int_equal(spool_count(&w), 1);
	write_bytes(&p->file, 100, 'y');
	folder_place(w.disk, &p->place, &p->file, STR("generated_images/a/image_1.png"));
	assert_true(turn_until(&w.b, &w.done, 1, 10000));
	assert_int_equal(w.last, FAULT_NONE);
	placed_free(p);
	disk_free(&second);
	world_close(&w);
}

static void test_cannot_start(void **state)
{
	struct bench_loop b;
	struct str why = { NULL, 0 };
	char folder[64], path[100];
	struct disk_config config = { .data_dir = path, .spool_bytes_max = MIB };
	int fd;

	(void)state;
	loop_init(&b.loop);
	folder_make(folder);
	snprintf(path, sizeof(path), "%s/missing/data", folder);
	assert_null(disk_new(&b.loop, &config, &why));
	assert_true(str_is(why, "No such file or directory"));
	snprintf(path, sizeof(path), "%s/file", folder);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_null(disk_new(&b.loop, &config, &why));
	assert_true(str_is(why, "Not a directory"));
	loop_close(&b.loop);
	folder_remove(AT_FDCWD, folder);
}

/* A file system of one megabyte that fills up. Needs the right to mount. */
static void test_full_disk(void **state)
{
	char piece[DISK_PIECE] = { 0 };
	struct world w;
	struct placed *p;
	struct str why = { NULL, 0 };
	enum fault_code code = FAULT_NONE;

	(void)state;
	world_open(&w);
	disk_free(&w.disk);
	folder_remove(AT_FDCWD, w.data);
	assert_int_equal(mkdir(w.data, 0700), 0);
	if (mount("none", w.data, "tmpfs", 0, "size=1m") < 0) {
		sync_pool_free(&w.sync);
		turn_out(&w.b);
		folder_remove(AT_FDCWD, w.folder);
		skip();
	}
	disk_start(&w);
	p = placed_new(&w);
	assert_int_equal(spool_open(w.disk, &p->file, 2 * MIB, &why), FAULT_NONE);
	for (int i = 0; i < 32 && code == FAULT_NONE; i++)
		code = spool_write(&p->file, piece, sizeof(piece), &why);
	assert_int_equal(code, FAULT_STORAGE);
	assert_true(str_is(why, "No space left on device"));
	placed_free(p);
	p = open_with(&w, 100 * 1000);
	folder_place(w.disk, &p->place, &p->file, STR("generated_images/a/image_1.png"));
	assert_true(turn_until(&w.b, &w.done, 1, 10000));
	assert_int_equal(w.last, FAULT_NONE);
	placed_free(p);
	disk_free(&w.disk);
	assert_int_equal(umount(w.data), 0);
	world_close(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_place_and_read),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_public_keys),
		cmocka_unit_test(test_no_link_is_followed),
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_caller_leaves),
		cmocka_unit_test(test_ends_first),
		cmocka_unit_test(test_folder_vanishes),
		cmocka_unit_test(test_spool_of_others),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_full_disk),
	};

	if (argc > 2 && strcmp(argv[1], "--helper") == 0)
		return sync_helper_main();
	log_configure(LOG_LEVEL_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
