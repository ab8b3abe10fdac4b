/*
 * check - the last words of the process.
 *
 * Runs in a broken program: nothing is allocated and a CHECK that fails on the way
 * out goes straight to abort.
 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

void (*check_hook)(void);

noreturn void check_failed(const char *file, int line, const char *what)
{
	static int failing;

	if (failing++)
		abort();
	log_flush();
	(void)dprintf(STDERR_FILENO, "CHECK failed at %s:%d: %s\n", file, line, what);
	if (check_hook)
		check_hook();
	abort();
}
