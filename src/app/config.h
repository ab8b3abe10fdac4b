#pragma once
/*
 * config - every setting, where it came from, and what is wrong with it.
 *
 * The rows are those of config.def. Sources, the first that has a setting wins:
 * flags > environment > ./.env > the file (--config or IMAGO_CONFIG, INI) > default.
 *
 * Nothing that is wrong stops the reading: problems are collected, so that all of them can be
 * shown at once. A configuration with an error must not be used; `config_has_errors` tells.
 *
 * Ownership   All texts live as long as the config and are followed by a NUL.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/str.h"
#include "imago/provider.h"

enum config_anonymous { CONFIG_ANONYMOUS_OFF, CONFIG_ANONYMOUS_ON, CONFIG_ANONYMOUS_PUBLIC };

enum config_flags {
	CONFIG_HIDDEN = 1, /* never shown */
	CONFIG_RELOAD = 2, /* takes effect on SIGHUP */
	CONFIG_EMPTY = 4,  /* set to nothing is set; elsewhere it is as if it were not there */
	CONFIG_FLAG = 8    /* also --name VALUE on the command line */
};

enum config_type {
	CONFIG_IS_TEXT,
	CONFIG_IS_SECRET,
	CONFIG_IS_COUNT,
	CONFIG_IS_CREDITS,
	CONFIG_IS_SECONDS,
	CONFIG_IS_TTL,
	CONFIG_IS_ANONYMOUS
};

/* The C type of each. */
#define CONFIG_C_TEXT struct str
#define CONFIG_C_SECRET struct imago_secret
#define CONFIG_C_COUNT unsigned
#define CONFIG_C_CREDITS int64_t
#define CONFIG_C_SECONDS unsigned
#define CONFIG_C_TTL unsigned
#define CONFIG_C_ANONYMOUS enum config_anonymous

enum config_id {
#define CONFIG(type, field, environment, key, text, least, most, flags, help) CONFIG_ID_##field,
#include "app/config.def"
#undef CONFIG
	CONFIG_COUNT
};

enum config_provider_id {
#define PROVIDER(type, id, name, key, other_key, base, concurrency) CONFIG_PROVIDER_##type,
#include "app/providers.def"
#undef PROVIDER
	CONFIG_PROVIDERS
};

/* One row of providers.def, as this installation has it. */
struct config_provider {
	bool is_there;
	struct imago_secret key; /* empty: none */
	struct str key_source;   /* the variable that gave it */
	struct str base;
	unsigned concurrency;
};

enum config_source {
	CONFIG_FROM_DEFAULT,
	CONFIG_FROM_FILE,
	CONFIG_FROM_DOTENV,
	CONFIG_FROM_ENVIRONMENT,
	CONFIG_FROM_FLAG
};

struct config_origin {
	enum config_source source;
	struct str name;  /* the variable, flag or key as it was written: "FAL_API_KEY", "--listen" */
	struct str place; /* for people: "environment FAL_API_KEY", ".env:3", "imago.conf:12", "default" */
	struct str text;  /* as written; empty for what is hidden */
};

struct config_problem {
	bool is_error; /* else a warning: it works, but hardly as it was meant */
	struct str text;
};

enum { CONFIG_PROBLEMS_MAX = 64, CONFIG_FLAGS_MAX = 16 };

/* What config_load reads; tests have their own. The pointers must outlive the config. */
struct config_sources {
	struct str flags[CONFIG_FLAGS_MAX][2]; /* name without "--", value */
	unsigned flag_count;
	const char *const *environment; /* "NAME=value", NULL ends */
	const char *dotenv;             /* path of ./.env; it need not be there */
	const char *program;            /* path of this program, to find its workers from; NULL: /proc/self/exe */
};

struct config {
	struct arena arena;
#define CONFIG(type, field, environment, key, text, least, most, flags, help) CONFIG_C_##type field;
#include "app/config.def"
#undef CONFIG
	/* worked out of those above */
	enum log_level log_level;
	bool log_json;
	bool is_production;
	struct config_provider providers[CONFIG_PROVIDERS];
	struct imago_secret fal_key; /* empty: none */
	struct str fal_key_source;   /* "FAL_KEY", "FAL_KEY_ID+FAL_KEY_SECRET"; empty: none */

	struct config_origin origins[CONFIG_COUNT];
	struct config_problem problems[CONFIG_PROBLEMS_MAX];
	unsigned problem_count;
	struct config_sources sources;
	struct str file; /* the file that was read; empty: none */
};

/* One row of config.def. */
struct config_row {
	enum config_type type;
	size_t offset;
	const char *field, *environment, *key, *text, *help;
	int64_t least, most;
	unsigned flags;
};
extern const struct config_row config_rows[CONFIG_COUNT];

/* Never NULL; look at config_has_errors. Free it by config_free. */
struct config *config_load(const struct config_sources *sources);
/* The same sources read again, for SIGHUP. The old one stays as it is. */
struct config *config_reload(const struct config *old);
void config_free(struct config **c);
bool config_has_errors(const struct config *c);
/* Problems as log lines; errors too. */
void config_log_problems(const struct config *c, const struct log *log);
/* The value as it was written; hidden ones are "set" or "not set". */
struct str config_text(const struct config *c, enum config_id id);
/* Is it a flag that sets something: "listen", "config". */
bool config_flag_is_known(struct str flag);
