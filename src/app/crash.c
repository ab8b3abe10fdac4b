/*
 * crash - the report is written with system calls only, on a stack of its own: the broken one may be full.
 *
 * backtrace() loads a library at its first call, so that is made at start. Under AddressSanitizer its own
 * report is better: then only a failed CHECK is ours.
 */
#include "app/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "version.h"

enum { FRAMES = 64, STACK = 64 * 1024 };

static void put(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n;
}

/* Once: a failed CHECK comes here before its abort does. */
static void backtrace_write(void)
{
	static volatile sig_atomic_t written;
	void *frames[FRAMES];
	int n;

	if (written)
		return;
	written = 1;
	n = backtrace(frames, FRAMES);
	put("imago " IMAGO_VERSION " (" IMAGO_COMMIT "), backtrace:\n");
	backtrace_symbols_fd(frames, n, STDERR_FILENO);
}

static const char *signal_name(int number)
{
	const char *name = sigabbrev_np(number);

	return name ? name : "?";
}

/* SA_RESETHAND: the same signal again ends the process with its own code. */
static void crashed(int number)
{
	put("imago: SIG");
	put(signal_name(number));
	put("\n");
	backtrace_write();
	raise(number);
}

static bool is_watched_by_sanitizer(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	return true;
#else
	return false;
#endif
#else
	return false;
#endif
}

void crash_install(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	static char stack[STACK];
	void *frame;

	check_hook = backtrace_write;
	(void)backtrace(&frame, 1);
	if (is_watched_by_sanitizer())
		return;
	sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, NULL);
	for (size_t i = 0; i < COUNT_OF(signals); i++)
		sigaction(signals[i],
		          &(struct sigaction){ .sa_handler = crashed,
		                               .sa_flags = (int)(SA_ONSTACK | SA_RESETHAND | SA_NODEFER) },
		          NULL);
}
