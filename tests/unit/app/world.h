#pragma once
/* A configuration out of texts: environment, ./.env and file are made of what the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/config_priv.h"
#include "base/buf.h"

struct world {
	char folder[64], dotenv[96], ini[96], flag_value[96];
	struct config_sources sources;
};

static inline void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Texts may be NULL. `flag` is the value of --listen. */
static inline struct config *load(struct world *w, const char *flag, const char *const *environment, const char *dotenv,
                                  const char *ini)
{
	unsigned n = 0;

	*w = (struct world){ .folder = "/tmp/imago-config-XXXXXX" };
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->dotenv, sizeof w->dotenv, "%s/.env", w->folder);
	snprintf(w->ini, sizeof w->ini, "%s/imago.conf", w->folder);
	if (dotenv)
		write_text(w->dotenv, dotenv);
	if (ini)
		write_text(w->ini, ini);
	w->sources = (struct config_sources){ .environment = environment,
		                              .dotenv = w->dotenv,
		                              .program = "/nowhere/imago" };
	if (flag) {
		w->sources.flags[n][0] = STR("listen");
		w->sources.flags[n++][1] = str_from(flag);
	}
	if (ini) {
		w->sources.flags[n][0] = STR("config");
		w->sources.flags[n++][1] = str_from(w->ini);
	}
	w->sources.flag_count = n;
	return config_load(&w->sources);
}

static inline void unload(struct world *w, struct config **c)
{
	config_free(c);
	unlink(w->dotenv);
	unlink(w->ini);
	assert_int_equal(rmdir(w->folder), 0);
}

/* Is there a problem of that kind whose text has `part`? */
static inline bool says(const struct config *c, bool is_error, const char *part)
{
	for (unsigned i = 0; i < c->problem_count; i++)
		if (c->problems[i].is_error == is_error && str_find(c->problems[i].text, str_from(part)) != SIZE_MAX)
			return true;
	return false;
}

/* No problem and no shown value holds `secret`. */
static inline void assert_kept(const struct config *c, const char *secret)
{
	for (unsigned i = 0; i < c->problem_count; i++)
		assert_true(str_find(c->problems[i].text, str_from(secret)) == SIZE_MAX);
	for (unsigned id = 0; id < CONFIG_COUNT; id++) {
		assert_true(str_find(config_text(c, (enum config_id)id), str_from(secret)) == SIZE_MAX);
		assert_true(str_find(c->origins[id].text, str_from(secret)) == SIZE_MAX);
	}
}

#define ROW(condition, ...) \
	do { \
		if (!(condition)) \
			fail_msg(__VA_ARGS__); \
	} while (0)
