/*
 * config_dotenv - ./.env as Docker Compose, python-dotenv and shells read it.
 *
 *   # comment                   NAME=value # comment behind a blank
 *   export NAME=value           NAME='as it stands'
 *   NAME="with \n \t \" \\ \$"  quoted values may go over several lines
 *
 * Nothing is replaced inside values: a key with a $ in it stays what it is.
 */
#include <unistd.h>

#include "app/config_priv.h"

enum { DOTENV_MAX = 256 * 1024 };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';

		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '.' || c == '-')))
			return false;
	}
	return s.n > 0;
}

static char unescape(char c)
{
	switch (c) {
	case 'n': return '\n';
	case 'r': return '\r';
	case 't': return '\t';
	default: return c;
	}
}

/* Behind the opening quote. False: it is never closed. */
static bool quoted(struct dotenv *d, struct str *rest, char quote, struct str *value)
{
	char *out = arena_alloc(d->arena, rest->n + 1, 1);
	size_t n = 0, i = 0;

	for (; i < rest->n && rest->p[i] != quote; i++) {
		d->line += rest->p[i] == '\n';
		if (quote == '"' && rest->p[i] == '\\' && i + 1 < rest->n)
			out[n++] = unescape(rest->p[++i]);
		else
			out[n++] = rest->p[i];
	}
	*value = (struct str){ out, n };
	if (i == rest->n)
		return false;
	*rest = str_skip(*rest, i + 1);
	return true;
}

/* Up to a comment or the end of the line. */
static struct str unquoted(struct str line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == '#' && (i == 0 || is_blank(line.p[i - 1])))
			line.n = i;
	return str_trim(line);
}

/* What follows a closing quote on its line may only be a comment. */
static bool tail_is_clean(struct dotenv *d)
{
	struct str tail = str_trim(str_cut(&d->text, '\n'));

	return tail.n == 0 || tail.p[0] == '#';
}

static enum dotenv_entry read_value(struct dotenv *d, struct str *value)
{
	unsigned line = d->line;
	char quote;

	while (d->text.n && is_blank(d->text.p[0]))
		d->text = str_skip(d->text, 1);
	quote = d->text.n ? d->text.p[0] : '\0';
	if (quote != '"' && quote != '\'') {
		*value = unquoted(str_cut(&d->text, '\n'));
		return DOTENV_PAIR;
	}
	d->text = str_skip(d->text, 1);
	if (!quoted(d, &d->text, quote, value)) {
		d->line = line;
		d->text = (struct str){ NULL, 0 };
		return DOTENV_BAD;
	}
	return tail_is_clean(d) ? DOTENV_PAIR : DOTENV_BAD;
}

enum dotenv_entry dotenv_next(struct dotenv *d, struct str *name, struct str *value)
{
	while (d->text.p && d->text.n) {
		struct str line = str_sub(d->text, 0, str_find_byte(d->text, '\n'));
		size_t sign = str_find_byte(line, '=');
		struct str left = str_trim(str_sub(line, 0, sign));

		d->line++;
		if (left.n == 0 || left.p[0] == '#') {
			(void)str_cut(&d->text, '\n');
			if (sign != SIZE_MAX && left.n == 0)
				return DOTENV_BAD;
			continue;
		}
		if (str_starts(left, STR("export ")) || str_starts(left, STR("export\t")))
			left = str_trim(str_skip(left, 7));
		*name = left;
		if (sign == SIZE_MAX || !is_name(left)) {
			(void)str_cut(&d->text, '\n');
			return DOTENV_BAD;
		}
		d->text = str_skip(d->text, sign + 1);
		return read_value(d, value);
	}
	return DOTENV_END;
}

void config_read_dotenv(struct config *c)
{
	struct dotenv d = { .arena = &c->arena };
	enum dotenv_entry entry;
	struct str name, value;
	const char *path = c->sources.dotenv, *why;

	if (!path || access(path, F_OK) != 0)
		return;
	d.text = config_read_file(c, path, DOTENV_MAX, &why);
	if (!d.text.p) {
		CONFIG_WARNING(c, "the file %s is not used: %s", path, why);
		return;
	}
	if (str_starts(d.text, STR("\xef\xbb\xbf")))
		d.text = str_skip(d.text, 3);
	while ((entry = dotenv_next(&d, &name, &value)) != DOTENV_END) {
		struct str place = arena_printf(&c->arena, "%s:%u", path, d.line);

		if (entry == DOTENV_BAD)
			CONFIG_WARNING(c, "%.*s is not NAME=value and is not used", STRF(place));
		else
			config_say_variable(c, CONFIG_FROM_DOTENV, name, place, value);
	}
}
