/*
 * config_fal - one key of fal.ai out of the four names that are in use for it.
 *
 * This is where the fault began that left a gallery empty for 33 hours: the key stood in one
 * variable and was looked for in another. So all names work, equal keys are fine, and two that
 * differ are refused by name: to guess would be to hide the fault again.
 */
#include "app/config_priv.h"
#include "providers/registry.h"

enum { CANDIDATES = 4 };

struct candidate {
	struct str key, source, named;
};

static struct str secret_text(struct config *c, enum config_id id)
{
	return config_text_field(c, id)->n ? *config_text_field(c, id) : (struct str){ NULL, 0 };
}

static void add(struct config *c, struct candidate *list, unsigned *n, enum config_id id)
{
	struct str key = secret_text(c, id);

	if (key.n)
		list[(*n)++] = (struct candidate){ key, c->origins[id].name, config_named(c, id) };
}

static void add_halves(struct config *c, struct candidate *list, unsigned *n)
{
	struct str id = secret_text(c, CONFIG_ID_fal_key_id), secret = secret_text(c, CONFIG_ID_fal_key_secret);
	struct str id_named = config_named(c, CONFIG_ID_fal_key_id),
		   secret_named = config_named(c, CONFIG_ID_fal_key_secret);

	if (id.n && secret.n)
		list[(*n)++] = (struct candidate){
			arena_printf(&c->arena, "%.*s:%.*s", STRF(id), STRF(secret)),
			arena_printf(&c->arena, "%.*s+%.*s", STRF(c->origins[CONFIG_ID_fal_key_id].name),
			             STRF(c->origins[CONFIG_ID_fal_key_secret].name)),
			arena_printf(&c->arena, "%.*s with %.*s", STRF(id_named), STRF(secret_named)),
		};
	else if (id.n || secret.n)
		config_problem(c, *n == 0, "%.*s is set, but %.*s is not: it takes both halves of the key",
		               STRF(id.n ? id_named : secret_named), STRF(id.n ? secret_named : id_named));
}

static bool has_quotes(struct str s)
{
	return str_find_byte(s, '"') != SIZE_MAX || str_find_byte(s, '\'') != SIZE_MAX;
}

static bool is_well_formed(struct config *c, const struct candidate *k)
{
	const struct imago_driver *fal = registry_find(STR("fal"));

	if (!has_quotes(k->key) && fal->credential_is_valid(k->key))
		return true;
	CONFIG_ERROR(c,
	             "%.*s does not have the shape of a key of fal: KEY_ID:KEY_SECRET, one colon, no blanks, no quotes",
	             STRF(k->named));
	return false;
}

void config_choose_fal_key(struct config *c)
{
	struct candidate list[CANDIDATES];
	unsigned n = 0;
	bool agreed = true;

	add(c, list, &n, CONFIG_ID_fal_key_plain);
	add(c, list, &n, CONFIG_ID_fal_key_api);
	add(c, list, &n, CONFIG_ID_fal_key_ai);
	add_halves(c, list, &n);
	for (unsigned i = 0; i < n; i++) {
		agreed = is_well_formed(c, &list[i]) && agreed;
		if (i > 0 && !str_eq(list[i].key, list[0].key)) {
			CONFIG_ERROR(c, "%.*s and %.*s hold different keys: keep one of them", STRF(list[0].named),
			             STRF(list[i].named));
			agreed = false;
		}
	}
	if (n == 0 || !agreed)
		return;
	c->fal_key.value = list[0].key;
	c->fal_key_source = list[0].source;
}
