/*
 * The server over real sockets but a clock of our own: when it cuts whom, how it drains, who
 * hears what. The bytes of requests are test_parse's and test_edge.py's business.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/http.h"

enum { BIG = 32 * 1024 * 1024, GOT_MAX = 256 * 1024, PUMPS = 20 };

struct world {
	struct loop loop;
	struct http_server server;
	struct http_req *waiting;
	unsigned asked, gone, finished, drained;
	int last_status;
};
static struct world *world;

static void on_gone(struct http_req *req)
{
	assert_ptr_equal(req, world->waiting);
	world->waiting = NULL;
	world->gone++;
}

static void on_body(struct http_req *req)
{
	resp_start(req, 200);
	resp_send(req, "text/plain", req->body);
}

static void on_sink(struct http_req *req, const char *p, size_t n)
{
	(void)p;
	if (n)
		http_body_pause(req);
	else
		resp_fault_code(req, FAULT_CONFLICT, STR("end"));
}

static void send_big(struct http_req *req)
{
	char *big = mem_alloc(BIG);

	resp_start(req, 200);
	resp_send(req, "text/plain", (struct str){ big, BIG });
	mem_release(big);
}

static void on_request(struct http_req *req)
{
	world->asked++;
	if (str_is(req->path, "/wait") || str_is(req->path, "/pause")) {
		world->waiting = req;
		req->on_gone = on_gone;
	}
	if (str_is(req->path, "/read")) {
		req->on_gone = on_gone;
		world->waiting = req;
		http_read_body(req, 100000, on_body);
	} else if (str_is(req->path, "/pause")) {
		http_stream_body(req, 100000, on_sink);
	} else if (str_is(req->path, "/big")) {
		send_big(req);
	} else if (!str_is(req->path, "/wait")) {
		resp_start(req, 200);
		resp_send(req, "text/plain", STR("ok"));
	}
}

static void on_finished(struct http_req *req, int status, uint64_t sent)
{
	(void)req;
	(void)sent;
	world->finished++;
	world->last_status = status;
}

static void on_drained(struct http_server *s)
{
	(void)s;
	world->drained++;
}

static void pump(void)
{
	for (int i = 0; i < PUMPS; i++) {
		uv_run(&world->loop.uv, UV_RUN_NOWAIT);
		loop_drain(&world->loop);
	}
}

static void pass(uint64_t ms)
{
	loop_advance(&world->loop, ms);
	pump();
}

static int setup(void **state)
{
	struct http_hooks hooks = { .request = on_request, .finished = on_finished };
	struct str why;

	(void)state;
	world = mem_new(struct world);
	loop_init(&world->loop);
	loop_fake_clock(&world->loop);
	http_server_init(&world->server, &world->loop, NULL, &hooks);
	assert_true(http_server_listen(&world->server, STR("127.0.0.1:0"), &why));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	http_server_stop(&world->server);
	pump();
	http_server_clear(&world->server);
	loop_close(&world->loop);
	mem_release(world);
	return 0;
}

static int client(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(http_server_port(&world->server)) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	pump();
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	pump();
}

/* What has arrived; *open tells whether the connection still is. */
static const char *heard(int fd, bool *open)
{
	static char got[GOT_MAX];
	size_t n = 0;
	ssize_t k;

	pump();
	while ((k = recv(fd, got + n, sizeof(got) - 1 - n, MSG_DONTWAIT)) > 0)
		n += (size_t)k;
	*open = k < 0 && errno == EAGAIN;
	got[n] = '\0';
	return got;
}

static void expect(int fd, const char *start, bool open)
{
	bool is_open;
	const char *got = heard(fd, &is_open);

	if (strncmp(got, start, strlen(start)) != 0 || (!*start && *got) || is_open != open)
		fail_msg("expected \"%s\" and %s, got %s and \"%s\"", start, open ? "open" : "closed",
		         is_open ? "open" : "closed", got);
}

static void head_has_ten_seconds(void **state)
{
	int fd = client();

	(void)state;
	say(fd, "GET / HTTP/1.1\r\n");
	pass(5000);
	say(fd, "Host: a\r\n");
	pass(4999);
	expect(fd, "", true);
	pass(1);
	expect(fd, "HTTP/1.1 408 ", false);
	assert_int_equal(world->asked, 0);
	close(fd);
}

static void blank_line_alone_is_cut_silently(void **state)
{
	int fd = client();

	(void)state;
	say(fd, "\r\n");
	pass(10000);
	expect(fd, "", false);
	close(fd);
}

static void idle_has_its_time(void **state)
{
	int fd = client();

	(void)state;
	pass(74999);
	expect(fd, "", true);
	say(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(fd, "HTTP/1.1 200 ", true);
	pass(74999);
	expect(fd, "", true);
	pass(1);
	expect(fd, "", false);
	close(fd);
}

static void body_must_move(void **state)
{
	int fd = client();

	(void)state;
	say(fd, "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
	pass(29999);
	expect(fd, "", true);
	pass(1);
	expect(fd, "HTTP/1.1 408 ", false);
	assert_int_equal(world->gone, 1);
	close(fd);
}

/* One byte every ten seconds moves, but is no body. */
static void body_has_a_floor(void **state)
{
	int fd = client();

	(void)state;
	say(fd, "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
	for (int i = 0; i < 2; i++) {
		pass(10000);
		say(fd, "x");
	}
	expect(fd, "", true);
	pass(10000);
	expect(fd, "HTTP/1.1 408 ", false);
	close(fd);
}

static void fast_enough_body_lives(void **state)
{
	enum { PIECE = 16000 };
	char *piece = mem_alloc(PIECE + 1);
	int fd = client();

	(void)state;
	memset(piece, 'x', PIECE);
	say(fd, "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 96000\r\n\r\n");
	for (int i = 0; i < 6; i++) {
		pass(10000);
		expect(fd, "", true);
		say(fd, piece);
	}
	expect(fd, "HTTP/1.1 200 ", true);
	mem_release(piece);
	close(fd);
}

static void paused_body_has_no_clock(void **state)
{
	int fd = client();

	(void)state;
	say(fd, "POST /pause HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
	pass(200000);
	expect(fd, "", true);
	http_body_resume(world->waiting);
	pass(29999);
	expect(fd, "", true);
	pass(1);
	expect(fd, "HTTP/1.1 408 ", false);
	assert_int_equal(world->gone, 1);
	close(fd);
}

static void handler_may_take_its_time(void **state)
{
	int fd = client();

	(void)state;
	say(fd, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	pass(600000);
	expect(fd, "", true);
	resp_start(world->waiting, 200);
	resp_empty(world->waiting);
	expect(fd, "HTTP/1.1 200 ", true);
	assert_int_equal(world->gone, 0);
	close(fd);
}

static void slow_reader_is_cut(void **state)
{
	int fd = client();

	(void)state;
	say(fd, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	pass(29000);
	assert_int_equal(world->server.conn_count, 1);
	pass(9000);
	assert_int_equal(world->server.conn_count, 0);
	assert_int_equal(world->gone, 0); /* its answer was ended: nobody waits to hear */
	close(fd);
}

static void half_closed_client_gets_its_answer(void **state)
{
	int fd = client();

	(void)state;
	say(fd, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	shutdown(fd, SHUT_WR);
	pass(1000);
	resp_start(world->waiting, 200);
	resp_send(world->waiting, "text/plain", STR("late"));
	expect(fd, "HTTP/1.1 200 ", false);
	close(fd);
}

static void reset_client_is_gone(void **state)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	int fd = client();

	(void)state;
	say(fd, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	pump();
	assert_int_equal(world->gone, 1);
	assert_int_equal(world->last_status, 499);
	assert_int_equal(world->server.conn_count, 0);
}

static void drain_ends_idle_and_waits_for_busy(void **state)
{
	int idle = client(), busy = client();

	(void)state;
	say(busy, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	http_server_drain(&world->server, on_drained);
	assert_int_equal(world->drained, 0);
	expect(idle, "", false);
	expect(busy, "", true);
	assert_int_equal(world->drained, 0);
	resp_start(world->waiting, 200);
	resp_send(world->waiting, "text/plain", STR("x"));
	{
		bool open;

		assert_non_null(strstr(heard(busy, &open), "\r\nConnection: close\r\n"));
		assert_false(open);
	}
	pump();
	assert_int_equal(world->drained, 1);
	close(idle);
	close(busy);
}

static void drain_of_nothing_is_told_too(void **state)
{
	(void)state;
	http_server_drain(&world->server, on_drained);
	assert_int_equal(world->drained, 0);
	pump();
	assert_int_equal(world->drained, 1);
}

static void stop_tells_handlers(void **state)
{
	int fd = client();

	(void)state;
	say(fd, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	http_server_stop(&world->server);
	assert_int_equal(world->gone, 0);
	pump();
	assert_int_equal(world->gone, 1);
	close(fd);
}

static void addresses(void **state)
{
	static const struct {
		const char *address;
		bool good;
	} rows[] = {
		{ "127.0.0.1:0", true },   { "[::1]:0", true },          { "localhost:0", true }, { "*:0", true },
		{ "127.0.0.1", false },    { "127.0.0.1:65536", false }, { "example:80", false }, { "::1:80", false },
		{ "127.0.0.1:-1", false }, { "[127.0.0.1]:80", false },  { "", false },           { "unix:", false },
		{ "192.0.2.1:0", false },
	};
	struct str why;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		why = STR("");
		if (http_server_listen(&world->server, str_from(rows[i].address), &why) != rows[i].good)
			fail_msg("%s: %.*s", rows[i].address, STRF(why));
		assert_true(rows[i].good || why.n);
	}
}

/* A socket file without a listener is replaced, one with a listener or another file is not. */
static void stale_unix_socket_is_replaced(void **state)
{
	char folder[] = "test_server_XXXXXX";
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char address[64];
	struct stat st;
	struct str why;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/s", folder);
	snprintf(address, sizeof(address), "unix:%s/s", folder);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_false(http_server_listen(&world->server, str_from(address), &why));
	close(fd);
	assert_true(http_server_listen(&world->server, str_from(address), &why));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	say(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(fd, "HTTP/1.1 200 ", true);
	close(fd);
	http_server_stop(&world->server);
	pump();
	assert_int_not_equal(lstat(at.sun_path, &st), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(head_has_ten_seconds),
		TEST(blank_line_alone_is_cut_silently),
		TEST(idle_has_its_time),
		TEST(body_must_move),
		TEST(body_has_a_floor),
		TEST(fast_enough_body_lives),
		TEST(paused_body_has_no_clock),
		TEST(handler_may_take_its_time),
		TEST(slow_reader_is_cut),
		TEST(half_closed_client_gets_its_answer),
		TEST(reset_client_is_gone),
		TEST(drain_ends_idle_and_waits_for_busy),
		TEST(drain_of_nothing_is_told_too),
		TEST(stop_tells_handlers),
		TEST(addresses),
		TEST(stale_unix_socket_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
