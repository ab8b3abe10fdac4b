/*
 * config_file - the INI file, by libinih; "a.b" of the table is b in section [a].
 *
 * libinih cuts what does not fit into its buffer and goes on as if nothing were; so lines are handed to
 * it by a reader of our own, which notices, and which counts lines for the origin of each value.
 */
#include <ini.h>
#include <stdio.h>

#include "app/config_priv.h"

enum { FILE_MAX = 256 * 1024 };

struct ini_reading {
	struct config *config;
	struct str rest, path;
	unsigned line;
	bool indented; /* libinih would take such a line for more of the value before it */
	bool stopped;
};

static char *next_line(char *out, int size, void *user)
{
	struct ini_reading *r = user;
	struct str line;

	if (r->stopped || r->rest.n == 0)
		return NULL;
	line = str_cut(&r->rest, '\n');
	r->line++;
	r->indented = line.n && (line.p[0] == ' ' || line.p[0] == '\t');
	if (str_to_cstr(line, out, (size_t)size))
		return out;
	CONFIG_ERROR(r->config, "%.*s:%u: the line is longer than %d bytes or has a NUL inside", STRF(r->path), r->line,
	             size - 2);
	r->stopped = true;
	return NULL;
}

static struct str nearest_key(struct str key)
{
	struct str best = { NULL, 0 };
	unsigned least = 4;

	for (unsigned id = 0; id < CONFIG_COUNT; id++) {
		unsigned d = str_distance(key, str_from(config_rows[id].key), least);

		if (d < least) {
			least = d;
			best = str_from(config_rows[id].key);
		}
	}
	return best;
}

static void unknown_key(struct ini_reading *r, struct str key, struct str place)
{
	struct str near = nearest_key(key);

	if (near.n)
		CONFIG_ERROR(r->config, "%.*s: there is no setting \"%.*s\"; did you mean \"%.*s\"?", STRF(place),
		             STRF(key), STRF(near));
	else
		CONFIG_ERROR(r->config, "%.*s: there is no setting \"%.*s\"; `imago config show` lists them",
		             STRF(place), STRF(key));
}

/* 1: understood. */
static int on_value(void *user, const char *section, const char *name, const char *value)
{
	struct ini_reading *r = user;
	struct config *c = r->config;
	struct str key = section[0] ? arena_printf(&c->arena, "%s.%s", section, name)
	                            : arena_copy(&c->arena, str_from(name));
	struct str place = arena_printf(&c->arena, "%.*s:%u", STRF(r->path), r->line);
	struct config_said said = { CONFIG_FROM_FILE, key, place, str_from(value ? value : "") };

	if (r->indented) {
		CONFIG_ERROR(c, "%.*s: a setting begins at the start of its line", STRF(place));
		return 1;
	}
	for (unsigned id = 0; id < CONFIG_COUNT; id++) {
		if (str_is(key, config_rows[id].key)) {
			config_say(c, (enum config_id)id, &said);
			return 1;
		}
	}
	unknown_key(r, key, place);
	return 1;
}

void config_read_file_ini(struct config *c, struct str path)
{
	struct ini_reading r = { .config = c, .path = path };
	const char *why;
	int failed;

	r.rest = config_read_file(c, arena_cstr(&c->arena, path), FILE_MAX, &why);
	if (!r.rest.p) {
		CONFIG_ERROR(c, "the file %.*s cannot be used: %s", STRF(path), why);
		return;
	}
	failed = ini_parse_stream(next_line, &r, on_value, &r);
	if (failed && !r.stopped)
		CONFIG_ERROR(c, "%.*s:%d: neither [section] nor name = value", STRF(path), failed);
}
