/*
 * cli_rows - rows of the database as a table for people, or as JSON for programs.
 */
#include <stdio.h>

#include "app/cli.h"
#include "base/wall.h"

enum { COLUMNS_MAX = 32, WIDEST = 60, JSON_MAX = 64 << 20 };

struct str cli_cell_text(const struct pg_call *rows, unsigned row, unsigned column, enum cli_cell cell, char room[64])
{
	struct str text = pg_text(rows, row, column);

	if (pg_is_null(rows, row, column) || text.n == 0)
		return STR("-");
	switch (cell) {
	case CELL_TIME: return wall_rfc3339(pg_int(rows, row, column), false, room);
	case CELL_BOOL: return pg_bool(rows, row, column) ? STR("yes") : STR("no");
	case CELL_TEXT:
	case CELL_NUMBER:
	case CELL_JSON:
	case CELL_DOUBLE: break;
	}
	return text;
}

/* Without line breaks, and not wider than a screen takes. */
static unsigned width_of(struct str s)
{
	size_t n = str_code_points(s);

	return n < WIDEST ? (unsigned)n : WIDEST;
}

static void print_cell(struct str s, unsigned width, bool is_last)
{
	unsigned shown = 0;
	size_t i = 0;

	while (i < s.n && shown < WIDEST) {
		size_t n = str_utf8_length(s.p + i, s.n - i);

		if (n == 0)
			n = 1;
		if (n == 1 && (unsigned char)s.p[i] < ' ')
			putchar(' ');
		else
			fwrite(s.p + i, 1, n, stdout);
		i += n;
		shown++;
	}
	for (; !is_last && shown < width + 2; shown++)
		putchar(' ');
}

static void print_row(const struct pg_call *rows, unsigned row, const struct cli_column *columns, unsigned count,
                      const unsigned *widths)
{
	char room[64];

	for (unsigned i = 0; i < count; i++)
		if (columns[i].head)
			print_cell(cli_cell_text(rows, row, i, columns[i].cell, room), widths[i], i + 1 == count);
	putchar('\n');
}

void cli_table(const struct pg_call *rows, const struct cli_column *columns, unsigned count, const char *nothing)
{
	unsigned widths[COLUMNS_MAX] = { 0 };
	char room[64];

	CHECK(count <= COLUMNS_MAX);
	if (pg_rows(rows) == 0) {
		puts(nothing);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		widths[i] = columns[i].head ? (unsigned)strlen(columns[i].head) : 0;
		for (unsigned row = 0; row < pg_rows(rows); row++) {
			unsigned w = width_of(cli_cell_text(rows, row, i, columns[i].cell, room));

			widths[i] = w > widths[i] ? w : widths[i];
		}
	}
	for (unsigned i = 0; i < count; i++)
		if (columns[i].head)
			print_cell(str_from(columns[i].head), widths[i], i + 1 == count);
	putchar('\n');
	for (unsigned row = 0; row < pg_rows(rows); row++)
		print_row(rows, row, columns, count, widths);
}

/* ---- JSON ---- */

static void cell_json(struct json_writer *w, const struct pg_call *rows, unsigned row, unsigned column,
                      enum cli_cell cell)
{
	char room[WALL_TEXT];
	double number;

	if (pg_is_null(rows, row, column)) {
		jw_null(w);
		return;
	}
	switch (cell) {
	case CELL_TEXT: jw_str(w, pg_text(rows, row, column)); return;
	case CELL_NUMBER: jw_int(w, pg_int(rows, row, column)); return;
	case CELL_TIME: jw_str(w, wall_rfc3339(pg_int(rows, row, column), true, room)); return;
	case CELL_BOOL: jw_bool(w, pg_bool(rows, row, column)); return;
	case CELL_JSON: jw_raw(w, pg_text(rows, row, column)); return;
	case CELL_DOUBLE: jw_double(w, str_to_double(pg_text(rows, row, column), &number) ? number : 0); return;
	}
}

void cli_row_json(struct json_writer *w, const struct pg_call *rows, unsigned row, const struct cli_column *columns,
                  unsigned count)
{
	jw_object(w);
	for (unsigned i = 0; i < count; i++) {
		jw_key(w, columns[i].key);
		cell_json(w, rows, row, i, columns[i].cell);
	}
	jw_end_object(w);
}

void cli_rows_json(struct json_writer *w, const struct pg_call *rows, const struct cli_column *columns, unsigned count)
{
	jw_array(w);
	for (unsigned row = 0; row < pg_rows(rows); row++)
		cli_row_json(w, rows, row, columns, count);
	jw_end_array(w);
}

void cli_print_json(struct buf *b)
{
	struct str text = buf_view(b);

	fwrite(text.p, 1, text.n, stdout);
	putchar('\n');
	buf_clear(b);
}

int cli_answer(struct cli *cli, struct pg_call *rows, const char *member, const struct cli_column *columns,
               unsigned count, const char *nothing)
{
	struct json_writer w;
	struct buf b;

	if (cli->json) {
		buf_init(&b, JSON_MAX);
		w = json_writer(&b);
		jw_object(&w);
		jw_key(&w, member);
		cli_rows_json(&w, rows, columns, count);
		jw_end_object(&w);
		cli_print_json(&b);
	} else {
		cli_table(rows, columns, count, nothing);
	}
	pg_call_clear(rows);
	return CLI_OK;
}
