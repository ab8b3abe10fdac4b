/*
 * pixels: the real imago-pixels through the pool. What it draws is checked by image_probe; what
 * happens when a worker is killed, hangs or is missing is checked on the pool.
 */
#include "helpers.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "io/image_probe.h"
#include "io/pixels.h"

#include <sys/mman.h>

enum { MANY = 200 };

struct world {
	struct bench_loop b;
	struct log log;
	struct pixels *pool;
	unsigned done;
};

struct drawing {
	struct pixels_call call;
	struct world *world;
	int fd;
	enum fault_code code;
	char detail[PIXELS_DETAIL_MAX + 1];
	bool done;
};

struct order {
	const char *prompt;
	int width, height;
	const char *format;
	int64_t seed, number;
};

/* build/tests/unit/test_io_pixels -> build/src/pixels/imago-pixels */
static const char *worker_program(void)
{
	static char path[600];
	ssize_t n = readlink("/proc/self/exe", path, 400);

	assert_true(n > 0);
	path[n] = 0;
	for (int up = 0; up < 3; up++)
		*strrchr(path, '/') = 0;
	memcpy(path + strlen(path), "/src/pixels/imago-pixels", 25);
	if (getenv("IMAGO_PIXELS"))
		return getenv("IMAGO_PIXELS");
	return path;
}

static void world_open_with(struct world *w, const char *program, unsigned workers, unsigned queue, unsigned timeout_ms)
{
	*w = (struct world){ .done = 0 };
	loop_init(&w->b.loop);
	w->pool = pixels_new(
		&w->b.loop, &w->log,
		&(struct pixels_config){
			.program = program, .workers = workers, .queue_max = queue, .timeout_ms = timeout_ms });
}

static void wait_ready(struct world *w, unsigned workers)
{
	uint64_t end = clock_ms() + 30000;

	while (pixels_ready(w->pool) < workers && clock_ms() < end)
		turn_for(&w->b, 5);
	assert_int_equal(pixels_ready(w->pool), workers);
}

static void world_open(struct world *w, unsigned workers)
{
	world_open_with(w, worker_program(), workers, 1000, 60000);
	wait_ready(w, workers);
}

static void world_close(struct world *w)
{
	pixels_free(&w->pool);
	assert_null(w->pool);
	turn_out(&w->b);
}

static void on_drawn(struct op *op)
{
	struct pixels_call *call = CONTAINER_OF(op, struct pixels_call, op);
	struct drawing *d = CONTAINER_OF(call, struct drawing, call);

	d->code = op->fault.code;
	snprintf(d->detail, sizeof(d->detail), "%.*s", STRF(op->fault.detail));
	d->done = true;
	d->world->done++;
}

static void request_write(struct buf *out, const struct order *o)
{
	struct json_writer w = json_writer(out);

	jw_object(&w);
	jw_kv_cstr(&w, "op", "draw");
	jw_kv_cstr(&w, "prompt", o->prompt);
	jw_kv_cstr(&w, "negative_prompt", "");
	jw_kv_cstr(&w, "style", "");
	jw_kv_int(&w, "width", o->width);
	jw_kv_int(&w, "height", o->height);
	jw_kv_cstr(&w, "format", o->format);
	jw_kv_int(&w, "seed", o->seed);
	jw_kv_int(&w, "number", o->number);
	jw_end_object(&w);
}

static struct drawing *drawing_new(struct world *w)
{
	struct drawing *d = mem_new(struct drawing);

	d->world = w;
	d->fd = memfd_create("picture", MFD_CLOEXEC);
	assert_true(d->fd >= 0);
	pixels_call_init(&d->call, &w->b.loop, on_drawn);
	d->call.fd = d->fd;
	return d;
}

static struct drawing *draw_text(struct world *w, const char *request)
{
	struct drawing *d = drawing_new(w);

	buf_cstr(&d->call.request, request);
	pixels_start(w->pool, &d->call);
	return d;
}

static struct drawing *draw(struct world *w, struct order o)
{
	struct drawing *d = drawing_new(w);

	request_write(&d->call.request, &o);
	pixels_start(w->pool, &d->call);
	return d;
}

static void drawing_free(struct drawing *d)
{
	pixels_call_clear(&d->call);
	close(d->fd);
	mem_release(d);
}

static void wait_done(struct world *w, unsigned want)
{
	assert_true(turn_until(&w->b, &w->done, want, 120000));
}

static uint64_t fd_size(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_size;
}

/* One whole picture of that type and size, and the answer says the same. */
static void check_picture(struct drawing *d, const struct order *o, enum image_type type)
{
	uint64_t size = fd_size(d->fd);
	struct image_probe p;
	struct json_error error;
	struct json *answer = json_parse(buf_view(&d->call.answer), &error);

	if (d->code != FAULT_NONE)
		print_error("%s %dx%d: fault %d %s\n", o->format, o->width, o->height, (int)d->code, d->detail);
	assert_int_equal(d->code, FAULT_NONE);
	image_probe_init(&p);
	while (image_probe_read(&p, d->fd, size))
		;
	assert_int_equal(p.verdict, IMAGE_WHOLE);
	assert_int_equal(p.type, type);
	assert_int_equal(p.width, o->width);
	assert_int_equal(p.height, o->height);
	assert_int_equal(p.trailing, 0);
	assert_non_null(answer);
	assert_true(json_bool(json_get(answer, "ok"), false));
	assert_int_equal(json_int(json_get(answer, "width"), 0), o->width);
	assert_int_equal(json_int(json_get(answer, "height"), 0), o->height);
	assert_int_equal(json_int(json_get(answer, "bytes"), 0), size);
	assert_true(str_is(json_str(json_get(answer, "content_type")), image_type_mime(type)));
	json_free(&answer);
}

static void hash_of(int fd, uint8_t digest[SHA256_BYTES])
{
	uint64_t size = fd_size(fd);
	void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

	assert_true(p != MAP_FAILED);
	sha256_of((struct str){ p, size }, digest);
	munmap(p, size);
}

/* ---- pictures ---- */

static void test_sizes_and_formats(void **state)
{
	static const struct {
		const char *name;
		enum image_type type;
	} formats[] = { { "png", IMAGE_PNG }, { "jpeg", IMAGE_JPEG }, { "webp", IMAGE_WEBP } };
	static const int sizes[][2] = { { 64, 64 },   { 1024, 1024 }, { 1344, 768 }, { 511, 769 },
		                        { 64, 4096 }, { 4096, 64 },   { 65, 67 } };
	struct world w;

	(void)state;
	world_open(&w, 1);
	for (unsigned f = 0; f < COUNT_OF(formats); f++) {
		for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
			struct order o = { "Озеро в горах, закат", sizes[i][0], sizes[i][1],
				           formats[f].name,        (int64_t)i,  1 };
			struct drawing *d = draw(&w, o);

			wait_done(&w, w.done + 1);
			check_picture(d, &o, formats[f].type);
			drawing_free(d);
		}
	}
	world_close(&w);
}

/* 16 Mpx, the largest there is; in every scene, because each allocates differently. */
static void test_largest(void **state)
{
	static const char *const scenes[] = { "mountains", "abstract", "space" };
	struct world w;

	(void)state;
	world_open(&w, 2);
	for (unsigned i = 0; i < COUNT_OF(scenes); i++) {
		struct order o = { scenes[i], 4096, 4096, i ? "jpeg" : "png", 1, 1 };
		struct drawing *d = draw(&w, o);

		wait_done(&w, i + 1);
		check_picture(d, &o, i ? IMAGE_JPEG : IMAGE_PNG);
		drawing_free(d);
	}
	world_close(&w);
}

/* Ten seeds, ten pictures; the same seed, the same bytes, also from another worker; numbers differ too. */
static void test_seeds(void **state)
{
	uint8_t digests[12][SHA256_BYTES];
	struct drawing *d[12];
	struct world w;

	(void)state;
	world_open(&w, 2);
	for (unsigned i = 0; i < 12; i++) {
		struct order o = { "a quiet lake", 320, 320, "png", i < 10 ? (int64_t)i : 3, i == 11 ? 2 : 1 };

		d[i] = draw(&w, o);
	}
	wait_done(&w, 12);
	for (unsigned i = 0; i < 12; i++) {
		assert_int_equal(d[i]->code, FAULT_NONE);
		hash_of(d[i]->fd, digests[i]);
		drawing_free(d[i]);
	}
	for (unsigned i = 0; i < 12; i++)
		for (unsigned j = i + 1; j < 12; j++)
			if (i == 3 && j == 10)
				assert_memory_equal(digests[i], digests[j], SHA256_BYTES);
			else
				assert_memory_not_equal(digests[i], digests[j], SHA256_BYTES);
	world_close(&w);
}

/* A file that held something longer before holds the picture and nothing else. */
static void test_old_content_is_cut_off(void **state)
{
	struct order o = { "x", 64, 64, "jpeg", 1, 1 };
	struct drawing *d;
	struct world w;

	(void)state;
	world_open(&w, 1);
	d = drawing_new(&w);
	assert_int_equal(ftruncate(d->fd, 1000000), 0);
	assert_int_equal(lseek(d->fd, 500, SEEK_SET), 500);
	request_write(&d->call.request, &o);
	pixels_start(w.pool, &d->call);
	wait_done(&w, 1);
	check_picture(d, &o, IMAGE_JPEG);
	drawing_free(d);
	world_close(&w);
}

static void test_any_prompt(void **state)
{
	static const char *const prompts[] = {
		"",
		" \t\n ",
		"<b>bold</b> & <i",
		"&lt;&#x0;&",
		"<span foreground='red'>",
		"%s%n%d",
		"\xe2\x80\xaegnp.exe",
		"\x01\x02\x7f\xc2\x85",
		"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80\xf0\x9f\x8e\x89",
		"مرحبا بالعالم שלום",
		"日本語の風景",
		"हिन्दी ไทย 한국어",
		"\xf4\x8f\xbf\xbf\xef\xbf\xbe\xef\xbb\xbf",
		"Z̴̧̢̛͔̳̮̤̩̦̝͖̗͇̬̯͉̙̟̠̼͙̾̈́̓̍̀͑͒́͗͌͐̒̑͊̿̈́̚͝͠ a̷",
		"Кот в саду у замка",
		"onewordwithoutanyblankthatismuchlongerthanthepanelcouldeverbeandstillhastofitonewordwithout",
	};
	struct world w;

	(void)state;
	world_open(&w, 1);
	for (unsigned i = 0; i < COUNT_OF(prompts); i++) {
		for (int size = 64; size <= 512; size += 448) {
			struct order o = { prompts[i], size, size, "png", 1, 1 };
			struct drawing *d = draw(&w, o);

			wait_done(&w, w.done + 1);
			check_picture(d, &o, IMAGE_PNG);
			drawing_free(d);
		}
	}
	assert_int_equal(metric_get(METRIC_ID_helper_restarts_total, "pixels", NULL), 0);
	world_close(&w);
}

static void test_long_prompts(void **state)
{
	static const char *const units[] = { "word ", "ж", "\xf0\x9f\x8e\x89", "W", "i ", "שלום " };
	struct world w;
	struct buf text;

	(void)state;
	world_open(&w, 1);
	buf_init(&text, 64 * 1024);
	for (unsigned i = 0; i < COUNT_OF(units); i++) {
		struct order o = { NULL, 640, 360, "png", 1, 1 };
		struct drawing *d;

		buf_reset(&text);
		for (size_t points = 0; points < 4000; points += str_code_points(str_from(units[i])))
			buf_cstr(&text, units[i]);
		buf_byte(&text, '\0');
		o.prompt = buf_view(&text).p;
		d = draw(&w, o);
		wait_done(&w, i + 1);
		check_picture(d, &o, IMAGE_PNG);
		drawing_free(d);
	}
	buf_clear(&text);
	world_close(&w);
}

/* ---- what is refused ---- */

static void test_refused(void **state)
{
	static const struct {
		const char *request, *detail;
	} rows[] = {
		{ "{", "the request is not JSON" },
		{ "[]", "only the operation draw is known" },
		{ "{\"op\":\"erase\"}", "only the operation draw is known" },
		{ "{\"op\":\"draw\",\"width\":63,\"height\":64,\"format\":\"png\"}", "a side has 64 to 4096 pixels" },
		{ "{\"op\":\"draw\",\"width\":4097,\"height\":64,\"format\":\"png\"}", "a side has 64 to 4096 pixels" },
		{ "{\"op\":\"draw\",\"width\":-1,\"height\":64,\"format\":\"png\"}", "a side has 64 to 4096 pixels" },
		{ "{\"op\":\"draw\",\"width\":\"64\",\"height\":64,\"format\":\"png\"}",
		  "a side has 64 to 4096 pixels" },
		{ "{\"op\":\"draw\",\"width\":64,\"height\":64,\"format\":\"gif\"}",
		  "the format is one of png, jpeg, webp" },
		{ "{\"op\":\"draw\",\"width\":64,\"height\":64}", "the format is one of png, jpeg, webp" },
	};
	struct world w;
	struct drawing *d;

	(void)state;
	world_open(&w, 1);
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		d = draw_text(&w, rows[i].request);
		wait_done(&w, i + 1);
		assert_int_equal(d->code, FAULT_BAD_PICTURE);
		assert_string_equal(d->detail, rows[i].detail);
		drawing_free(d);
	}
	/* A descriptor that cannot be written to, and none at all. */
	d = drawing_new(&w);
	d->call.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	buf_cstr(&d->call.request, "{\"op\":\"draw\",\"width\":64,\"height\":64,\"format\":\"png\"}");
	pixels_start(w.pool, &d->call);
	wait_done(&w, w.done + 1);
	assert_int_equal(d->code, FAULT_BAD_PICTURE);
	close(d->call.fd);
	d->call.fd = -1;
	pixels_start(w.pool, &d->call);
	wait_done(&w, w.done + 1);
	assert_int_equal(d->code, FAULT_BAD_PICTURE);
	assert_string_equal(d->detail, "no descriptor came along");
	drawing_free(d);
	/* More than a message holds never reaches the worker. */
	d = drawing_new(&w);
	for (int i = 0; i <= PIXELS_REQUEST_MAX; i++)
		buf_byte(&d->call.request, ' ');
	pixels_start(w.pool, &d->call);
	wait_done(&w, w.done + 1);
	assert_int_equal(d->code, FAULT_TOO_LARGE);
	drawing_free(d);
	world_close(&w);
}

/* ---- the pool ---- */

static void test_many(void **state)
{
	struct drawing *d[MANY];
	struct world w;
	unsigned fds;

	(void)state;
	world_open(&w, 2);
	world_close(&w);
	fds = fds_here();
	world_open(&w, 2);
	for (unsigned i = 0; i < MANY; i++)
		d[i] = draw(&w, (struct order){ "сад", 128, 96, i % 3 ? "webp" : "png", (int64_t)i, 1 });
	assert_int_equal(w.done, 0);
	wait_done(&w, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(d[i]->code, FAULT_NONE);
		drawing_free(d[i]);
	}
	/* libvips has threads, in processes of its own. */
	assert_int_equal(threads_here(), 1);
	world_close(&w);
	assert_int_equal(fds_here(), fds);
}

static void test_worker_killed(void **state)
{
	int64_t before = metric_get(METRIC_ID_helper_restarts_total, "pixels", NULL);
	struct drawing *d[3];
	struct world w;
	int pid;

	(void)state;
	world_open(&w, 1);
	pid = pixels_worker_pid(w.pool, 0);
	kill(pid, SIGSTOP);
	for (unsigned i = 0; i < 3; i++)
		d[i] = draw(&w, (struct order){ "sea", 128, 128, "png", (int64_t)i, 1 });
	turn_for(&w.b, 20);
	assert_int_equal(w.done, 0);
	kill(pid, SIGKILL);
	wait_done(&w, 3);
	assert_int_equal(d[0]->code, FAULT_CLOSED);
	assert_int_equal(d[1]->code, FAULT_NONE);
	assert_int_equal(d[2]->code, FAULT_NONE);
	assert_int_not_equal(pixels_worker_pid(w.pool, 0), pid);
	assert_int_equal(metric_get(METRIC_ID_helper_restarts_total, "pixels", NULL), before + 1);
	for (unsigned i = 0; i < 3; i++)
		drawing_free(d[i]);
	world_close(&w);
}

static void test_worker_too_slow(void **state)
{
	struct drawing *d[2];
	struct world w;
	int pid;

	(void)state;
	world_open_with(&w, worker_program(), 1, 1000, 5000);
	wait_ready(&w, 1);
	pid = pixels_worker_pid(w.pool, 0);
	kill(pid, SIGSTOP);
	for (unsigned i = 0; i < 2; i++)
		d[i] = draw(&w, (struct order){ "sea", 128, 128, "png", (int64_t)i, 1 });
	wait_done(&w, 2);
	assert_int_equal(d[0]->code, FAULT_TIMEOUT);
	assert_int_equal(d[1]->code, FAULT_NONE);
	assert_true(dies_within(pid, 2000));
	for (unsigned i = 0; i < 2; i++)
		drawing_free(d[i]);
	world_close(&w);
}

static void test_queue_full(void **state)
{
	struct drawing *d[8];
	struct world w;

	(void)state;
	world_open_with(&w, worker_program(), 1, 3, 60000);
	wait_ready(&w, 1);
	kill(pixels_worker_pid(w.pool, 0), SIGSTOP);
	for (unsigned i = 0; i < 5; i++)
		d[i] = draw(&w, (struct order){ "x", 64, 64, "png", (int64_t)i, 1 });
	wait_done(&w, 1);
	assert_true(d[4]->done);
	assert_int_equal(d[4]->code, FAULT_BUSY);
	/* Whoever gives up makes room. */
	op_cancel(&d[2]->call.op, FAULT_CANCELLED);
	op_forget(&d[3]->call.op);
	for (unsigned i = 5; i < 8; i++)
		d[i] = draw(&w, (struct order){ "x", 64, 64, "png", (int64_t)i, 1 });
	wait_done(&w, 3);
	assert_int_equal(d[2]->code, FAULT_CANCELLED);
	assert_int_equal(d[7]->code, FAULT_BUSY);
	kill(pixels_worker_pid(w.pool, 0), SIGCONT);
	wait_done(&w, 7);
	assert_int_equal(d[0]->code, FAULT_NONE);
	assert_int_equal(d[1]->code, FAULT_NONE);
	assert_int_equal(d[5]->code, FAULT_NONE);
	assert_int_equal(d[6]->code, FAULT_NONE);
	for (unsigned i = 0; i < 8; i++)
		drawing_free(d[i]);
	world_close(&w);
}

static void test_caller_leaves(void **state)
{
	struct drawing *d[20];
	struct world w;

	(void)state;
	world_open(&w, 2);
	for (unsigned i = 0; i < COUNT_OF(d); i++)
		d[i] = draw(&w, (struct order){ "x", 256, 256, "png", (int64_t)i, 1 });
	turn_for(&w.b, 3);
	for (unsigned i = 0; i < COUNT_OF(d); i += 2) {
		op_forget(&d[i]->call.op);
		if (d[i]->done)
			w.done--;
		drawing_free(d[i]);
	}
	wait_done(&w, COUNT_OF(d) / 2);
	for (unsigned i = 1; i < COUNT_OF(d); i += 2) {
		assert_int_equal(d[i]->code, FAULT_NONE);
		drawing_free(d[i]);
	}
	world_close(&w);
}

static void test_pool_ends_first(void **state)
{
	struct drawing *d[4];
	struct world w;
	int pids[2];

	(void)state;
	world_open(&w, 2);
	for (unsigned i = 0; i < 2; i++)
		pids[i] = pixels_worker_pid(w.pool, i);
	for (unsigned i = 0; i < 4; i++)
		d[i] = draw(&w, (struct order){ "x", 2048, 2048, "png", (int64_t)i, 1 });
	turn_for(&w.b, 5);
	world_close(&w);
	assert_int_equal(w.done, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(d[i]->code, FAULT_CLOSED);
		drawing_free(d[i]);
	}
	assert_true(dies_within(pids[0], 1000));
	assert_true(dies_within(pids[1], 1000));
}

/* Nobody waits for workers that cannot start; calls are refused until one does. */
static void test_no_worker(void **state)
{
	struct drawing *d;
	struct world w;

	(void)state;
	world_open_with(&w, "/nonexistent/imago-pixels", 2, 10, 10000);
	d = draw(&w, (struct order){ "x", 64, 64, "png", 1, 1 });
	wait_done(&w, 1);
	assert_int_equal(d->code, FAULT_BUSY);
	drawing_free(d);
	d = draw(&w, (struct order){ "x", 64, 64, "png", 1, 1 });
	assert_int_equal(w.done, 1);
	wait_done(&w, 2);
	assert_int_equal(d->code, FAULT_BUSY);
	drawing_free(d);
	assert_int_equal(pixels_ready(w.pool), 0);
	world_close(&w);
}

static bool status_has(int pid, const char *line)
{
	char path[64], text[8192];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	close(fd);
	return n > 0 && str_find((struct str){ text, (size_t)n }, str_from(line)) != SIZE_MAX;
}

/* The kernel's own account of what the worker gave up. */
static void test_sandbox(void **state)
{
	struct world w;
	int pid;

	(void)state;
	world_open(&w, 1);
	pid = pixels_worker_pid(w.pool, 0);
	assert_true(status_has(pid, "NoNewPrivs:\t1"));
#if !defined(__SANITIZE_ADDRESS__)
	assert_true(status_has(pid, "Seccomp:\t2"));
#endif
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_and_formats),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_old_content_is_cut_off),
		cmocka_unit_test(test_any_prompt),
		cmocka_unit_test(test_long_prompts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_worker_killed),
		cmocka_unit_test(test_worker_too_slow),
		cmocka_unit_test(test_queue_full),
		cmocka_unit_test(test_caller_leaves),
		cmocka_unit_test(test_pool_ends_first),
		cmocka_unit_test(test_no_worker),
		cmocka_unit_test(test_sandbox),
	};

	log_configure(LOG_LEVEL_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
