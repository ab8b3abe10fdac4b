/*
 * imago-pixels - one picture at a time, drawn in a process of its own.
 *
 *   limits -> libvips -> small pictures -> sandbox -> hello -> (order -> picture -> answer) ⟲
 *
 * The order comes over descriptor 3 together with the descriptor that the picture is written to; see
 * src/io/pixels.h for both texts. Nothing from outside is looked at before the sandbox is closed. The worker
 * ends when the server closes its side, and is killed by it when a picture takes too long.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vips/vips.h>
#include <vips/vector.h>

#include "base/helper.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/packet.h"
#include "pixels/caption.h"
#include "pixels/paint.h"
#include "pixels/request.h"
#include "pixels/sandbox.h"
#include "pixels/save.h"
#include "pixels/text.h"

enum { ANSWER_MAX = 4096, CPU_SECONDS = 30 };

static void box_write(struct json_writer *w, const char *name, const struct box *b)
{
	if (b->width == 0)
		return;
	jw_key(w, name);
	jw_array(w);
	jw_int(w, b->x);
	jw_int(w, b->y);
	jw_int(w, b->width);
	jw_int(w, b->height);
	jw_end_array(w);
}

static void answer_done(struct buf *out, const struct request *r, const struct caption *caption, uint64_t bytes)
{
	struct json_writer w = json_writer(out);

	jw_object(&w);
	jw_kv_bool(&w, "ok", true);
	jw_kv_int(&w, "width", r->width);
	jw_kv_int(&w, "height", r->height);
	jw_kv_int(&w, "bytes", (int64_t)bytes);
	jw_kv_cstr(&w, "content_type", format_mime(r->format));
	box_write(&w, "panel", &caption->panel);
	box_write(&w, "label", &caption->label);
	jw_end_object(&w);
}

static void answer_refused(struct buf *out, struct str why)
{
	struct json_writer w = json_writer(out);

	jw_object(&w);
	jw_kv_bool(&w, "ok", false);
	jw_kv_str(&w, "error", why);
	jw_end_object(&w);
}

static void draw(const struct request *r, int fd, struct buf *out)
{
	struct plan plan = plan_make(r);
	struct caption caption;
	struct canvas canvas;
	struct str why;
	uint64_t bytes;

	canvas_init(&canvas, r->width, r->height);
	paint_picture(&canvas, &plan);
	caption = paint_caption(&canvas, &plan, r->prompt);
	if (save_picture(&canvas, r->format, fd, &bytes, &why))
		answer_done(out, r, &caption, bytes);
	else
		answer_refused(out, why);
	canvas_clear(&canvas);
}

static void obey(struct str order, int fd, struct buf *out)
{
	struct request r;
	struct str why;

	if (fd < 0) {
		answer_refused(out, STR("no descriptor came along"));
		return;
	}
	if (!request_parse(order, &r, &why)) {
		answer_refused(out, why);
		return;
	}
	draw(&r, fd, out);
	request_clear(&r);
}

static int serve(void)
{
	char *order = mem_alloc(PACKET_MAX);
	struct buf answer;
	ssize_t n;
	int fd;

	buf_init(&answer, ANSWER_MAX);
	while ((n = packet_receive(HELPER_SOCKET, order, PACKET_MAX, &fd)) > 0) {
		struct str text;

		sandbox_cpu_seconds(CPU_SECONDS);
		buf_reset(&answer);
		obey((struct str){ order, (size_t)n }, fd, &answer);
		if (fd >= 0)
			close(fd);
		text = buf_view(&answer);
		if (!packet_send(HELPER_SOCKET, text.p, text.n, -1))
			return 1;
	}
	return n == 0 ? 0 : 1;
}

/* The libraries talk to standard error, which is the server's log. What matters comes back as an error. */
static GLogWriterOutput say_nothing(GLogLevelFlags level, const GLogField *fields, gsize count, gpointer user)
{
	(void)level;
	(void)fields;
	(void)count;
	(void)user;
	return G_LOG_WRITER_HANDLED;
}

static bool vips_begin(const char *name)
{
	/* Many arenas would take much address space, of which there is little. */
	mallopt(M_ARENA_MAX, 2);
	g_log_set_writer_func(say_nothing, NULL, NULL);
	if (vips_init(name) != 0)
		return false;
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	vips_block_untrusted_set(TRUE);
	/* The vector compiler wants memory that can be run, which the sandbox refuses. */
	vips_vector_set_enabled(FALSE);
	return true;
}

/* One small picture in every format: whatever the libraries read when they are first used, they read now. */
static bool warm_up(void)
{
	static const char *const orders[] = {
		"{\"op\":\"draw\",\"width\":64,\"height\":64,\"prompt\":\"a\",\"format\":\"png\"}",
		"{\"op\":\"draw\",\"width\":64,\"height\":64,\"prompt\":\"a\",\"format\":\"jpeg\"}",
		"{\"op\":\"draw\",\"width\":64,\"height\":64,\"prompt\":\"a\",\"format\":\"webp\"}",
	};
	int fd = memfd_create("warm-up", MFD_CLOEXEC);
	struct buf answer;
	bool fine = fd >= 0;

	text_warm_up();
	buf_init(&answer, ANSWER_MAX);
	for (unsigned i = 0; fine && i < COUNT_OF(orders); i++) {
		buf_reset(&answer);
		obey(str_from(orders[i]), fd, &answer);
		fine = str_starts(buf_view(&answer), STR("{\"ok\":true"));
	}
	buf_clear(&answer);
	if (fd >= 0)
		close(fd);
	return fine;
}

/* Here as in main, exit handlers of the libraries would join threads and open files: nothing is left to save. */
static noreturn void fail(const char *what)
{
	fprintf(stderr, "imago-pixels: %s\n", what);
	_exit(1);
}

int main(int argc, char **argv)
{
	static const char hello[] = "{\"ready\":true}";
	bool closed = SANDBOX_POSSIBLE;

	if (argc > 1 && strcmp(argv[1], "--no-seccomp") == 0)
		closed = false;
	else if (argc > 1)
		fail("takes no argument but --no-seccomp; the server starts it");
	helper_settle_in("imago-pixels");
	if (!sandbox_limits())
		fail("the limits cannot be set");
	if (!vips_begin(argv[0]))
		fail("libvips does not start");
	if (!warm_up())
		fail("no picture can be drawn");
	if (closed && !sandbox_enter())
		fail("the sandbox cannot be closed");
	if (!packet_send(HELPER_SOCKET, hello, sizeof(hello) - 1, -1))
		fail("descriptor 3 is not the server's socket");
	_exit(serve());
}
