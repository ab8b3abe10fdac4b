/*
 * config_keys - which providers are set up, by which key, in the order of providers.def.
 *
 * As with fal, two names of one key that hold different keys are refused: which one was meant cannot be guessed.
 */
#include "app/config_priv.h"

struct row {
	enum config_id key, other_key, base, concurrency;
};

static const struct row rows[CONFIG_PROVIDERS] = {
#define PROVIDER(type, id, name, key, other_key, base, concurrency) \
	[CONFIG_PROVIDER_## \
		type] = { CONFIG_ID_##key, CONFIG_ID_##other_key, CONFIG_ID_##base, CONFIG_ID_##concurrency },
#include "app/providers.def"
#undef PROVIDER
};

static void choose_key(struct config *c, const struct row *row, struct config_provider *p)
{
	struct str key = *config_text_field(c, row->key), other = *config_text_field(c, row->other_key);

	if (key.n && other.n && !str_eq(key, other))
		CONFIG_ERROR(c, "%.*s and %.*s hold different keys: keep one of them", STRF(config_named(c, row->key)),
		             STRF(config_named(c, row->other_key)));
	p->key.value = key.n ? key : other;
	if (p->key.value.n)
		p->key_source = c->origins[key.n ? row->key : row->other_key].name;
}

void config_choose_providers(struct config *c)
{
	for (unsigned i = 0; i < CONFIG_PROVIDERS; i++) {
		const struct row *row = &rows[i];
		struct config_provider *p = &c->providers[i];

		*p = (struct config_provider){ .base = *config_text_field(c, row->base) };
		memcpy(&p->concurrency, (const char *)c + config_rows[row->concurrency].offset, sizeof p->concurrency);
		choose_key(c, row, p);
		p->is_there = p->key.value.n > 0;
	}
	c->providers[CONFIG_PROVIDER_fal].key = c->fal_key;
	c->providers[CONFIG_PROVIDER_fal].key_source = c->fal_key_source;
	c->providers[CONFIG_PROVIDER_fal].is_there = c->fal_key.value.n > 0;
}
