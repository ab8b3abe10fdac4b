#pragma once
/*
 * catalog - models, prices, limits and parameters, as data.
 *
 * Providers retire models every few months, so nothing here is code: the built-in
 * catalog (the files of catalog/, joined) can be replaced whole by a file (IMAGO_CATALOG). The shape of the file:
 *
 *   {"models": [ {
 *     "name": "imagen4",                     how people name it; unique together with "provider"
 *     "aliases": ["imagen-4"],               other names; case does not matter in any of them
 *     "provider": "fal",                     type of the driver
 *     "upstream": "fal-ai/imagen4/preview",  the provider's own name
 *     "generation_type": "imagen4",          avatar | imagen4 | video: where it shows in the gallery
 *     "operations": ["text_to_image"],
 *     "default": true,                       the provider's default model; at most one, else its first row
 *     "credits": 5,                          price of one picture
 *     "cost_micros": 40000,                  what the provider takes for one `cost_per`, micro-USD
 *     "cost_per": "image",                   image (default) | megapixel (begun ones count whole)
 *     "deadline_s": 300,                     how long a task may take in all
 *     "retired": "2026-08-17",               the day on which the provider stopped it; it stays callable
 *     "replacement": "nano-banana",          name of a row of the same provider
 *     "note": "for people",
 *     "params": {
 *       "max_images": 4,                     pictures in one call; default 1
 *       "aspect_ratios": ["1:1", "16:9"],    absent: any size can be asked for
 *       "formats": ["png", "jpeg", "webp"],  what it can write; absent: not ours to choose
 *       ...                                  the rest is the driver's own (see the driver)
 *     }
 *   } ]}
 *
 * Required: name, provider, upstream, generation_type, operations, credits, cost_micros.
 * A member that is not known is an error that names the nearest one; only the inside of
 * params is left to the driver, and registry_check_catalog asks it.
 *
 * Ownership   All strings of a row live until catalog_free.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/str.h"
#include "imago/provider.h"

enum { CATALOG_ROWS_MAX = 1000, CATALOG_DEADLINE_S = 300 };

enum generation_type { GENERATION_AVATAR, GENERATION_IMAGEN4, GENERATION_VIDEO, GENERATION_TYPES };

struct catalog_ratio {
	struct str text;        /* "16:9" */
	unsigned width, height; /* 16, 9 */
};

struct catalog_row {
	struct str name;
	const struct str *aliases;
	unsigned alias_count;
	struct str provider; /* a driver's type */
	struct str upstream;
	enum generation_type generation_type;
	unsigned operations; /* bits 1 << IMAGO_TEXT_TO_IMAGE ... */
	bool is_default;
	int64_t credits;     /* one picture */
	int64_t cost_micros; /* one picture, or one megapixel of it */
	bool cost_is_per_megapixel;
	unsigned deadline_s;
	const struct catalog_ratio *ratios;
	unsigned ratio_count;   /* 0: any size */
	unsigned formats;       /* bits 1 << IMAGO_PNG ...; 0: not ours to choose */
	unsigned max_images;    /* in one call */
	struct str params;      /* JSON object, for imago_task.params */
	struct str retired;     /* "2026-08-17"; empty: it is there */
	struct str replacement; /* name of a row; empty: none */
	struct str note;
};

struct catalog {
	const struct catalog_row *rows;
	size_t count;
	struct catalog_store *store; /* private */
};

struct catalog_error {
	size_t row; /* from 1; 0: the file as a whole */
	char text[240];
};

/* The text that was built in. */
struct str catalog_builtin(void);
/* NULL: *error says why. */
MUST_CHECK struct catalog *catalog_parse(struct str json, struct catalog_error *error);
void catalog_free(struct catalog **c);

/* By name, alias or upstream name, in any case; provider empty: the first row of any. NULL: none. */
const struct catalog_row *catalog_find(const struct catalog *c, struct str model, struct str provider);
/* The provider's default model; NULL when it has no row. */
const struct catalog_row *catalog_default(const struct catalog *c, struct str provider);
/* The name or alias that `model` was probably meant to be; empty when none is near. */
struct str catalog_nearest(const struct catalog *c, struct str model);

/* The ratio nearest to width x height; NULL when the model takes any size. */
const struct catalog_ratio *catalog_nearest_ratio(const struct catalog_row *row, unsigned width, unsigned height);
/* What to ask of the model so that the wanted format can be made of it without loss. */
enum imago_format catalog_format(const struct catalog_row *row, enum imago_format wanted);
bool catalog_can(const struct catalog_row *row, enum imago_operation operation);

/* Credits for so many pictures; never overflows for what the API lets through. */
int64_t catalog_price(const struct catalog_row *row, unsigned images);
/* What the provider will probably take for them, micro-USD. */
int64_t catalog_cost_micros(const struct catalog_row *row, unsigned images, unsigned width, unsigned height);

const char *generation_type_name(enum generation_type t); /* "imagen4" */
bool generation_type_from(struct str name, enum generation_type *out);
