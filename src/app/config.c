/*
 * config - reads the sources from the strongest to the weakest; the first that has a setting wins.
 *
 * Every value, a default too, goes through the parser of its row's type. A value that cannot
 * be used is reported, and the default stands in for it, so that the rest can be judged too.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config_priv.h"
#include "base/mem.h"

enum { ARENA_BYTES = 4 << 20 };

const struct config_row config_rows[CONFIG_COUNT] = {
#define CONFIG(kind, name, variable, ini, standard, min, max, bits, words) \
	[CONFIG_ID_##name] = { .type = CONFIG_IS_##kind, \
		               .offset = offsetof(struct config, name), \
		               .field = #name, \
		               .environment = (variable), \
		               .key = (ini), \
		               .text = (standard), \
		               .help = (words), \
		               .least = (min), \
		               .most = (max), \
		               .flags = (bits) },
#include "app/config.def"
#undef CONFIG
};

void config_problem(struct config *c, bool is_error, const char *format, ...)
{
	va_list ap;

	if (c->problem_count == CONFIG_PROBLEMS_MAX)
		return;
	va_start(ap, format);
	c->problems[c->problem_count++] = (struct config_problem){ is_error, arena_vprintf(&c->arena, format, ap) };
	va_end(ap);
}

struct str *config_text_field(struct config *c, enum config_id id)
{
	return (struct str *)(void *)((char *)c + config_rows[id].offset);
}

struct str config_named(struct config *c, enum config_id id)
{
	const struct config_origin *o = &c->origins[id];

	if (o->source == CONFIG_FROM_DEFAULT)
		return str_from(config_rows[id].environment);
	return arena_printf(&c->arena, "%.*s (%.*s)", STRF(o->name), STRF(o->place));
}

/* ---- files ---- */

struct str config_read_file(struct config *c, const char *path, size_t most, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	char *bytes;
	size_t n = 0;
	ssize_t got;

	*why = "it cannot be opened";
	if (fd < 0)
		return (struct str){ NULL, 0 };
	*why = "it is not a file";
	if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
		close(fd);
		return (struct str){ NULL, 0 };
	}
	bytes = arena_alloc(&c->arena, most + 2, 1);
	while (n <= most && (got = read(fd, bytes + n, most + 1 - n)) > 0)
		n += (size_t)got;
	close(fd);
	*why = "it is too large";
	if (n > most)
		return (struct str){ NULL, 0 };
	bytes[n] = '\0';
	return (struct str){ bytes, n };
}

/* ---- what the sources say ---- */

static void say_value(struct config *c, enum config_id id, const struct config_said *said, struct str value)
{
	const struct config_row *row = &config_rows[id];
	struct config_origin *o = &c->origins[id];
	struct str why;

	if (!config_value_parse(c, row, value, (char *)c + row->offset, &why)) {
		CONFIG_ERROR(c, "%.*s (%.*s): %.*s", STRF(said->name), STRF(said->place), STRF(why));
		value = str_from(row->text);
	}
	o->source = said->source;
	o->name = arena_copy(&c->arena, said->name);
	o->place = arena_copy(&c->arena, said->place);
	if (!(row->flags & CONFIG_HIDDEN))
		o->text = arena_copy(&c->arena, value);
}

void config_say(struct config *c, enum config_id id, const struct config_said *said)
{
	const struct config_row *row = &config_rows[id];
	struct str value = str_trim(said->value);

	if (value.n == 0 && !(row->flags & CONFIG_EMPTY))
		return;
	if (c->origins[id].source == said->source && said->source != CONFIG_FROM_DEFAULT) {
		/* The same name twice in ./.env or on the command line: shells take the last, so it is hardly meant. */
		CONFIG_ERROR(c, "%.*s (%.*s) is set already: %.*s", STRF(said->name), STRF(said->place),
		             STRF(config_named(c, id)));
		return;
	}
	if (c->origins[id].source > said->source)
		return;
	say_value(c, id, said, value);
}

/* NAME_FILE: the value is what the file holds. */
static void say_from_file(struct config *c, enum config_id id, const struct config_said *said)
{
	struct config_said inside = *said;
	struct str path = str_trim(said->value);
	const char *why;

	if (path.n == 0 || c->origins[id].source > said->source)
		return;
	inside.value = config_read_file(c, arena_cstr(&c->arena, path), CONFIG_SECRET_FILE_MAX, &why);
	if (!inside.value.p)
		CONFIG_ERROR(c, "%.*s (%.*s) names the file %.*s: %s", STRF(said->name), STRF(said->place), STRF(path),
		             why);
	else if (str_trim(inside.value).n == 0)
		CONFIG_ERROR(c, "%.*s (%.*s) names the file %.*s: it is empty", STRF(said->name), STRF(said->place),
		             STRF(path));
	else
		config_say(c, id, &inside);
}

void config_say_variable(struct config *c, enum config_source source, struct str name, struct str place,
                         struct str value)
{
	struct config_said said = { source, name, place, value };
	struct str stem = str_ends(name, STR("_FILE")) ? str_sub(name, 0, name.n - 5) : (struct str){ NULL, 0 };

	for (unsigned id = 0; id < CONFIG_COUNT; id++) {
		if (str_is(name, config_rows[id].environment)) {
			config_say(c, (enum config_id)id, &said);
			return;
		}
		if (stem.n && (config_rows[id].flags & CONFIG_HIDDEN) && str_is(stem, config_rows[id].environment)) {
			say_from_file(c, (enum config_id)id, &said);
			return;
		}
	}
	config_judge_name(c, name, place);
}

/* Flags have dashes where keys have underscores. */
static bool is_flag_of(const struct config_row *row, struct str flag)
{
	size_t n = strlen(row->key);

	if (!(row->flags & CONFIG_FLAG) || flag.n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (flag.p[i] != (row->key[i] == '_' ? '-' : row->key[i]))
			return false;
	return true;
}

bool config_flag_is_known(struct str flag)
{
	if (str_is(flag, "config"))
		return true;
	for (unsigned id = 0; id < CONFIG_COUNT; id++)
		if (is_flag_of(&config_rows[id], flag))
			return true;
	return false;
}

static void read_flags(struct config *c)
{
	for (unsigned i = 0; i < c->sources.flag_count; i++) {
		struct str name = c->sources.flags[i][0];
		struct str written = arena_printf(&c->arena, "--%.*s", STRF(name));
		struct config_said said = { CONFIG_FROM_FLAG, written, STR("command line"), c->sources.flags[i][1] };

		for (unsigned id = 0; id < CONFIG_COUNT; id++)
			if (is_flag_of(&config_rows[id], name))
				config_say(c, (enum config_id)id, &said);
	}
}

static void read_environment(struct config *c)
{
	for (const char *const *e = c->sources.environment; e && *e; e++) {
		struct str value = str_from(*e), name = str_cut(&value, '=');

		if (value.p)
			config_say_variable(c, CONFIG_FROM_ENVIRONMENT, name, STR("environment"), value);
	}
}

/* --config, else IMAGO_CONFIG. */
static struct str file_of(const struct config *c)
{
	for (unsigned i = 0; i < c->sources.flag_count; i++)
		if (str_is(c->sources.flags[i][0], "config"))
			return c->sources.flags[i][1];
	for (const char *const *e = c->sources.environment; e && *e; e++)
		if (str_starts(str_from(*e), STR("IMAGO_CONFIG=")))
			return str_skip(str_from(*e), 13);
	return (struct str){ NULL, 0 };
}

static void read_defaults(struct config *c)
{
	for (unsigned id = 0; id < CONFIG_COUNT; id++) {
		const struct config_row *row = &config_rows[id];
		struct config_said said = { CONFIG_FROM_DEFAULT, str_from(row->environment), STR("default"),
			                    str_from(row->text) };

		say_value(c, (enum config_id)id, &said, said.value);
	}
}

/* ---- the whole ---- */

struct config *config_load(const struct config_sources *sources)
{
	struct config *c = mem_new(struct config);

	arena_init(&c->arena, ARENA_BYTES);
	c->sources = *sources;
	read_defaults(c);
	read_flags(c);
	read_environment(c);
	config_read_dotenv(c);
	c->file = arena_copy(&c->arena, str_trim(file_of(c)));
	if (c->file.n)
		config_read_file_ini(c, c->file);
	config_check(c);
	if (c->arena.overflowed)
		CONFIG_ERROR(c, "the settings are too large");
	return c;
}

struct config *config_reload(const struct config *old)
{
	return config_load(&old->sources);
}

void config_free(struct config **at)
{
	struct config *c = *at;

	if (!c)
		return;
	*at = NULL;
	arena_clear(&c->arena);
	mem_release(c);
}

bool config_has_errors(const struct config *c)
{
	for (unsigned i = 0; i < c->problem_count; i++)
		if (c->problems[i].is_error)
			return true;
	return false;
}

void config_log_problems(const struct config *c, const struct log *log)
{
	for (unsigned i = 0; i < c->problem_count; i++) {
		if (c->problems[i].is_error)
			LOG_ERROR(log, "config.error", KV_STR("text", c->problems[i].text));
		else
			LOG_WARN(log, "config.warning", KV_STR("text", c->problems[i].text));
	}
}

struct str config_text(const struct config *c, enum config_id id)
{
	if (!(config_rows[id].flags & CONFIG_HIDDEN))
		return c->origins[id].text;
	return c->origins[id].source == CONFIG_FROM_DEFAULT ? STR("not set") : STR("set");
}
