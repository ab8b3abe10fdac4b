/*
 * An interrupt at the terminal, or a stop of the whole process group, reaches helpers too. They are
 * still needed while the server drains, so these signals are ignored: a helper ends when the
 * server closes its socket, or with the server.
 */
#include "base/helper.h"

#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/check.h"

void helper_settle_in(const char *name)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	struct rlimit none = { 0, 0 };

	for (unsigned i = 0; i < COUNT_OF(ignored); i++)
		sigaction(ignored[i], &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
}
