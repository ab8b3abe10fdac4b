/*
 * The filter is a list of what drawing, encoding and answering need, found by running without all else.
 *
 * Everything not listed fails with EACCES, which the libraries take calmly. What no drawing ever asks
 * for and every intruder does (a new program, a new process, another process's memory) kills at once.
 *
 * Text in one more script may need one more font file. A filter of system calls cannot see paths, so
 * opening for reading is allowed only when Landlock confines it to the folders of fonts; without
 * Landlock no file can be opened at all, and scripts whose font is not open yet are drawn as boxes.
 */
#include "pixels/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

enum { FILES_MAX = 64, MIB = 1024 * 1024, ADDRESS_MIB = 3072, FILE_MIB = 256 };

static const int allowed[] = {
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	/* the order, the picture, the answer */
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(writev),
	SCMP_SYS(lseek),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(access),
	SCMP_SYS(close),
	/* threads of libvips, and what the C library does around them */
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	/* time, chance */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getrandom),
};

static const int deadly[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(bpf),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(mount),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(kexec_load),
};

static const char *const font_folders[] = {
	"/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/fontconfig", "/etc/fonts", "/var/cache/fontconfig",
};

static bool limit(__rlimit_resource_t what, rlim_t value)
{
	struct rlimit now, l = { value, value };

	if (getrlimit(what, &now) < 0)
		return false;
	if (l.rlim_max > now.rlim_max)
		l.rlim_cur = l.rlim_max = now.rlim_max;
	return setrlimit(what, &l) == 0;
}

bool sandbox_limits(void)
{
	bool fine = limit(RLIMIT_NOFILE, FILES_MAX) && limit(RLIMIT_FSIZE, (rlim_t)FILE_MIB * MIB) &&
	            limit(RLIMIT_CORE, 0);

	if (SANDBOX_POSSIBLE)
		fine = fine && limit(RLIMIT_AS, (rlim_t)ADDRESS_MIB * MIB) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
	return fine && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

bool sandbox_cpu_seconds(unsigned seconds)
{
	struct timespec used;
	struct rlimit l;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0 || getrlimit(RLIMIT_CPU, &l) < 0)
		return false;
	l.rlim_cur = (rlim_t)used.tv_sec + 1 + seconds;
	if (l.rlim_cur > l.rlim_max)
		l.rlim_cur = l.rlim_max;
	return setrlimit(RLIMIT_CPU, &l) == 0;
}

/* Calls that are fine with some arguments only: where (argument & mask) == value. */
static const struct narrow {
	int call;
	unsigned argument;
	scmp_datum_t mask, value;
} narrow[] = {
	/* Memory that can be run is never made: code from outside has no place to stand. */
	{ SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
	{ SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
	/* Threads yes, processes no. */
	{ SCMP_SYS(clone), 0, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD },
	{ SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME },
	{ SCMP_SYS(fcntl), 1, UINT32_MAX, F_GETFL },
};

static int allow_where(scmp_filter_ctx f, const struct narrow *n)
{
	struct scmp_arg_cmp compare = {
		.arg = n->argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = n->mask, .datum_b = n->value
	};

	return seccomp_rule_add_array(f, SCMP_ACT_ALLOW, n->call, 1, &compare);
}

static int allow_narrow(scmp_filter_ctx f)
{
	/* A signal to ourselves: how abort works. */
	const struct narrow own = { SCMP_SYS(tgkill), 0, UINT32_MAX, (scmp_datum_t)getpid() };
	/* Our own limit, not that of another process of the same user. */
	const struct scmp_arg_cmp own_cpu[2] = {
		{ .arg = 0, .op = SCMP_CMP_EQ, .datum_a = 0 },
		{ .arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = RLIMIT_CPU },
	};
	int rc = allow_where(f, &own);

	rc |= seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, own_cpu);
	for (unsigned i = 0; i < COUNT_OF(narrow); i++)
		rc |= allow_where(f, &narrow[i]);
	/* clone3 hides its flags in memory: told that there is none, the C library takes clone. */
	return rc | seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* ---- which files ---- */

static bool rules_add(int rules, const char *folder)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	bool fine;

	if (rule.parent_fd < 0)
		return true; /* not there: nothing to read */
	fine = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
	close(rule.parent_fd);
	return fine;
}

/* The calling thread and those it starts; the threads of the warm-up have ended. */
static bool confine_files(void)
{
	/* All that the first version of Landlock knows. */
	struct landlock_ruleset_attr all = { .handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
	int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	bool fine = rules >= 0;

	for (unsigned i = 0; fine && i < COUNT_OF(font_folders); i++)
		fine = rules_add(rules, font_folders[i]);
	fine = fine && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	if (rules >= 0)
		close(rules);
	return fine;
}

static int allow_reading(scmp_filter_ctx f)
{
	const struct narrow reading = { SCMP_SYS(openat), 2,
		                        O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY),
		                        O_RDONLY };

	return allow_where(f, &reading);
}

bool sandbox_enter(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EACCES));
	int rc = 0;

	if (!f)
		return false;
	rc |= seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	for (unsigned i = 0; i < COUNT_OF(allowed); i++)
		rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	for (unsigned i = 0; i < COUNT_OF(deadly); i++)
		rc |= seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	rc |= allow_narrow(f);
	if (confine_files())
		rc |= allow_reading(f);
	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc == 0;
}
