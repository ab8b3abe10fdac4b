/*
 * sandbox: in a process of its own for each row, enter it and try something. What is refused says
 * EACCES, what is deadly kills, and what drawing needs still works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "pixels/sandbox.h"

/* What a row expects of its attempt. */
enum outcome { WORKS, REFUSED, DEADLY };

/* Each returns what the system call did: negative with errno, or not. */
static long open_passwd(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static long open_own_memory(void)
{
	return open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
}

static long make_file(void)
{
	return open("/tmp/sandbox-test", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
}

static long write_font(void)
{
	return open("/usr/share/fonts", O_RDWR | O_CLOEXEC);
}

static long make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static long map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static long turn_into_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static long kill_parent(void)
{
	return kill(getppid(), 0);
}

static long limit_parent(void)
{
	struct rlimit l;

	return prlimit(getppid(), RLIMIT_CPU, NULL, &l);
}

static long more_files(void)
{
	struct rlimit l = { 64, 64 };

	return setrlimit(RLIMIT_NOFILE, &l);
}

static long unlink_something(void)
{
	return unlink("/nonexistent");
}

static long run_program(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static long new_process(void)
{
	return syscall(SYS_fork);
}

static long trace_parent(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long clone_process(void)
{
	return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
}

static long map_memory(void)
{
	return mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static long more_time(void)
{
	return sandbox_cpu_seconds(10) ? 0 : -1;
}

static long too_much_memory(void)
{
	return mmap(NULL, (size_t)1 << 40, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED
	               ? -1
	               : 0;
}

static const struct {
	const char *name;
	long (*attempt)(void);
	enum outcome outcome;
	int error;
} rows[] = {
	{ "open a file", open_passwd, REFUSED, EACCES },
	{ "read the environment", open_own_memory, REFUSED, EACCES },
	{ "make a file", make_file, REFUSED, EACCES },
	{ "write where the fonts are", write_font, REFUSED, EACCES },
	{ "make a socket", make_socket, REFUSED, EACCES },
	{ "map code", map_code, REFUSED, EACCES },
	{ "turn memory into code", turn_into_code, REFUSED, EACCES },
	{ "signal the server", kill_parent, REFUSED, EACCES },
	{ "limit the server", limit_parent, REFUSED, EACCES },
	{ "have more files", more_files, REFUSED, EACCES },
	{ "remove a file", unlink_something, REFUSED, EACCES },
	{ "clone a process", clone_process, REFUSED, EACCES },
	{ "take all memory", too_much_memory, REFUSED, ENOMEM },
	{ "run a program", run_program, DEADLY, 0 },
	{ "fork", new_process, DEADLY, 0 },
	{ "trace the server", trace_parent, DEADLY, 0 },
	{ "map memory", map_memory, WORKS, 0 },
	{ "take more time", more_time, WORKS, 0 },
};

static int in_sandbox(long (*attempt)(void), int *status)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		long result;

		if (!sandbox_limits() || !sandbox_enter())
			_exit(255);
		errno = 0;
		result = attempt();
		_exit(result < 0 ? errno : 0);
	}
	return waitpid(child, status, 0) == child;
}

static void test_attempts(void **state)
{
	(void)state;
	if (!SANDBOX_POSSIBLE)
		skip();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int status, code;
		bool fine;

		assert_true(in_sandbox(rows[i].attempt, &status));
		code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		fine = rows[i].outcome == DEADLY ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS
		                                 : code == rows[i].error;
		if (fine)
			continue;
		print_error("%s: status %x, code %d\n", rows[i].name, (unsigned)status, code);
		fail();
	}
}

static char font_path[600];

static bool find_font(const char *folder)
{
	DIR *dir = opendir(folder);
	bool found = false;

	if (!dir)
		return false;
	for (struct dirent *e; !found && (e = readdir(dir));) {
		char path[600];

		snprintf(path, sizeof(path), "%.300s/%.250s", folder, e->d_name);
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			found = find_font(path);
		else if (e->d_type == DT_REG) {
			memcpy(font_path, path, sizeof(path));
			found = true;
		}
	}
	closedir(dir);
	return found;
}

static long open_font(void)
{
	return open(font_path, O_RDONLY | O_CLOEXEC);
}

/* With Landlock a font can be opened; without it nothing can. */
static void test_fonts(void **state)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int status;

	(void)state;
	if (!SANDBOX_POSSIBLE || !find_font("/usr/share/fonts"))
		skip();
	assert_true(in_sandbox(open_font, &status));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), version >= 1 ? 0 : EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_fonts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
