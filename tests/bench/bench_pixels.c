/*
 * bench_pixels WORKER [draws [side [png|jpeg|webp]]]
 *
 * How long a demo picture takes, from pixels_start to its completion, one at a time: 100 draws of different
 * prompts at 1024 x 1024 in PNG where nothing else is said. Prints p50, p95 and the worst.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/pixels.h"

static const char *const prompts[] = {
	"",
	"mountains",
	"the sea at sunset",
	"forest in the mist",
	"a city at night",
	"desert",
	"space",
	"a garden",
	"castle",
	"a cat",
	"azulejo",
	"vitrail",
	"abstract",
	"узор",
	"snow in the mountains",
	"rain over the city",
};

struct bench {
	struct loop loop;
	struct log log;
	struct pixels *pixels;
	struct pixels_call call;
	struct timer start;
	unsigned draws, done, failed;
	int side;
	const char *format;
	double *ms;
	double began;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void draw_next(struct bench *b)
{
	struct json_writer w;

	buf_reset(&b->call.request);
	w = json_writer(&b->call.request);
	jw_object(&w);
	jw_kv_cstr(&w, "op", "draw");
	jw_kv_cstr(&w, "prompt", prompts[b->done % COUNT_OF(prompts)]);
	jw_kv_int(&w, "width", b->side);
	jw_kv_int(&w, "height", b->side);
	jw_kv_cstr(&w, "format", b->format);
	jw_kv_int(&w, "seed", (int64_t)b->done);
	jw_kv_int(&w, "number", 1);
	jw_end_object(&w);
	b->began = now_ms();
	pixels_start(b->pixels, &b->call);
}

static void on_drawn(struct op *op)
{
	struct pixels_call *call = CONTAINER_OF(op, struct pixels_call, op);
	struct bench *b = CONTAINER_OF(call, struct bench, call);

	b->ms[b->done++] = now_ms() - b->began;
	b->failed += op->fault.code != FAULT_NONE;
	if (b->done < b->draws)
		draw_next(b);
	else
		loop_break(&b->loop);
}

/* The first picture must not wait for the worker to start. */
static void on_start(struct timer *t)
{
	struct bench *b = CONTAINER_OF(t, struct bench, start);

	if (pixels_ready(b->pixels))
		draw_next(b);
	else
		timer_start(&b->loop, t, 10, on_start);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(struct bench *b)
{
	qsort(b->ms, b->draws, sizeof(*b->ms), by_size);
	printf("%u draws of %dx%d %s: p50 %.0f ms, p95 %.0f ms, worst %.0f ms, failed %u\n", b->draws, b->side, b->side,
	       b->format, b->ms[b->draws / 2], b->ms[b->draws * 95 / 100], b->ms[b->draws - 1], b->failed);
}

int main(int argc, char **argv)
{
	struct bench b = { .draws = 100, .side = 1024, .format = "png" };
	unsigned failed;

	if (argc < 2) {
		fprintf(stderr, "usage: %s WORKER [draws [side [png|jpeg|webp]]]\n", argv[0]);
		return 2;
	}
	if (argc > 2)
		b.draws = (unsigned)strtoul(argv[2], NULL, 10);
	if (argc > 3)
		b.side = (int)strtol(argv[3], NULL, 10);
	if (argc > 4)
		b.format = argv[4];
	if (b.draws == 0)
		return 2;
	log_configure(LOG_LEVEL_WARN, false);
	loop_init(&b.loop);
	b.ms = mem_alloc(b.draws * sizeof(*b.ms));
	b.pixels = pixels_new(
		&b.loop, &b.log,
		&(struct pixels_config){ .program = argv[1], .workers = 1, .queue_max = 1, .timeout_ms = 60000 });
	pixels_call_init(&b.call, &b.loop, on_drawn);
	b.call.fd = memfd_create("picture", MFD_CLOEXEC);
	timer_start(&b.loop, &b.start, 1, on_start);
	loop_run(&b.loop);
	report(&b);
	failed = b.failed;
	pixels_call_clear(&b.call);
	close(b.call.fd);
	pixels_free(&b.pixels);
	loop_run(&b.loop);
	loop_close(&b.loop);
	mem_release(b.ms);
	return failed ? 1 : 0;
}
