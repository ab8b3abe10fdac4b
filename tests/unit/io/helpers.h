#pragma once
/*
 * helpers - what the tests of helper processes share: a loop whose clock is the test's own, folders that
 * are thrown away, and a look at processes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "loop/op.h"

struct bench_loop {
	struct loop loop;
	struct timer tick;
};

static inline void on_tick(struct timer *t)
{
	struct bench_loop *b = CONTAINER_OF(t, struct bench_loop, tick);

	timer_start(&b->loop, t, 5, on_tick);
}

static inline uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Turns of the loop until *what reaches `want`; false after `ms` of real time. */
static inline bool turn_until(struct bench_loop *b, const unsigned *what, unsigned want, uint64_t ms)
{
	uint64_t end = clock_ms() + ms;

	if (!b->loop.fake)
		timer_start(&b->loop, &b->tick, 5, on_tick);
	while (*what < want && clock_ms() < end) {
		if (b->loop.fake) {
			uv_run(&b->loop.uv, UV_RUN_NOWAIT);
			loop_advance(&b->loop, 1);
			nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
		} else {
			uv_run(&b->loop.uv, UV_RUN_ONCE);
		}
	}
	timer_stop(&b->loop, &b->tick);
	return *what >= want;
}

static inline void turn_for(struct bench_loop *b, uint64_t ms)
{
	unsigned never = 0;

	turn_until(b, &never, 1, ms);
}

/* Until libuv has nothing left: the processes are reaped, the handles are closed. */
static inline void turn_out(struct bench_loop *b)
{
	uint64_t end = clock_ms() + 20000;

	loop_drain(&b->loop);
	while (uv_run(&b->loop.uv, UV_RUN_NOWAIT) != 0 && clock_ms() < end)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	loop_close(&b->loop);
}

static inline unsigned threads_here(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned count = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));)
		count += e->d_name[0] != '.';
	closedir(dir);
	return count;
}

static inline unsigned fds_here(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));)
		count += e->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* Gone, or a zombie that only waits for its parent. */
static inline bool process_is_dead(int pid)
{
	char path[64], text[256], *state;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return true;
	text[n] = 0;
	state = strrchr(text, ')');
	return state && (state[2] == 'Z' || state[2] == 'X');
}

static inline bool dies_within(int pid, uint64_t ms)
{
	uint64_t end = clock_ms() + ms;

	while (!process_is_dead(pid) && clock_ms() < end)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	return process_is_dead(pid);
}

static inline void folder_make(char path[static 64])
{
	const char *base = getenv("TMPDIR");

	snprintf(path, 64, "%s/imago-test-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
	assert_non_null(mkdtemp(path));
}

static inline void folder_remove(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir) {
		for (struct dirent *e; (e = readdir(dir));)
			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
				folder_remove(dirfd(dir), e->d_name);
		closedir(dir);
		unlinkat(at, name, AT_REMOVEDIR);
	} else {
		unlinkat(at, name, 0);
	}
}
