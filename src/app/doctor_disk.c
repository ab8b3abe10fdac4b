/*
 * doctor_disk - the data folder, by a picture's own way into it and out again; the pixel worker, by a drawing.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/doctor_priv.h"
#include "base/uid.h"
#include "io/disk.h"
#include "io/pixels.h"
#include "io/sync.h"

enum { PLACE_MS = 25000, DRAW_MS = 15000, SIDE = 256, KEY_TEXT = 64 };
#define SPOOL_BYTES (64ull << 20)
#define FREE_WANTED (2ull << 30)
#define FREE_NEEDED (100ull << 20)

static const char trial[] = "imago doctor was here\n";

/* ---- the data folder ---- */

/* Written, flushed by a helper, renamed into place, read back, taken away. */
static bool round_trip(struct doctor *d, struct disk *disk, struct str *why)
{
	struct uid id = uid_new("dr_");
	struct str key = arena_printf(d->arena, "generated_images/%s/image_1.png", id.text);
	struct spool_file file = { .fd = -1 };
	struct folder_place place;
	char back[sizeof trial] = "";
	uint64_t size = 0;
	int fd;
	bool ok;

	if (spool_open(disk, &file, sizeof trial, why) != FAULT_NONE ||
	    spool_write(&file, trial, sizeof trial - 1, why) != FAULT_NONE)
		return false;
	folder_place_init(&place, &d->app->loop, doctor_op_done);
	folder_place(disk, &place, &file, key);
	ok = doctor_run(d, PLACE_MS) && place.op.fault.code == FAULT_NONE;
	*why = place.op.fault.cause.n ? arena_copy(d->arena, place.op.fault.cause)
	                              : STR("it could not be flushed to the disk");
	op_forget(&place.op);
	spool_drop(&file);
	if (!ok)
		return false;
	*why = STR("what was written could not be read back");
	fd = folder_open(disk, key, &size);
	ok = fd >= 0 && size == sizeof trial - 1 && read(fd, back, sizeof back) == (ssize_t)size &&
	     !memcmp(back, trial, size);
	if (fd >= 0)
		close(fd);
	if (!folder_delete(disk, key) && ok) {
		*why = STR("what was written could not be deleted");
		return false;
	}
	return ok;
}

static void try_folder(struct doctor *d)
{
	const struct config *c = d->config;
	struct sync_pool *sync = sync_pool_new(&d->app->loop, &d->app->log, 1);
	struct disk_config config = { .data_dir = c->data_dir.p, .spool_bytes_max = SPOOL_BYTES, .sync = sync };
	struct str why = { NULL, 0 };
	struct disk *disk = disk_new(&d->app->loop, &config, &why);

	if (disk && round_trip(d, disk, &why))
		doctor_say(d, VERDICT_OK, "data folder", NULL,
		           "%.*s: a file was written, flushed, read back and deleted", STRF(c->data_dir));
	else
		doctor_say(d, VERDICT_FAIL, "data folder",
		           "IMAGO_DATA_DIR must be writable for the user that runs imago", "%.*s: %.*s",
		           STRF(c->data_dir), STRF(why));
	doctor_settle(d);
	disk_free(&disk);
	sync_pool_free(&sync);
	doctor_settle(d);
}

static void free_space(struct doctor *d)
{
	struct statvfs fs;
	unsigned long long left;
	enum verdict verdict;

	if (statvfs(d->config->data_dir.p, &fs) != 0)
		return;
	left = (unsigned long long)fs.f_bavail * fs.f_frsize;
	verdict = left < FREE_NEEDED || fs.f_favail == 0 ? VERDICT_FAIL
	          : left < FREE_WANTED                   ? VERDICT_WARN
	                                                 : VERDICT_OK;
	if (fs.f_files == 0 && left >= FREE_NEEDED) /* a file system that does not count inodes */
		verdict = left < FREE_WANTED ? VERDICT_WARN : VERDICT_OK;
	doctor_say(d, verdict, "disk", verdict == VERDICT_OK ? NULL : "make room: a picture takes about 1.5 MB",
	           "%llu MiB free", left >> 20);
}

static void key_file(struct doctor *d)
{
	const struct config *c = d->config;
	struct str path = c->key_file.n ? c->key_file
	                                : arena_printf(d->arena, "%.*s/.encryption_key", STRF(c->data_dir));
	struct stat st;

	if (lstat(path.p, &st) != 0 && errno == ENOENT)
		doctor_say(d, VERDICT_OK, "key file", NULL, "%.*s is made at the first start", STRF(path));
	else if (lstat(path.p, &st) != 0 || !S_ISREG(st.st_mode) || access(path.p, R_OK) != 0)
		doctor_say(d, VERDICT_FAIL, "key file", "it must be a plain file that imago can read",
		           "%.*s cannot be read", STRF(path));
	else if (st.st_mode & 077)
		doctor_say(d, VERDICT_FAIL, "key file", "chmod 0400",
		           "%.*s can be read by others; the server refuses it", STRF(path));
	else
		doctor_say(d, VERDICT_OK, "key file", NULL, "%.*s", STRF(path));
}

void doctor_disk(struct doctor *d)
{
	struct str folder = d->config->data_dir;

	if (access(folder.p, F_OK) != 0) {
		doctor_say(d, VERDICT_WARN, "data folder", "`imago serve` makes it", "%.*s is not there yet",
		           STRF(folder));
		return;
	}
	try_folder(d);
	free_space(d);
	key_file(d);
}

/* ---- the pixel worker ---- */

static void write_order(struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_object(&w);
	jw_kv_cstr(&w, "op", "draw");
	jw_kv_cstr(&w, "prompt", "imago doctor");
	jw_kv_int(&w, "width", SIDE);
	jw_kv_int(&w, "height", SIDE);
	jw_kv_cstr(&w, "format", "png");
	jw_kv_int(&w, "seed", 1);
	jw_kv_int(&w, "number", 1);
	jw_end_object(&w);
}

static bool is_png(int fd)
{
	static const uint8_t magic[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
	uint8_t head[sizeof magic];

	return pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head && !memcmp(head, magic, sizeof magic);
}

static void try_drawing(struct doctor *d, struct pixels *pixels, int fd)
{
	uint64_t before_ns = uv_hrtime();
	struct pixels_call call;

	pixels_call_init(&call, &d->app->loop, doctor_op_done);
	call.fd = fd;
	write_order(&call.request);
	pixels_start(pixels, &call);
	if (!doctor_run(d, DRAW_MS))
		doctor_say(d, VERDICT_FAIL, "pixels", "is the machine out of memory or processes?",
		           "%.*s drew nothing within %d s", STRF(d->config->pixel_program), DRAW_MS / 1000);
	else if (call.op.fault.code != FAULT_NONE)
		doctor_say(d, VERDICT_FAIL, "pixels", "run the program by hand: it says what is missing",
		           "%.*s: %s (%.*s)", STRF(d->config->pixel_program),
		           call.detail[0] ? call.detail : fault_title(call.op.fault.code), STRF(call.op.fault.cause));
	else if (!is_png(fd))
		doctor_say(d, VERDICT_FAIL, "pixels", "build and install imago and imago-pixels together",
		           "%.*s drew something, but no PNG", STRF(d->config->pixel_program));
	else
		doctor_say(d, VERDICT_OK, "pixels", NULL, "%.*s started and drew in %llu ms",
		           STRF(d->config->pixel_program), (unsigned long long)(uv_hrtime() - before_ns) / 1000000);
	op_forget(&call.op);
	pixels_call_clear(&call);
}

void doctor_pixels(struct doctor *d)
{
	struct pixels_config config = {
		.program = d->config->pixel_program.p, .workers = 1, .queue_max = 10, .timeout_ms = DRAW_MS
	};
	struct pixels *pixels;
	int fd;

	if (access(d->config->pixel_program.p, X_OK) != 0) {
		doctor_say(d, VERDICT_FAIL, "pixels", "install it with imago, or name it in IMAGO_PIXELS",
		           d->config->pixel_program.n ? "%.*s cannot be run"
		                                      : "the program imago-pixels is not found%.*s",
		           STRF(d->config->pixel_program));
		return;
	}
	fd = memfd_create("imago-doctor", MFD_CLOEXEC);
	if (fd < 0)
		return;
	pixels = pixels_new(&d->app->loop, &d->app->log, &config);
	try_drawing(d, pixels, fd);
	pixels_free(&pixels);
	close(fd);
	doctor_settle(d);
}
