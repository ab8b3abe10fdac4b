/*
 * cli - takes argv apart by the grammar that the commands' own help texts give.
 *
 * Flags that set something (--listen, --data-dir, --log, --config) may stand anywhere; a command's own
 * options stand behind its name. "--" ends all options; -5 is a number, not an option.
 */
#include "app/cli.h"

#include <stdio.h>
#include <unistd.h>

#include "app/serve.h"

enum { ARENA_BYTES = 64 << 20, NEAR_CAP = 4 };

const struct cli_command cli_commands[] = {
#define COMMAND(text, function, grammar, bits, words) \
	{ .name = (text), .arguments = (grammar), .help = (words), .run = (function), .flags = (bits) },
#include "app/commands.def"
#undef COMMAND
};
const unsigned cli_command_count = COUNT_OF(cli_commands);

/* ---- what commands ask ---- */

struct str cli_option(const struct cli *cli, const char *name)
{
	for (unsigned i = 0; i < cli->option_count; i++)
		if (str_is(cli->options[i].name, name))
			return cli->options[i].value.p ? cli->options[i].value : STR("");
	return (struct str){ NULL, 0 };
}

bool cli_has(const struct cli *cli, const char *name)
{
	return cli_option(cli, name).p != NULL;
}

int cli_fail(const char *format, ...)
{
	va_list ap;

	fputs("imago: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return CLI_FAILED;
}

int cli_misuse(const struct cli *cli, const char *format, ...)
{
	va_list ap;

	fputs("imago: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	if (cli->command)
		fprintf(stderr, "\nusage: imago %s %s\n", cli->command->name, cli->command->arguments);
	else
		fputs("\n`imago --help` lists the commands\n", stderr);
	return CLI_USAGE;
}

bool cli_number(struct cli *cli, struct str text, const char *what, int64_t least, int64_t most, int64_t *out)
{
	if (str_to_i64(text, out) && *out >= least && *out <= most)
		return true;
	cli_misuse(cli, "%s is a whole number from %lld to %lld", what, (long long)least, (long long)most);
	return false;
}

/* ---- grammar ---- */

enum option_kind { OPTION_UNKNOWN, OPTION_FLAG, OPTION_WITH_VALUE };

/* The next "[--name VALUE]" of a grammar; its name and kind. */
static enum option_kind next_option(struct str *rest, struct str *name)
{
	size_t at = str_find(*rest, STR("[--"));
	struct str inside;

	if (at == SIZE_MAX)
		return OPTION_UNKNOWN;
	*rest = str_skip(*rest, at + 3);
	inside = str_cut(rest, ']');
	*name = str_cut(&inside, ' ');
	return inside.p ? OPTION_WITH_VALUE : OPTION_FLAG;
}

static enum option_kind option_kind(const struct cli_command *command, struct str name, struct str *near)
{
	struct str rest = str_from(command->arguments), known;
	enum option_kind kind;
	unsigned least = NEAR_CAP;

	*near = (struct str){ NULL, 0 };
	while ((kind = next_option(&rest, &known)) != OPTION_UNKNOWN) {
		unsigned d = str_distance(name, known, least);

		if (str_eq(known, name))
			return kind;
		if (d < least) {
			least = d;
			*near = known;
		}
	}
	return OPTION_UNKNOWN;
}

/* How many arguments it takes that are not options. */
static void argument_counts(const struct cli_command *command, unsigned *least, unsigned *most)
{
	struct str rest = str_from(command->arguments);

	*least = *most = 0;
	while (rest.p && rest.n) {
		bool optional = rest.p[0] == '[';
		struct str word = optional ? str_cut(&rest, ']') : str_cut(&rest, ' ');

		rest = str_trim(rest);
		if (str_starts(word, STR("[--")))
			continue;
		*most += 1;
		*least += !optional;
	}
}

/* ---- argv ---- */

struct words {
	char **at;
	int left;
	struct buf name; /* of the command, so far */
	bool options_ended;
};

static bool take_value(struct words *w, struct str *value)
{
	if (value->p)
		return true;
	if (w->left == 0)
		return false;
	*value = str_from(*w->at++);
	w->left--;
	return true;
}

static int take_flag(struct cli *cli, struct words *w, struct str name, struct str value)
{
	struct config_sources *s = &cli->sources;

	if (!take_value(w, &value))
		return cli_misuse(cli, "--%.*s takes a value", STRF(name));
	if (s->flag_count == CONFIG_FLAGS_MAX)
		return cli_misuse(cli, "there are too many flags");
	s->flags[s->flag_count][0] = name;
	s->flags[s->flag_count++][1] = value;
	return CLI_OK;
}

static int take_own_option(struct cli *cli, struct words *w, struct str name, struct str value)
{
	struct str near;
	enum option_kind kind;

	if (!cli->command)
		return cli_misuse(cli, "--%.*s stands before the command, or is not known", STRF(name));
	kind = option_kind(cli->command, name, &near);
	if (kind == OPTION_UNKNOWN && near.n)
		return cli_misuse(cli, "there is no option --%.*s; did you mean --%.*s?", STRF(name), STRF(near));
	if (kind == OPTION_UNKNOWN)
		return cli_misuse(cli, "there is no option --%.*s", STRF(name));
	if (kind == OPTION_FLAG && value.p)
		return cli_misuse(cli, "--%.*s takes no value", STRF(name));
	if (kind == OPTION_WITH_VALUE && !take_value(w, &value))
		return cli_misuse(cli, "--%.*s takes a value", STRF(name));
	if (cli_has(cli, arena_cstr(&cli->arena, name)) || cli->option_count == CLI_OPTIONS_MAX)
		return cli_misuse(cli, "--%.*s is given twice", STRF(name));
	cli->options[cli->option_count++] = (struct cli_option){ name, value };
	return CLI_OK;
}

static int take_option(struct cli *cli, struct words *w, struct str text)
{
	struct str value = str_skip(text, 2), name = str_cut(&value, '=');

	if (str_is(name, "help")) {
		cli->wants_help = true;
		return CLI_OK;
	}
	if (config_flag_is_known(name))
		return take_flag(cli, w, name, value);
	return take_own_option(cli, w, name, value);
}

static struct str nearest_command(struct str name)
{
	struct str best = { NULL, 0 };
	unsigned least = NEAR_CAP;

	for (unsigned i = 0; i < cli_command_count; i++) {
		unsigned d = str_distance(name, str_from(cli_commands[i].name), least);

		if (d < least) {
			least = d;
			best = str_from(cli_commands[i].name);
		}
	}
	return best;
}

/* "credits" of "credits add" */
static bool is_first_word(struct str name)
{
	for (unsigned i = 0; i < cli_command_count; i++) {
		struct str rest = str_from(cli_commands[i].name), first = str_cut(&rest, ' ');

		if (rest.p && str_eq(first, name))
			return true;
	}
	return false;
}

static struct str nearest_first_word(struct str name)
{
	struct str best = { NULL, 0 };
	unsigned least = NEAR_CAP;

	for (unsigned i = 0; i < cli_command_count; i++) {
		struct str rest = str_from(cli_commands[i].name), first = str_cut(&rest, ' ');
		unsigned d = str_distance(name, first, least);

		if (d < least) {
			least = d;
			best = first;
		}
	}
	return best;
}

static int unknown_command(struct cli *cli, struct str name)
{
	struct str near = nearest_command(name);

	if (!near.n)
		near = nearest_first_word(name);
	if (near.n)
		return cli_misuse(cli, "there is no command \"%.*s\"; did you mean \"%.*s\"?", STRF(name), STRF(near));
	return cli_misuse(cli, "there is no command \"%.*s\"", STRF(name));
}

static int take_word(struct cli *cli, struct words *w, struct str word)
{
	struct str name;

	if (cli->command) {
		if (cli->arg_count == CLI_ARGS_MAX)
			return cli_misuse(cli, "there are too many arguments");
		cli->args[cli->arg_count++] = word;
		return CLI_OK;
	}
	if (buf_len(&w->name))
		buf_byte(&w->name, ' ');
	buf_str(&w->name, word);
	name = buf_view(&w->name);
	for (unsigned i = 0; i < cli_command_count; i++)
		if (str_is(name, cli_commands[i].name))
			cli->command = &cli_commands[i];
	if (cli->command || is_first_word(name))
		return CLI_OK;
	return unknown_command(cli, name);
}

static int take_all(struct cli *cli, struct words *w)
{
	int code = CLI_OK;

	while (code == CLI_OK && w->left > 0) {
		struct str text = str_from(*w->at++);

		w->left--;
		if (!w->options_ended && str_is(text, "--"))
			w->options_ended = true;
		else if (!w->options_ended && str_starts(text, STR("--")))
			code = take_option(cli, w, text);
		else if (!w->options_ended && str_is(text, "-h"))
			cli->wants_help = true;
		else
			code = take_word(cli, w, text);
	}
	return code;
}

static int check_counts(struct cli *cli)
{
	unsigned least, most;

	argument_counts(cli->command, &least, &most);
	if (cli->arg_count < least)
		return cli_misuse(cli, "something is missing");
	if (cli->arg_count > most)
		return cli_misuse(cli, "\"%.*s\" is too much", STRF(cli->args[most]));
	return CLI_OK;
}

/* ---- the whole ---- */

static int run_command(struct cli *cli)
{
	int code;

	cli->sources.environment = (const char *const *)environ;
	cli->sources.dotenv = ".env";
	cli->config = config_load(&cli->sources);
	cli->json = cli_has(cli, "json");
	if ((cli->command->flags & CLI_DB) && !cli_open(cli))
		return CLI_FAILED;
	code = cli->command->run(cli);
	if (fflush(stdout) != 0 || ferror(stdout))
		code = cli_fail("the answer could not be written");
	return code;
}

static int cli_run(struct cli *cli, struct words *w)
{
	int code = take_all(cli, w);

	if (code != CLI_OK)
		return code;
	if (cli->wants_help) {
		cli_help(cli->command);
		return CLI_OK;
	}
	if (!cli->command) {
		if (buf_len(&w->name))
			return cli_misuse(cli, "\"%.*s\" is not a whole command", STRF(buf_view(&w->name)));
		return cli_misuse(cli, "there is no command");
	}
	code = check_counts(cli);
	return code == CLI_OK ? run_command(cli) : code;
}

int cli_main(int argc, char **argv)
{
	struct words w = { .at = argv + 1, .left = argc > 0 ? argc - 1 : 0 };
	struct cli cli = { 0 };
	int code;

	arena_init(&cli.arena, ARENA_BYTES);
	buf_init(&w.name, 4096);
	code = cli_run(&cli, &w);
	pg_sync_close(&cli.db);
	config_free(&cli.config);
	buf_clear(&w.name);
	arena_clear(&cli.arena);
	return code;
}

int command_serve(struct cli *cli)
{
	struct config *c = cli->config;

	for (unsigned i = 0; i < c->problem_count; i++)
		if (c->problems[i].is_error)
			cli_fail("%.*s", STRF(c->problems[i].text));
	if (c->database_url.n == 0)
		return cli_fail("DATABASE_URL is not set: postgresql://user:password@host:port/database");
	return config_has_errors(c) ? CLI_FAILED : serve_main(c);
}
