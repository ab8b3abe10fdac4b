/*
 * sync: helpers that are killed, hang, die of what they are asked, talk nonsense or never start. This program
 * is its own helper: started with --helper it plays one of the parts below.
 */
#include "helpers.h"

#include <sys/wait.h>

#include "base/helper.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/packet.h"
#include "io/sync.h"
#include "io/sync_wire.h"

enum { CALLS = 40, HELPERS = 4 };

struct world {
	struct bench_loop b;
	struct log log;
	struct sync_pool *pool;
	unsigned done, failed;
	enum fault_code last;
	char cause[100];
};

struct call {
	struct sync_call sync;
	struct world *world;
};

/* ---- the parts ---- */

/* "once" parts are played by the first helper that makes the file; the others do their work. */
static bool part_is_mine(const char *file)
{
	int fd = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static int play(const char *part, const char *file)
{
	char order[256], junk[] = "what?";
	int fd;

	if (strcmp(part, "sync") == 0 || (file && !part_is_mine(file)))
		return sync_helper_main();
	helper_settle_in("test-part");
	if (strcmp(part, "mute") == 0)
		return packet_receive(HELPER_SOCKET, order, sizeof(order), &fd) > 0;
	if (!packet_send(HELPER_SOCKET, junk, sizeof(junk), -1) ||
	    packet_receive(HELPER_SOCKET, order, sizeof(order), &fd) <= 0)
		return 1;
	if (strcmp(part, "nonsense") == 0 && !packet_send(HELPER_SOCKET, junk, sizeof(junk), -1))
		return 1;
	if (strcmp(part, "die") == 0)
		return 3;
	while (packet_receive(HELPER_SOCKET, order, sizeof(order), &fd) > 0)
		;
	return 0;
}

/* ---- the world ---- */

enum clock { REAL, OURS };

static void world_open(struct world *w, enum clock clock, unsigned helpers, const char *const *args)
{
	*w = (struct world){ .last = FAULT_NONE };
	loop_init(&w->b.loop);
	if (clock == OURS)
		loop_fake_clock(&w->b.loop);
	w->pool = args ? sync_pool_new_from(&w->b.loop, &w->log, helpers, "/proc/self/exe", args)
	               : sync_pool_new(&w->b.loop, &w->log, helpers);
}

static void world_close(struct world *w)
{
	sync_pool_free(&w->pool);
	assert_null(w->pool);
	turn_out(&w->b);
}

static void on_done(struct op *op)
{
	struct sync_call *sync = CONTAINER_OF(op, struct sync_call, op);
	struct call *c = CONTAINER_OF(sync, struct call, sync);
	struct world *w = c->world;

	w->done++;
	w->failed += op->fault.code != FAULT_NONE;
	w->last = op->fault.code;
	snprintf(w->cause, sizeof(w->cause), "%.*s", STRF(op->fault.cause));
	close(c->sync.fd);
	mem_release(c);
}

static struct call *ask_fd(struct world *w, int fd)
{
	struct call *c = mem_new(struct call);

	assert_true(fd >= 0);
	c->world = w;
	sync_call_init(&c->sync, &w->b.loop, on_done);
	sync_fd(w->pool, &c->sync, fd);
	return c;
}

static struct call *ask(struct world *w)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return ask_fd(w, fd);
}

static int64_t restarts(void)
{
	return metric_get(METRIC_ID_helper_restarts_total, "sync", NULL);
}

static void up(struct world *w, unsigned helpers)
{
	uint64_t end = clock_ms() + 10000;

	for (unsigned i = 0; i < helpers; i++)
		while (sync_helper_pid(w->pool, i) == 0 && clock_ms() < end)
			turn_for(&w->b, 5);
}

/* ---- tests ---- */

static void test_many(void **state)
{
	struct world w;
	unsigned fds;

	(void)state;
	world_open(&w, REAL, 1, NULL);
	world_close(&w);
	fds = fds_here(); /* with what libuv keeps for the whole process */
	world_open(&w, REAL, HELPERS, NULL);
	for (int i = 0; i < CALLS * 10; i++)
		ask(&w);
	assert_int_equal(w.done, 0);
	assert_true(turn_until(&w.b, &w.done, CALLS * 10, 20000));
	assert_int_equal(w.failed, 0);
	assert_int_equal(threads_here(), 1);
	world_close(&w);
	assert_int_equal(fds_here(), fds);
}

static void test_what_cannot_be_flushed(void **state)
{
	struct world w;
	int ends[2];

	(void)state;
	world_open(&w, REAL, 1, NULL);
	assert_int_equal(pipe(ends), 0);
	ask_fd(&w, ends[0]);
	assert_true(turn_until(&w.b, &w.done, 1, 10000));
	assert_int_equal(w.last, FAULT_STORAGE);
	assert_string_equal(w.cause, "Invalid argument");
	close(ends[1]);
	world_close(&w);
}

/* Stopped helpers hold what they were asked; three are killed, the fourth does it all, also after their return. */
static void test_killed(void **state)
{
	int64_t before = restarts();
	struct world w;
	int pids[HELPERS];

	(void)state;
	world_open(&w, REAL, HELPERS, NULL);
	up(&w, HELPERS);
	ask(&w);
	assert_true(turn_until(&w.b, &w.done, 1, 10000));
	for (unsigned i = 0; i < HELPERS; i++) {
		pids[i] = sync_helper_pid(w.pool, i);
		assert_true(pids[i] > 0);
		kill(pids[i], SIGSTOP);
	}
	for (int i = 0; i < CALLS; i++)
		ask(&w);
	turn_for(&w.b, 50);
	assert_int_equal(w.done, 1);
	for (unsigned i = 0; i < HELPERS - 1; i++)
		kill(pids[i], SIGKILL);
	kill(pids[HELPERS - 1], SIGCONT);
	assert_true(turn_until(&w.b, &w.done, CALLS + 1, 10000));
	assert_int_equal(w.failed, 0);
	turn_for(&w.b, 600);
	assert_int_equal(restarts(), before + HELPERS - 1);
	for (unsigned i = 0; i < HELPERS - 1; i++)
		assert_int_not_equal(sync_helper_pid(w.pool, i), pids[i]);
	world_close(&w);
}

static void play_once(const char *part, unsigned helpers, uint64_t skip_ms)
{
	char folder[64], file[80];
	const char *args[] = { "test: part", "--helper", part, file, NULL };
	int64_t before = restarts();
	struct world w;

	folder_make(folder);
	snprintf(file, sizeof(file), "%s/once", folder);
	world_open(&w, OURS, helpers, args);
	turn_for(&w.b, 600);
	for (int i = 0; i < CALLS; i++)
		ask(&w);
	turn_until(&w.b, &w.done, CALLS, skip_ms ? 300 : 10000);
	if (skip_ms) {
		assert_true(w.done < CALLS);
		loop_advance(&w.b.loop, skip_ms);
	}
	assert_true(turn_until(&w.b, &w.done, CALLS, 10000));
	assert_int_equal(w.failed, 0);
	assert_int_equal(restarts(), before + 1);
	world_close(&w);
	folder_remove(AT_FDCWD, folder);
}

static void test_hangs(void **state)
{
	(void)state;
	play_once("hang", 2, SYNC_HANG_MS);
}

static void test_talks_nonsense(void **state)
{
	(void)state;
	play_once("nonsense", 1, 0);
}

static void test_dies_once(void **state)
{
	(void)state;
	play_once("die", 1, 0);
}

/* What kills every helper must not be asked for ever. */
static void test_deadly_file(void **state)
{
	static const char *const args[] = { "test: part", "--helper", "die", NULL };
	struct world w;

	(void)state;
	world_open(&w, REAL, 2, args);
	ask(&w);
	assert_true(turn_until(&w.b, &w.done, 1, 10000));
	assert_int_equal(w.last, FAULT_STORAGE);
	world_close(&w);
}

static void test_all_hang(void **state)
{
	static const char *const args[] = { "test: part", "--helper", "hang", NULL };
	struct world w;

	(void)state;
	world_open(&w, OURS, 2, args);
	turn_for(&w.b, 600);
	for (int i = 0; i < CALLS; i++)
		ask(&w);
	turn_for(&w.b, 50);
	assert_int_equal(w.done, 0);
	loop_advance(&w.b.loop, SYNC_DEADLINE_MS);
	assert_true(turn_until(&w.b, &w.done, CALLS, 1000));
	assert_int_equal(w.failed, CALLS);
	assert_int_equal(w.last, FAULT_TIMEOUT);
	world_close(&w);
}

static void test_never_starts(void **state)
{
	static const char *const args[] = { "test: part", "--helper", "mute", NULL };
	int64_t before = restarts();
	struct world w;

	(void)state;
	w = (struct world){ .last = FAULT_NONE };
	loop_init(&w.b.loop);
	loop_fake_clock(&w.b.loop);
	w.pool = sync_pool_new_from(&w.b.loop, &w.log, 2, "/nonexistent/helper", args);
	ask(&w);
	loop_advance(&w.b.loop, 15000);
	assert_true(restarts() > before + 4);
	assert_true(restarts() < before + 40);
	loop_advance(&w.b.loop, SYNC_DEADLINE_MS);
	assert_int_equal(w.last, FAULT_TIMEOUT);
	world_close(&w);
	world_open(&w, OURS, 1, args);
	turn_for(&w.b, 200);
	before = restarts();
	loop_advance(&w.b.loop, 11000);
	assert_true(restarts() > before);
	world_close(&w);
}

/* A caller may go away at any moment, and its memory with it. */
static void test_caller_leaves(void **state)
{
	struct call *calls[CALLS];
	struct world w;

	(void)state;
	world_open(&w, REAL, 2, NULL);
	up(&w, 2);
	for (int i = 0; i < CALLS; i++)
		calls[i] = ask(&w);
	for (int i = 0; i < CALLS; i += 2) {
		op_forget(&calls[i]->sync.op);
		close(calls[i]->sync.fd);
		mem_release(calls[i]);
	}
	op_cancel(&calls[1]->sync.op, FAULT_CANCELLED);
	assert_true(turn_until(&w.b, &w.done, CALLS / 2, 10000));
	assert_int_equal(w.failed, 1);
	world_close(&w);
}

static void test_pool_ends_first(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, REAL, 2, NULL);
	for (int i = 0; i < CALLS; i++)
		ask(&w);
	world_close(&w);
	assert_int_equal(w.done, CALLS);
	assert_int_equal(w.last, FAULT_CLOSED);
}

/* At the terminal every process of the group is interrupted; helpers are needed until the server ends. */
static void test_signals_are_not_for_helpers(void **state)
{
	struct world w;
	int pid;

	(void)state;
	world_open(&w, REAL, 1, NULL);
	ask(&w);
	assert_true(turn_until(&w.b, &w.done, 1, 10000));
	pid = sync_helper_pid(w.pool, 0);
	kill(pid, SIGINT);
	kill(pid, SIGTERM);
	kill(pid, SIGHUP);
	ask(&w);
	assert_true(turn_until(&w.b, &w.done, 2, 10000));
	assert_int_equal(sync_helper_pid(w.pool, 0), pid);
	world_close(&w);
}

static void test_die_with_the_server(void **state)
{
	int ends[2], helpers[2] = { 0, 0 };
	pid_t server;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		struct world w;

		world_open(&w, REAL, 2, NULL);
		ask(&w);
		turn_until(&w.b, &w.done, 1, 10000);
		up(&w, 2);
		for (unsigned i = 0; i < 2; i++)
			helpers[i] = sync_helper_pid(w.pool, i);
		if (write(ends[1], helpers, sizeof(helpers)) > 0)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ends[0], helpers, sizeof(helpers)), sizeof(helpers));
	assert_true(helpers[0] > 0 && helpers[1] > 0);
	assert_false(process_is_dead(helpers[0]));
	kill(server, SIGKILL);
	assert_int_equal(waitpid(server, NULL, 0), server);
	assert_true(dies_within(helpers[0], 2000));
	assert_true(dies_within(helpers[1], 2000));
	close(ends[0]);
	close(ends[1]);
}

/* Nothing of ours is in a helper's environment but what it needs. */
static void test_environment(void **state)
{
	char path[64], text[8192];
	struct world w;
	ssize_t n;
	int fd;

	(void)state;
	setenv("DATABASE_URL", "postgres://secret", 1);
	setenv("FAL_KEY", "secret", 1);
	world_open(&w, REAL, 1, NULL);
	ask(&w);
	assert_true(turn_until(&w.b, &w.done, 1, 10000));
	snprintf(path, sizeof(path), "/proc/%d/environ", sync_helper_pid(w.pool, 0));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text));
	close(fd);
	assert_true(n > 0);
	assert_int_equal(str_find((struct str){ text, (size_t)n }, STR("secret")), SIZE_MAX);
	assert_int_not_equal(str_find((struct str){ text, (size_t)n }, STR("PATH=")), SIZE_MAX);
	world_close(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_what_cannot_be_flushed),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_hangs),
		cmocka_unit_test(test_talks_nonsense),
		cmocka_unit_test(test_dies_once),
		cmocka_unit_test(test_deadly_file),
		cmocka_unit_test(test_all_hang),
		cmocka_unit_test(test_never_starts),
		cmocka_unit_test(test_caller_leaves),
		cmocka_unit_test(test_pool_ends_first),
		cmocka_unit_test(test_signals_are_not_for_helpers),
		cmocka_unit_test(test_die_with_the_server),
		cmocka_unit_test(test_environment),
	};

	if (argc > 2 && strcmp(argv[1], "--helper") == 0)
		return play(argv[2], argc > 3 ? argv[3] : NULL);
	log_configure(LOG_LEVEL_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
