/*
 * names: literals, IMAGO_DNS, localhost, a hosts file, and DNS against a small server on
 * the same loop. The server knows what to answer from the name it is asked for:
 *
 *     a.test           10.1.2.3 and 2001:db8::7, TTL 60
 *     v4.test          10.1.2.4, TTL 2
 *     many.test        six IPv4 and one IPv6
 *     turn.test        10.0.0.1 and 10.0.0.2, turned at each question, TTL 1
 *     n<number>.test   10.9.9.9, TTL 60
 *     silent.test      nothing at all
 *     anything else    no such name
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/names_priv.h"

struct world {
	struct loop loop;
	struct names *names;
	uv_udp_t server;
	char buffer[512];
	unsigned port, questions, turns;
	bool serving;
};

struct asked {
	struct names_call call;
	unsigned done;
};

/* ---- the server ---- */

struct answer {
	unsigned char bytes[512];
	size_t n;
	unsigned records;
};

static void put16(struct answer *a, unsigned v)
{
	a->bytes[a->n++] = (unsigned char)(v >> 8);
	a->bytes[a->n++] = (unsigned char)v;
}

static void put_record(struct answer *a, int family, const char *text, unsigned ttl)
{
	unsigned bytes = family == AF_INET ? 4 : 16;

	put16(a, 0xc00c); /* the name of the question */
	put16(a, family == AF_INET ? 1 : 28);
	put16(a, 1);
	put16(a, 0);
	put16(a, ttl);
	put16(a, bytes);
	assert_int_equal(inet_pton(family, text, a->bytes + a->n), 1);
	a->n += bytes;
	a->records++;
}

static size_t read_name(const unsigned char *p, size_t n, char *out)
{
	size_t i = 12, o = 0;

	while (i < n && p[i]) {
		if (o)
			out[o++] = '.';
		for (unsigned k = 1; k <= p[i]; k++)
			out[o++] = (char)p[i + k];
		i += (size_t)p[i] + 1;
	}
	out[o] = '\0';
	return i + 1;
}

static void put_records(struct world *w, struct answer *a, const char *name, bool v6)
{
	static const char *const six[] = { "10.5.0.1", "10.5.0.2", "10.5.0.3", "10.5.0.4", "10.5.0.5", "10.5.0.6" };

	if (strcmp(name, "a.test") == 0)
		put_record(a, v6 ? AF_INET6 : AF_INET, v6 ? "2001:db8::7" : "10.1.2.3", 60);
	else if (strcmp(name, "v4.test") == 0 && !v6)
		put_record(a, AF_INET, "10.1.2.4", 2);
	else if (strcmp(name, "many.test") == 0 && v6)
		put_record(a, AF_INET6, "2001:db8::6", 60);
	else if (strcmp(name, "many.test") == 0)
		for (size_t i = 0; i < COUNT_OF(six); i++)
			put_record(a, AF_INET, six[i], 60);
	else if (name[0] == 'n' && name[1] >= '0' && name[1] <= '9' && !v6)
		put_record(a, AF_INET, "10.9.9.9", 60);
	else if (strcmp(name, "turn.test") == 0 && !v6) {
		bool odd = w->turns++ % 2;

		put_record(a, AF_INET, odd ? "10.0.0.2" : "10.0.0.1", 1);
		put_record(a, AF_INET, odd ? "10.0.0.1" : "10.0.0.2", 1);
	}
}

static bool is_known(const char *name)
{
	return strcmp(name, "a.test") == 0 || strcmp(name, "v4.test") == 0 || strcmp(name, "many.test") == 0 ||
	       strcmp(name, "turn.test") == 0 || (name[0] == 'n' && name[1] >= '0' && name[1] <= '9');
}

static void on_question(uv_udp_t *server, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags)
{
	struct world *w = CONTAINER_OF(server, struct world, server);
	const unsigned char *q = (const unsigned char *)buf->base;
	struct answer a = { 0 };
	uv_buf_t out;
	char name[256];
	size_t end;

	(void)flags;
	if (n < 17 || !from)
		return;
	w->questions++;
	end = read_name(q, (size_t)n, name);
	if (strcmp(name, "silent.test") == 0)
		return;
	memcpy(a.bytes, q, end + 4);
	a.n = end + 4;
	a.bytes[2] = 0x81;
	a.bytes[3] = is_known(name) ? 0x80 : 0x83;
	a.bytes[10] = a.bytes[11] = 0;
	put_records(w, &a, name, q[end + 1] == 28);
	a.bytes[7] = (unsigned char)a.records;
	out = uv_buf_init((char *)a.bytes, (unsigned)a.n);
	uv_udp_try_send(server, &out, 1, from);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	struct world *w = h->data;

	(void)size;
	*buf = uv_buf_init(w->buffer, sizeof(w->buffer));
}

static void serve(struct world *w)
{
	struct sockaddr_in a;
	int n = sizeof(a);

	uv_ip4_addr("127.0.0.1", 0, &a);
	assert_int_equal(uv_udp_init(&w->loop.uv, &w->server), 0);
	w->server.data = w;
	assert_int_equal(uv_udp_bind(&w->server, (struct sockaddr *)&a, 0), 0);
	assert_int_equal(uv_udp_getsockname(&w->server, (struct sockaddr *)&a, &n), 0);
	w->port = ntohs(a.sin_port);
	assert_int_equal(uv_udp_recv_start(&w->server, on_alloc, on_question), 0);
	w->serving = true;
}

/* ---- around it ---- */

static struct world *world_new(const char *more, bool fake)
{
	struct world *w = test_calloc(1, sizeof(*w));
	char config[256];
	struct str why;

	loop_init(&w->loop);
	if (fake)
		loop_fake_clock(&w->loop);
	serve(w);
	snprintf(config, sizeof(config), "127.0.0.1:%u,%s", w->port, more);
	w->names = names_new(&w->loop, str_from(config), &why);
	assert_non_null(w->names);
	names_hosts_file(w->names, "/nonexistent/hosts");
	return w;
}

static unsigned threads(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void world_free(struct world *w)
{
	assert_int_equal(threads(), 1);
	names_free(&w->names);
	if (w->serving)
		uv_close((uv_handle_t *)&w->server, NULL);
	loop_close(&w->loop);
	test_free(w);
}

static void on_done(struct op *op)
{
	struct names_call *call = CONTAINER_OF(op, struct names_call, op);

	CONTAINER_OF(call, struct asked, call)->done++;
}

static void ask(struct world *w, struct asked *a, const char *name)
{
	a->done = 0;
	op_init(&a->call.op, &w->loop, on_done);
	names_resolve(w->names, &a->call, str_from(name));
	assert_int_equal(a->done, 0); /* never inside the call */
}

static void wait_for(struct world *w, struct asked *a)
{
	while (!a->done)
		uv_run(&w->loop.uv, UV_RUN_ONCE);
	assert_int_equal(a->done, 1);
}

static enum fault_code resolve(struct world *w, struct asked *a, const char *name)
{
	ask(w, a, name);
	wait_for(w, a);
	return a->call.op.fault.code;
}

static void expect(struct world *w, const char *name, const char *addresses)
{
	struct asked a;
	char text[256] = "";

	if (resolve(w, &a, name) != FAULT_NONE)
		fail_msg("%s: %s", name, fault_slug(a.call.op.fault.code));
	for (unsigned i = 0; i < a.call.count; i++) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "", a.call.addresses[i]);
	}
	if (strcmp(text, addresses) != 0)
		fail_msg("%s: %s instead of %s", name, text, addresses);
}

/* ---- without a packet ---- */

static void literals(void **state)
{
	static const char *const refused[] = {
		"127.1",      "0177.0.0.1", "0x7f.1",          "2130706433",
		"0x7f000001", "127.0.0.1.", "127.0.0.01",      "1.2.3.4.5",
		"256.1.1.1",  "::1%lo",     "fe80::1%eth0",    "[::1]",
		"",           ".",          "a..test",         ".a.test",
		"a b.test",   "a.test..",   "%31%32%37.0.0.1", "\xe2\x91\xa0.test",
		"a/b",        "a.0x1",      "a.123",           "127.0.0.1\n",
	};
	struct world *w = world_new("", false);
	struct asked a;

	(void)state;
	expect(w, "127.0.0.1", "127.0.0.1");
	expect(w, "255.255.255.255", "255.255.255.255");
	expect(w, "::1", "::1");
	expect(w, "2001:DB8::7", "2001:DB8::7");
	expect(w, "::ffff:1.2.3.4", "::ffff:1.2.3.4");
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		if (resolve(w, &a, refused[i]) != FAULT_NOT_SENT)
			fail_msg("\"%s\" was taken", refused[i]);
	assert_int_equal(w->questions, 0);
	world_free(w);
}

static void names_of_the_configuration(void **state)
{
	struct world *w = world_new("db.internal=10.0.0.5,db.internal=10.0.0.6, *.Sim.Test = 127.0.0.1,"
	                            "*.deep.sim.test=127.0.0.2,exact.sim.test=::1,two=1.2.3.4",
	                            false);
	struct asked a;

	(void)state;
	expect(w, "db.internal", "10.0.0.5 10.0.0.6");
	expect(w, "DB.Internal.", "10.0.0.5 10.0.0.6");
	expect(w, "two", "1.2.3.4");
	expect(w, "x.sim.test", "127.0.0.1");
	expect(w, "x.y.sim.test", "127.0.0.1");
	expect(w, "x.deep.sim.test", "127.0.0.2");
	expect(w, "deep.sim.test", "127.0.0.1");
	expect(w, "EXACT.sim.test", "::1");
	assert_true(names_cached(w->names, STR("x.sim.test"), &a.call));
	assert_int_equal(w->questions, 0);
	/* not below it */
	assert_int_equal(resolve(w, &a, "sim.test"), FAULT_NOT_SENT);
	assert_int_equal(resolve(w, &a, "xsim.test"), FAULT_NOT_SENT);
	assert_true(w->questions > 0);
	world_free(w);
}

static void bad_configurations(void **state)
{
	static const char *const bad[] = {
		"nonsense",   "1.2.3.4:0",
		"1.2.3.4:x",  "1.2.3.4:65536",
		"[::1",       "[::1]53",
		"name=",      "name=other",
		"=1.2.3.4",   "na me=1.2.3.4",
		"*=1.2.3.4",  "a=1.1.1.1,a=1.1.1.2,a=1.1.1.3,a=1.1.1.4,a=1.1.1.5",
		"name=127.1", "1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4",
	};
	struct loop loop;

	(void)state;
	loop_init(&loop);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct str why = { 0 };
		struct names *n = names_new(&loop, str_from(bad[i]), &why);

		if (n)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_true(str_starts(why, STR("IMAGO_DNS")));
	}
	loop_close(&loop);
}

static void localhost_is_loopback(void **state)
{
	struct world *w = world_new("", false);

	(void)state;
	expect(w, "localhost", "127.0.0.1 ::1");
	expect(w, "LOCALHOST.", "127.0.0.1 ::1");
	expect(w, "x.localhost", "127.0.0.1 ::1");
	assert_int_equal(w->questions, 0);
	world_free(w);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static void hosts_file(void **state)
{
	char path[] = "/tmp/imago-hosts-XXXXXX";
	int fd = mkstemp(path);
	struct world *w = world_new("", true);
	struct asked a;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	write_file(path, "# 1.1.1.1 commented\n10.7.0.1\tstore  store.lan # other\n::7 store\n10.7.0.2 Store\n"
	                 "bad line\n10.7.0.9 localhost\n10.7.0.3 last");
	names_hosts_file(w->names, path);
	expect(w, "store", "10.7.0.1 10.7.0.2 ::7");
	expect(w, "STORE.lan", "10.7.0.1");
	expect(w, "last", "10.7.0.3");
	expect(w, "localhost", "127.0.0.1 ::1");
	assert_int_equal(w->questions, 0);
	assert_int_equal(resolve(w, &a, "commented"), FAULT_NOT_SENT);
	assert_int_equal(resolve(w, &a, "other"), FAULT_NOT_SENT);
	/* looked at again after a second, when it has changed */
	write_file(path, "10.7.0.99 store\n");
	expect(w, "store", "10.7.0.1 10.7.0.2 ::7");
	loop_advance(&w->loop, 1000);
	expect(w, "store", "10.7.0.99");
	unlink(path);
	loop_advance(&w->loop, 1000);
	assert_int_equal(resolve(w, &a, "store"), FAULT_NOT_SENT);
	world_free(w);
}

static void a_long_hosts_file_is_cut(void **state)
{
	char path[] = "/tmp/imago-hosts-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	struct world *w = world_new("", false);
	struct asked a;

	(void)state;
	fputs("10.7.0.1 first\n", f);
	for (unsigned i = 0; i < 20000; i++)
		fprintf(f, "0.0.0.0 blocked%u.lan\n", i);
	fputs("10.7.0.2 behind\n", f);
	fclose(f);
	names_hosts_file(w->names, path);
	expect(w, "first", "10.7.0.1");
	expect(w, "blocked1000.lan", "0.0.0.0");
	assert_int_equal(resolve(w, &a, "behind"), FAULT_NOT_SENT);
	unlink(path);
	world_free(w);
}

/* ---- DNS ---- */

static void dns_answers_are_kept_for_their_ttl(void **state)
{
	struct world *w = world_new("", true);
	struct asked a;

	(void)state;
	assert_false(names_cached(w->names, STR("a.test"), &a.call));
	expect(w, "a.test", "10.1.2.3 2001:db8::7");
	assert_int_equal(w->questions, 2);
	expect(w, "A.test.", "10.1.2.3 2001:db8::7");
	assert_true(names_cached(w->names, STR("a.test"), &a.call));
	assert_int_equal(a.call.count, 2);
	loop_advance(&w->loop, 59999);
	expect(w, "a.test", "10.1.2.3 2001:db8::7");
	assert_int_equal(w->questions, 2);
	loop_advance(&w->loop, 1);
	assert_false(names_cached(w->names, STR("a.test"), &a.call));
	expect(w, "a.test", "10.1.2.3 2001:db8::7");
	assert_int_equal(w->questions, 4);
	expect(w, "v4.test", "10.1.2.4");
	loop_advance(&w->loop, 2000);
	assert_false(names_cached(w->names, STR("v4.test"), &a.call));
	expect(w, "many.test", "10.5.0.1 10.5.0.2 10.5.0.3 2001:db8::6");
	world_free(w);
}

static void failures_are_kept_for_five_seconds(void **state)
{
	struct world *w = world_new("", true);
	struct asked a;
	unsigned questions;

	(void)state;
	assert_int_equal(resolve(w, &a, "none.test"), FAULT_NOT_SENT);
	questions = w->questions;
	loop_advance(&w->loop, 4999);
	assert_int_equal(resolve(w, &a, "none.test"), FAULT_NOT_SENT);
	assert_false(names_cached(w->names, STR("none.test"), &a.call));
	assert_int_equal(w->questions, questions);
	loop_advance(&w->loop, 1);
	assert_int_equal(resolve(w, &a, "none.test"), FAULT_NOT_SENT);
	assert_int_equal(w->questions, 2 * questions);
	world_free(w);
}

static void calls_for_one_name_share_a_question(void **state)
{
	struct world *w = world_new("", false);
	struct asked a[50];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(a); i++)
		ask(w, &a[i], i % 2 ? "a.test" : "A.TEST");
	for (size_t i = 0; i < COUNT_OF(a); i++) {
		wait_for(w, &a[i]);
		assert_int_equal(a[i].call.op.fault.code, FAULT_NONE);
		assert_int_equal(a[i].call.count, 2);
	}
	assert_int_equal(w->questions, 2);
	world_free(w);
}

static void the_first_address_stays_while_it_is_there(void **state)
{
	struct world *w = world_new("", true);

	(void)state;
	expect(w, "turn.test", "10.0.0.1 10.0.0.2");
	loop_advance(&w->loop, 1000);
	expect(w, "turn.test", "10.0.0.1 10.0.0.2"); /* the server said 2, 1 */
	assert_int_equal(w->questions, 4);
	names_failed(w->names, STR("Turn.Test"), "10.0.0.1");
	expect(w, "turn.test", "10.0.0.2 10.0.0.1");
	loop_advance(&w->loop, 1000);
	expect(w, "turn.test", "10.0.0.2 10.0.0.1");
	names_failed(w->names, STR("turn.test"), "10.0.0.77");
	names_failed(w->names, STR("never-asked.test"), "10.0.0.1");
	expect(w, "turn.test", "10.0.0.2 10.0.0.1");
	world_free(w);
}

static void a_silent_server_costs_a_second(void **state)
{
	struct world *w = world_new("", false);
	struct asked a, b;
	uint64_t begin = uv_hrtime(), took_ms;

	(void)state;
	ask(w, &a, "silent.test");
	ask(w, &b, "a.test");
	wait_for(w, &b);
	assert_int_equal(b.call.op.fault.code, FAULT_NONE);
	wait_for(w, &a);
	took_ms = (uv_hrtime() - begin) / 1000000;
	print_message("silent server: %u ms, %u questions\n", (unsigned)took_ms, w->questions);
	assert_int_equal(a.call.op.fault.code, FAULT_TIMEOUT);
	assert_true(took_ms >= 600 && took_ms <= 1100);
	/* remembered */
	begin = uv_hrtime();
	assert_int_equal(resolve(w, &a, "silent.test"), FAULT_TIMEOUT);
	assert_true(uv_hrtime() - begin < 100 * 1000000);
	world_free(w);
}

static void a_server_that_is_not_there(void **state)
{
	struct world *w = world_new("", false);
	struct asked a;
	char config[64];
	struct str why;
	uint64_t begin = uv_hrtime();

	(void)state;
	uv_close((uv_handle_t *)&w->server, NULL);
	w->serving = false;
	uv_run(&w->loop.uv, UV_RUN_NOWAIT);
	names_free(&w->names);
	snprintf(config, sizeof(config), "127.0.0.1:%u", w->port);
	w->names = names_new(&w->loop, str_from(config), &why);
	assert_true(resolve(w, &a, "a.test") != FAULT_NONE);
	assert_true(uv_hrtime() - begin < 1100ull * 1000000);
	world_free(w);
}

static void calls_that_end_early(void **state)
{
	struct world *w = world_new("", false);
	struct asked cancelled, forgotten, patient, late;

	(void)state;
	ask(w, &cancelled, "a.test");
	ask(w, &forgotten, "a.test");
	ask(w, &patient, "a.test");
	op_cancel(&cancelled.call.op, FAULT_CANCELLED);
	op_forget(&forgotten.call.op);
	wait_for(w, &cancelled);
	assert_int_equal(cancelled.call.op.fault.code, FAULT_CANCELLED);
	wait_for(w, &patient);
	assert_int_equal(patient.call.op.fault.code, FAULT_NONE);
	assert_int_equal(forgotten.done, 0);
	/* only forgotten ones wait: the answer is kept all the same */
	ask(w, &late, "v4.test");
	op_forget(&late.call.op);
	while (!names_cached(w->names, STR("v4.test"), &late.call))
		uv_run(&w->loop.uv, UV_RUN_ONCE);
	assert_int_equal(late.done, 0);
	world_free(w);
}

static void freeing_ends_what_is_asked(void **state)
{
	struct world *w = world_new("", false);
	struct asked a;

	(void)state;
	ask(w, &a, "silent.test");
	uv_run(&w->loop.uv, UV_RUN_NOWAIT);
	names_free(&w->names);
	wait_for(w, &a);
	assert_int_equal(a.call.op.fault.code, FAULT_CANCELLED);
	world_free(w);
}

static void the_cache_is_bounded(void **state)
{
	struct world *w = world_new("", true);
	struct asked *a = test_calloc(100, sizeof(*a));
	struct asked one;

	(void)state;
	for (unsigned i = 0; i < 1500; i += 100) {
		for (unsigned k = 0; k < 100; k++) {
			char name[32];

			snprintf(name, sizeof(name), "n%u.test", i + k);
			ask(w, &a[k], name);
		}
		for (unsigned k = 0; k < 100; k++) {
			wait_for(w, &a[k]);
			assert_int_equal(a[k].call.op.fault.code, FAULT_NONE);
		}
	}
	assert_int_equal(w->names->cache.count, NAMES_CACHED_MAX);
	assert_true(names_cached(w->names, STR("n1499.test"), &one.call));
	assert_true(names_cached(w->names, STR("n476.test"), &one.call));
	assert_false(names_cached(w->names, STR("n475.test"), &one.call));
	test_free(a);
	world_free(w);
}

static void too_many_at_once_are_told_so(void **state)
{
	struct world *w = world_new("", true);
	struct asked *a = test_calloc(NAMES_CACHED_MAX + 1, sizeof(*a));

	(void)state;
	for (unsigned i = 0; i <= NAMES_CACHED_MAX; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.test", i);
		ask(w, &a[i], name);
	}
	wait_for(w, &a[NAMES_CACHED_MAX]);
	assert_int_equal(a[NAMES_CACHED_MAX].call.op.fault.code, FAULT_BUSY);
	for (unsigned i = 0; i <= NAMES_CACHED_MAX; i++)
		op_forget(&a[i].call.op);
	test_free(a);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals),
		cmocka_unit_test(names_of_the_configuration),
		cmocka_unit_test(bad_configurations),
		cmocka_unit_test(localhost_is_loopback),
		cmocka_unit_test(hosts_file),
		cmocka_unit_test(a_long_hosts_file_is_cut),
		cmocka_unit_test(dns_answers_are_kept_for_their_ttl),
		cmocka_unit_test(failures_are_kept_for_five_seconds),
		cmocka_unit_test(calls_for_one_name_share_a_question),
		cmocka_unit_test(the_first_address_stays_while_it_is_there),
		cmocka_unit_test(a_silent_server_costs_a_second),
		cmocka_unit_test(a_server_that_is_not_there),
		cmocka_unit_test(calls_that_end_early),
		cmocka_unit_test(freeing_ends_what_is_asked),
		cmocka_unit_test(the_cache_is_bounded),
		cmocka_unit_test(too_many_at_once_are_told_so),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
