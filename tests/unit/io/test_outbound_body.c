/*
 * outbound: request bodies made of segments. They arrive to the byte, once, with the length said before, and
 * in memory that does not grow with the files.
 */
#include <fcntl.h>

#include "outbound_world.h"

/* A sanitizer keeps freed memory: nothing can be said about sizes then. */
#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = true };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif
#else
enum { SANITIZED = false };
#endif

static const uint64_t sizes[] = { 0, 1, 2, 3, 4, 65535, 65536, 65537, 5 << 20 };

static uint8_t byte_at(uint64_t i)
{
	return (uint8_t)(i * 7 + i / 251 + 3);
}

/* A file without a name. */
static int make_file(uint64_t bytes)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	uint8_t piece[4096];

	assert_true(fd >= 0);
	for (uint64_t at = 0; at < bytes;) {
		size_t n = bytes - at < sizeof(piece) ? (size_t)(bytes - at) : sizeof(piece);

		for (size_t i = 0; i < n; i++)
			piece[i] = byte_at(at + i);
		assert_int_equal(write(fd, piece, n), n);
		at += n;
	}
	return fd;
}

/* What ought to arrive, as the peer's /echo counts it. */
struct expected {
	uint64_t length;
	uint32_t sum;
};

static void expect_byte(struct expected *e, uint8_t byte)
{
	e->sum = e->sum * 31 + byte;
	e->length++;
}

static void expect_text(struct expected *e, const char *text)
{
	for (; *text; text++)
		expect_byte(e, (uint8_t)*text);
}

static void expect_raw(struct expected *e, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i++)
		expect_byte(e, byte_at(i));
}

static void expect_base64(struct expected *e, uint64_t bytes)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (uint64_t i = 0; i < bytes; i += 3) {
		unsigned n = bytes - i < 3 ? (unsigned)(bytes - i) : 3;
		uint32_t bits = 0;

		for (unsigned k = 0; k < 3; k++)
			bits = bits << 8 | (k < n ? byte_at(i + k) : 0);
		for (unsigned k = 0; k < 4; k++)
			expect_byte(e, k <= n ? (uint8_t)alphabet[bits >> (18 - 6 * k) & 63] : '=');
	}
}

static void expect_echo(struct test_call *t, const struct expected *e)
{
	char seen[64];

	snprintf(seen, sizeof(seen), "POST %llu %u - -", (unsigned long long)e->length, e->sum);
	expect_body(t, 200, seen);
}

static void give_file(struct test_call *t, const struct outbound_file *files, unsigned count)
{
	t->call.files = files;
	t->call.file_count = count;
}

static void one_file_of_each_size(bool as_base64)
{
	struct world *w = world_new((struct world_options){ 0 });

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct outbound_file file = { make_file(sizes[i]), sizes[i] };
		struct expected e = { 0 };
		struct test_call t;

		call_init(w, &t, "POST", "/echo");
		give_file(&t, &file, 1);
		imago_call_input(&t.call.request, 0, as_base64);
		(as_base64 ? expect_base64 : expect_raw)(&e, sizes[i]);
		call_run(&t);
		expect_echo(&t, &e);
		outbound_call_clear(&t.call);
		close(file.fd);
	}
	assert_int_equal(w->peer.requests, COUNT_OF(sizes));
	world_free(w);
}

static void a_file_as_it_is(void **state)
{
	(void)state;
	one_file_of_each_size(false);
}

static void a_file_as_base64(void **state)
{
	(void)state;
	one_file_of_each_size(true);
}

/* Text, file, base64, text in every order of sizes: the pieces meet at every offset of curl's buffer. */
static void mixed_segments(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });

	(void)state;
	for (size_t a = 0; a < COUNT_OF(sizes); a++) {
		for (size_t b = 0; b < COUNT_OF(sizes); b++) {
			struct outbound_file files[] = { { make_file(sizes[a]), sizes[a] },
				                         { make_file(sizes[b]), sizes[b] } };
			struct imago_call *r;
			struct expected e = { 0 };
			struct test_call t;

			call_init(w, &t, "POST", "/echo");
			r = &t.call.request;
			give_file(&t, files, 2);
			imago_call_text(r, STR("{\"image\":\""));
			imago_call_input(r, 1, true);
			imago_call_text(r, STR(""));
			imago_call_input(r, 0, true);
			imago_call_text(r, STR("\r\n--b\r\n"));
			imago_call_input(r, 0, false);
			imago_call_input(r, 1, false);
			imago_call_text(r, STR("."));
			expect_text(&e, "{\"image\":\"");
			expect_base64(&e, sizes[b]);
			expect_base64(&e, sizes[a]);
			expect_text(&e, "\r\n--b\r\n");
			expect_raw(&e, sizes[a]);
			expect_raw(&e, sizes[b]);
			expect_text(&e, ".");
			call_run(&t);
			expect_echo(&t, &e);
			outbound_call_clear(&t.call);
			close(files[0].fd);
			close(files[1].fd);
		}
	}
	world_free(w);
}

/* Two calls at once from one descriptor, whose own place is elsewhere and stays there. */
static void a_shared_descriptor_is_not_moved(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct outbound_file file = { make_file(300000), 300000 };
	struct expected e = { 0 };
	struct test_call t[2];

	(void)state;
	expect_raw(&e, file.bytes);
	assert_int_equal(lseek(file.fd, 17, SEEK_SET), 17);
	for (unsigned i = 0; i < 2; i++) {
		call_init(w, &t[i], "POST", "/echo");
		give_file(&t[i], &file, 1);
		imago_call_input(&t[i].call.request, 0, false);
		call_start(&t[i]);
	}
	for (unsigned i = 0; i < 2; i++) {
		call_wait(&t[i]);
		expect_echo(&t[i], &e);
		outbound_call_clear(&t[i].call);
	}
	assert_int_equal(lseek(file.fd, 0, SEEK_CUR), 17);
	close(file.fd);
	world_free(w);
}

/* Only what was said is sent, whatever was added to the file since. */
static void a_file_that_grew(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct outbound_file file = { make_file(5000), 1000 };
	struct expected e = { 0 };
	struct test_call t;

	(void)state;
	call_init(w, &t, "POST", "/echo");
	give_file(&t, &file, 1);
	imago_call_input(&t.call.request, 0, false);
	imago_call_input(&t.call.request, 0, true);
	expect_raw(&e, 1000);
	expect_base64(&e, 1000);
	call_run(&t);
	expect_echo(&t, &e);
	outbound_call_clear(&t.call);
	close(file.fd);
	world_free(w);
}

static void expect_storage(struct world *w, struct outbound_file file, bool as_base64)
{
	struct test_call t;

	call_init(w, &t, "POST", "/echo");
	give_file(&t, &file, 1);
	imago_call_input(&t.call.request, 0, as_base64);
	imago_call_text(&t.call.request, STR("tail"));
	assert_int_equal(call_run(&t), FAULT_STORAGE);
	outbound_call_clear(&t.call);
}

static void a_file_that_is_short(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	int fd = make_file(200000), closed = make_file(1);
	struct test_call t;

	(void)state;
	close(closed);
	for (unsigned as_base64 = 0; as_base64 < 2; as_base64++) {
		expect_storage(w, (struct outbound_file){ fd, 200001 }, as_base64);
		expect_storage(w, (struct outbound_file){ fd, 1 << 30 }, as_base64);
		expect_storage(w, (struct outbound_file){ closed, 1 }, as_base64);
	}
	assert_int_equal(w->peer.requests, 0); /* none came whole */
	/* and the next call is none the worse */
	call_init(w, &t, "GET", "/hello");
	call_run(&t);
	expect_body(&t, 200, "hello");
	outbound_call_clear(&t.call);
	close(fd);
	world_free(w);
}

/* The connection from before dies: what has left is not sent a second time by curl. */
static void a_body_of_segments_leaves_once(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct outbound_file file = { make_file(100000), 100000 };
	struct test_call t;

	(void)state;
	call_init(w, &t, "POST", "/die");
	give_file(&t, &file, 1);
	imago_call_input(&t.call.request, 0, true);
	call_run(&t);
	expect_body(&t, 200, "alive");
	call_run(&t);
	expect_fault(&t, FAULT_CLOSED, true);
	assert_int_equal(w->peer.heads, 2);
	assert_int_equal(w->peer.requests, 2);
	outbound_call_clear(&t.call);
	close(file.fd);
	world_free(w);
}

/* ---- memory ---- */

/* Takes what comes and forgets it; answers when `expected` bytes have been there. */
struct sink {
	uv_tcp_t listener, tcp;
	unsigned port;
	uint64_t expected, taken;
	bool head_seen;
	size_t resident_most;
	char piece[64 * 1024];
	uv_write_t write;
};

static size_t resident_kib(void)
{
	unsigned long pages = 0, ignored = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &ignored, &pages), 2);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void sink_alloc(uv_handle_t *h, size_t size, uv_buf_t *b)
{
	struct sink *s = CONTAINER_OF((uv_tcp_t *)h, struct sink, tcp);

	(void)size;
	*b = uv_buf_init(s->piece, sizeof(s->piece));
}

static void sink_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
	struct sink *s = CONTAINER_OF((uv_tcp_t *)stream, struct sink, tcp);
	struct str in = { b->base, n > 0 ? (size_t)n : 0 };
	static char answer[] = "HTTP/1.1 204 Taken\r\n\r\n";
	uv_buf_t out = uv_buf_init(answer, sizeof(answer) - 1);
	size_t head = 0;

	if (n < 0)
		uv_read_stop(stream);
	if (n <= 0)
		return;
	if (!s->head_seen) {
		head = str_find(in, STR("\r\n\r\n")) + 4; /* curl writes it at once */
		s->head_seen = true;
	}
	s->taken += in.n - head;
	if (resident_kib() > s->resident_most)
		s->resident_most = resident_kib();
	if (s->taken == s->expected)
		assert_int_equal(uv_write(&s->write, stream, &out, 1, NULL), 0);
}

static void sink_accept(uv_stream_t *listener, int status)
{
	struct sink *s = CONTAINER_OF((uv_tcp_t *)listener, struct sink, listener);

	assert_int_equal(status, 0);
	assert_int_equal(uv_tcp_init(listener->loop, &s->tcp), 0);
	assert_int_equal(uv_accept(listener, (uv_stream_t *)&s->tcp), 0);
	uv_read_start((uv_stream_t *)&s->tcp, sink_alloc, sink_read);
}

static void sink_start(struct sink *s, struct world *w)
{
	struct sockaddr_in a;
	int n = sizeof(a);

	uv_ip4_addr("127.0.0.1", 0, &a);
	assert_int_equal(uv_tcp_init(&w->loop.uv, &s->listener), 0);
	assert_int_equal(uv_tcp_bind(&s->listener, (struct sockaddr *)&a, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&s->listener, 4, sink_accept), 0);
	assert_int_equal(uv_tcp_getsockname(&s->listener, (struct sockaddr *)&a, &n), 0);
	s->port = ntohs(a.sin_port);
}

static void memory_does_not_grow_with_the_file(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	uint64_t bytes = 96 << 20;
	struct outbound_file file = { make_file(0), bytes };
	struct sink sink = { .expected = bytes + (bytes + 2) / 3 * 4 };
	struct test_call t;
	char url[64];
	size_t before;

	(void)state;
	assert_int_equal(ftruncate(file.fd, (off_t)bytes), 0); /* a hole */
	sink_start(&sink, w);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", sink.port);
	call_init(w, &t, "POST", url);
	give_file(&t, &file, 1);
	imago_call_input(&t.call.request, 0, false);
	imago_call_input(&t.call.request, 0, true);
	t.call.timeout_ms = 60000;
	before = resident_kib();
	call_run(&t);
	expect_fault(&t, FAULT_NONE, true);
	assert_int_equal(t.call.status, 204);
	assert_int_equal(sink.taken, sink.expected);
	if (!SANITIZED)
		assert_in_range(sink.resident_most, 1, before + 2048);
	outbound_call_clear(&t.call);
	close(file.fd);
	uv_close((uv_handle_t *)&sink.tcp, NULL);
	uv_close((uv_handle_t *)&sink.listener, NULL);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_as_it_is),
		cmocka_unit_test(a_file_as_base64),
		cmocka_unit_test(mixed_segments),
		cmocka_unit_test(a_shared_descriptor_is_not_moved),
		cmocka_unit_test(a_file_that_grew),
		cmocka_unit_test(a_file_that_is_short),
		cmocka_unit_test(a_body_of_segments_leaves_once),
		cmocka_unit_test(memory_does_not_grow_with_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
