/*
 * cli_help - everything said here comes from the tables: commands.def and config.def.
 */
#include <stdio.h>

#include "app/about.h"
#include "app/cli.h"

static void command_line(const struct cli_command *c)
{
	int width = printf("  imago %s%s%s", c->name, c->arguments[0] ? " " : "", c->arguments);

	printf(width < 46 ? "%*s%s\n" : "\n%*s%s\n", width < 46 ? 46 - width : 46, "", c->help);
}

static void flags(void)
{
	puts("\nflags, before or behind any command:\n"
	     "  --config FILE   settings, as an INI file (IMAGO_CONFIG)");
	for (unsigned id = 0; id < CONFIG_COUNT; id++) {
		const struct config_row *row = &config_rows[id];

		if (!(row->flags & CONFIG_FLAG))
			continue;
		printf("  --");
		for (const char *p = row->key; *p; p++)
			putchar(*p == '_' ? '-' : *p);
		printf(" VALUE   %s (%s)\n", row->help, row->environment);
	}
	puts("  --version       the version of this program and of its libraries\n\n"
	     "Settings come from flags, the environment, ./.env, the file, and defaults, in this order:\n"
	     "`imago config show` lists them all. Exit codes: 0 fine, 1 not, 2 wrong usage.");
}

void cli_help(const struct cli_command *command)
{
	if (command) {
		printf("usage: imago %s %s\n\n%s\n", command->name, command->arguments, command->help);
		return;
	}
	puts("imago - a gateway to image generation, self-hosted\n");
	for (unsigned i = 0; i < cli_command_count; i++)
		command_line(&cli_commands[i]);
	flags();
}

int command_version(struct cli *cli)
{
	(void)cli;
	about_print();
	return CLI_OK;
}
