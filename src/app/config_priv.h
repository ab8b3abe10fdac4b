#pragma once
/*
 * config_priv - what the config_*.c files share; nobody else includes it.
 *
 *   config.c         the order of things: sources, values, checks; problems; showing
 *   config_value.c   text to value, by type
 *   config_dotenv.c  ./.env
 *   config_file.c    the INI file
 *   config_check.c   what several settings must be together; addresses, URLs, the log
 *   config_fal.c     one fal key out of four names
 *   config_keys.c    which of the providers are there, and by which key
 *   config_find.c    where the program imago-pixels is
 *   config_near.c    variables whose names are nearly ours
 */
#include "app/config.h"

enum { CONFIG_NAME_MAX = 128, CONFIG_SECRET_FILE_MAX = 16 * 1024 };

/* What a source says about one setting. */
struct config_said {
	enum config_source source;
	struct str name;  /* as written there */
	struct str place; /* for people */
	struct str value;
};

/* config.c */
void config_problem(struct config *c, bool is_error, const char *format, ...) PRINTF_LIKE(3, 4);
#define CONFIG_ERROR(c, ...) config_problem((c), true, __VA_ARGS__)
#define CONFIG_WARNING(c, ...) config_problem((c), false, __VA_ARGS__)
/* Takes it unless a stronger source had its say. */
void config_say(struct config *c, enum config_id id, const struct config_said *said);
/* NAME=value from the environment or ./.env; names that are not ours are left alone. */
void config_say_variable(struct config *c, enum config_source source, struct str name, struct str place,
                         struct str value);
/* "FAL_KEY (.env:3)" */
struct str config_named(struct config *c, enum config_id id);
struct str *config_text_field(struct config *c, enum config_id id);
/* The whole file, at most `most` bytes; p NULL with *why when it cannot be read. */
struct str config_read_file(struct config *c, const char *path, size_t most, const char **why);

/* config_value.c */
MUST_CHECK bool config_value_parse(struct config *c, const struct config_row *row, struct str text, void *out,
                                   struct str *why);
/* "7d", "12h", "90" */
MUST_CHECK bool config_parse_ttl(struct str text, uint64_t *seconds);
/* "2.5" to 2500 */
MUST_CHECK bool config_parse_ms(struct str text, uint64_t *ms);

/* config_dotenv.c */
struct dotenv {
	struct str text; /* what is left */
	unsigned line;   /* of the last entry */
	struct arena *arena;
};
enum dotenv_entry { DOTENV_END, DOTENV_PAIR, DOTENV_BAD };
enum dotenv_entry dotenv_next(struct dotenv *d, struct str *name, struct str *value);
void config_read_dotenv(struct config *c);

/* config_file.c */
void config_read_file_ini(struct config *c, struct str path);

/* config_check.c, config_fal.c, config_find.c, config_near.c */
void config_check(struct config *c);
void config_choose_fal_key(struct config *c);

/* config_keys.c */
void config_choose_providers(struct config *c);
void config_find_pixels(struct config *c);
/* A warning when the name is not known but looks like one that is. */
void config_judge_name(struct config *c, struct str name, struct str place);
