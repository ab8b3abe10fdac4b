/*
 * Questions to a catalog that has been read: which row, which ratio, which format, what price.
 *
 * A name is looked for in three rounds: names, aliases, upstream names; so a row that is called
 * like another's upstream name wins.
 */
#include "providers/catalog.h"

enum { MEGAPIXEL = 1 << 20, NEAR_MAX = 6, NAME_SIZE = 101 };

extern const unsigned char catalog_json[];
extern const size_t catalog_json_size;

struct str catalog_builtin(void)
{
	return (struct str){ (const char *)catalog_json, catalog_json_size };
}

/* ---- names ---- */

static bool has_alias(const struct catalog_row *row, struct str model)
{
	for (unsigned i = 0; i < row->alias_count; i++) {
		if (str_eq_nocase(row->aliases[i], model))
			return true;
	}
	return false;
}

static bool matches(const struct catalog_row *row, struct str model, unsigned round)
{
	switch (round) {
	case 0: return str_eq_nocase(row->name, model);
	case 1: return has_alias(row, model);
	default: return str_eq_nocase(row->upstream, model);
	}
}

const struct catalog_row *catalog_find(const struct catalog *c, struct str model, struct str provider)
{
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < c->count; i++) {
			const struct catalog_row *row = &c->rows[i];

			if (provider.n > 0 && !str_eq(row->provider, provider))
				continue;
			if (matches(row, model, round))
				return row;
		}
	}
	return NULL;
}

const struct catalog_row *catalog_default(const struct catalog *c, struct str provider)
{
	const struct catalog_row *first = NULL;

	for (size_t i = 0; i < c->count; i++) {
		const struct catalog_row *row = &c->rows[i];

		if (!str_eq(row->provider, provider))
			continue;
		if (row->is_default)
			return row;
		if (!first)
			first = row;
	}
	return first;
}

static struct str lower(struct str s, char out[NAME_SIZE])
{
	size_t n = s.n < NAME_SIZE ? s.n : NAME_SIZE - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]);
	return (struct str){ out, n };
}

/* 0 is nearest; the beginning of a name counts as one mistake. */
static unsigned farness(struct str candidate, struct str model, unsigned cap)
{
	char space[NAME_SIZE];
	struct str name = lower(candidate, space);

	if (cap > 1 && model.n >= 3 && str_starts(name, model))
		return 1;
	return str_distance(name, model, cap);
}

static void consider(struct str candidate, struct str model, unsigned *best, struct str *nearest)
{
	unsigned distance = farness(candidate, model, *best);

	if (distance < *best) {
		*best = distance;
		*nearest = candidate;
	}
}

struct str catalog_nearest(const struct catalog *c, struct str model)
{
	char space[NAME_SIZE];
	struct str wanted = lower(model, space), nearest = { NULL, 0 };
	unsigned best = (unsigned)wanted.n / 2 + 1;

	if (best > NEAR_MAX)
		best = NEAR_MAX;
	if (model.n >= NAME_SIZE)
		return nearest;
	for (size_t i = 0; i < c->count; i++) {
		const struct catalog_row *row = &c->rows[i];

		consider(row->name, wanted, &best, &nearest);
		for (unsigned k = 0; k < row->alias_count; k++)
			consider(row->aliases[k], wanted, &best, &nearest);
		consider(row->upstream, wanted, &best, &nearest);
	}
	return nearest;
}

/* ---- what can be asked ---- */

/* How much of the picture a crop would lose: 1 is a perfect fit, 2 loses half. */
static double misfit(const struct catalog_ratio *r, unsigned width, unsigned height)
{
	double wanted = (double)width * r->height, there = (double)height * r->width;

	return wanted > there ? wanted / there : there / wanted;
}

const struct catalog_ratio *catalog_nearest_ratio(const struct catalog_row *row, unsigned width, unsigned height)
{
	const struct catalog_ratio *best = NULL;

	if (width == 0 || height == 0)
		width = height = 1;
	for (unsigned i = 0; i < row->ratio_count; i++) {
		const struct catalog_ratio *r = &row->ratios[i];

		if (!best || misfit(r, width, height) < misfit(best, width, height))
			best = r;
	}
	return best;
}

enum imago_format catalog_format(const struct catalog_row *row, enum imago_format wanted)
{
	if (row->formats == 0 || (row->formats & (1u << wanted)))
		return wanted;
	if (row->formats & (1u << IMAGO_PNG))
		return IMAGO_PNG;
	return row->formats & (1u << IMAGO_JPEG) ? IMAGO_JPEG : IMAGO_WEBP;
}

bool catalog_can(const struct catalog_row *row, enum imago_operation operation)
{
	return operation < IMAGO_OPERATIONS && (row->operations & (1u << operation));
}

/* ---- money ---- */

int64_t catalog_price(const struct catalog_row *row, unsigned images)
{
	return row->credits * (int64_t)images;
}

int64_t catalog_cost_micros(const struct catalog_row *row, unsigned images, unsigned width, unsigned height)
{
	int64_t units = images;

	if (row->cost_is_per_megapixel) {
		int64_t pixels = (int64_t)width * height;

		units *= pixels > 0 ? (pixels + MEGAPIXEL - 1) / MEGAPIXEL : 1;
	}
	return row->cost_micros * units;
}
