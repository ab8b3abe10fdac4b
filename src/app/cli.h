#pragma once
/*
 * cli - the command line: which command, with which arguments; and how commands answer.
 *
 * A command returns the exit code: 0, 1 (it did not work, or found something wrong), 2 (wrong usage).
 * Answers go to standard output, everything else to standard error. Memory of a
 * command is cli->arena. Here waiting is fine: nothing of this runs in the server.
 */
#include "app/config.h"
#include "base/json.h"
#include "io/pg.h"

enum { CLI_OK, CLI_FAILED, CLI_USAGE };
enum { CLI_ARGS_MAX = 8, CLI_OPTIONS_MAX = 16 };
enum cli_flags { CLI_DB = 1 };

struct cli;
struct cli_command {
	const char *name, *arguments, *help;
	int (*run)(struct cli *cli);
	unsigned flags;
};
extern const struct cli_command cli_commands[];
extern const unsigned cli_command_count;

struct cli_option {
	struct str name, value; /* value p NULL: it takes none */
};

struct cli {
	const struct cli_command *command;
	struct config *config;
	struct config_sources sources;
	struct str args[CLI_ARGS_MAX];
	unsigned arg_count;
	struct cli_option options[CLI_OPTIONS_MAX];
	unsigned option_count;
	bool json, wants_help;
	struct pg_sync *db; /* CLI_DB only */
	struct arena arena;
};

int cli_main(int argc, char **argv);

/* p NULL: not given. */
struct str cli_option(const struct cli *cli, const char *name);
bool cli_has(const struct cli *cli, const char *name);
/* A whole number from least to most; false after it was said what is wrong. */
MUST_CHECK bool cli_number(struct cli *cli, struct str text, const char *what, int64_t least, int64_t most,
                           int64_t *out);
/* "imago: ..." on standard error; the code to return. */
int cli_fail(const char *format, ...) PRINTF_LIKE(1, 2);
int cli_misuse(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);
void cli_help(const struct cli_command *command);

/* ---- the database ---- */

/* NULL after it was said why. */
struct pg_sync *cli_open(struct cli *cli);
/* False after it was said why. pg_call_clear `out`. */
MUST_CHECK bool cli_query(struct cli *cli, enum stmt_id stmt, const struct str *params, unsigned count,
                          struct pg_call *out);
/* begin, commit, rollback */
MUST_CHECK bool cli_execute(struct cli *cli, const char *sql);
/* The enabled user of that name; false after it was said that there is none. Columns of user_by_name.sql. */
MUST_CHECK bool cli_user(struct cli *cli, struct str name, struct pg_call *out);

/* ---- answers ---- */

enum cli_cell { CELL_TEXT, CELL_NUMBER, CELL_TIME, CELL_BOOL, CELL_JSON, CELL_DOUBLE };
struct cli_column {
	const char *key;  /* in JSON */
	const char *head; /* of the text table; NULL: JSON only */
	enum cli_cell cell;
};
/* Column i of the rows is columns[i]. Text: a table, or `nothing` when there are no rows. */
void cli_table(const struct pg_call *rows, const struct cli_column *columns, unsigned count, const char *nothing);
/* As a table, or with --json as {"member": [...]}; clears the rows. */
int cli_answer(struct cli *cli, struct pg_call *rows, const char *member, const struct cli_column *columns,
               unsigned count, const char *nothing);
/* As a JSON array of objects. */
void cli_rows_json(struct json_writer *w, const struct pg_call *rows, const struct cli_column *columns, unsigned count);
void cli_row_json(struct json_writer *w, const struct pg_call *rows, unsigned row, const struct cli_column *columns,
                  unsigned count);
/* A cell as text for people; an empty one is "-". Lives in `room`. */
struct str cli_cell_text(const struct pg_call *rows, unsigned row, unsigned column, enum cli_cell cell, char room[64]);
/* JSON, and a line end, to standard output; clears it. */
void cli_print_json(struct buf *b);

#define COMMAND(name, function, arguments, flags, help) int function(struct cli *cli);
#include "app/commands.def"
#undef COMMAND
