/*
 * main - what is true for the whole process, then the command.
 *
 * The same program is also the sync helper that the server starts (io/sync.h).
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "app/about.h"
#include "app/cli.h"
#include "app/crash.h"
#include "io/sync.h"

/* No core files and no looking inside from outside: memory holds keys. No setlocale anywhere: it would
 * make libcurl take full-width digits for an address. */
static void settle_in(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	crash_install();
}

int main(int argc, char **argv)
{
	settle_in();
	if (argc == 3 && str_is(str_from(argv[1]), "--helper") && str_is(str_from(argv[2]), "sync"))
		return sync_helper_main();
	if (argc == 2 && str_is(str_from(argv[1]), "--version")) {
		about_print();
		return fflush(stdout) == 0 ? CLI_OK : CLI_FAILED;
	}
	return cli_main(argc, argv);
}
