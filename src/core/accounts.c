/*
 * accounts - the list of configured providers, choice among them, and their slots.
 *
 * A slot is counted before it is used: whoever is given one owns it from that moment. Nobody overtakes those who
 * wait, and a reload that changes how many there may be is felt at once.
 */
#include "core/accounts.h"

#include "base/url.h"
#include "providers/registry.h"

void accounts_init(struct accounts *as, struct loop *loop)
{
	as->loop = loop;
	list_init(&as->all);
	list_init(&as->gone);
	arena_init(&as->arena, 1024 * 1024);
}

void accounts_clear(struct accounts *as)
{
	list_init(&as->all);
	arena_clear(&as->arena);
}

static unsigned usual_concurrency(const struct imago_driver *d)
{
	/* In house: the queue before the workers. fal: a new account runs two at a time and queues the rest itself. */
	return d->capabilities & IMAGO_IN_HOUSE ? 64 : 256;
}

static bool spec_is_sound(const struct account_spec *spec, struct str *why)
{
	const struct imago_driver *d = registry_find(str_from(spec->type));
	struct url base;

	*why = STR("there is no such provider type");
	if (!d)
		return false;
	*why = STR("the key does not have the shape of this provider's keys");
	if (d->credential_is_valid && !d->credential_is_valid(spec->credential.value))
		return false;
	*why = STR("the provider's address is not an http(s) URL");
	for (unsigned i = 0; i < IMAGO_BASES_MAX; i++)
		if (spec->bases[i].n && !url_parse(spec->bases[i], &base))
			return false;
	return true;
}

static void account_set(struct accounts *as, struct account *a, const struct account_spec *spec)
{
	a->driver = registry_find(str_from(spec->type));
	a->at.credential.value = arena_copy(&as->arena, spec->credential.value);
	a->at.settings = arena_copy(&as->arena, spec->settings.n ? spec->settings : STR("{}"));
	for (unsigned i = 0; i < IMAGO_BASES_MAX; i++)
		a->at.bases[i] = arena_copy(&as->arena, spec->bases[i]);
	a->name = arena_copy(&as->arena, spec->name);
	a->key_source = arena_copy(&as->arena, spec->key_source);
	a->concurrency = spec->concurrency ? spec->concurrency : usual_concurrency(a->driver);
}

/* Free slots to those who wait, in order. */
static void hand_out(struct account *a)
{
	struct link *l;

	while (a->in_use < a->concurrency && (l = list_pop(&a->waiting))) {
		a->in_use++;
		op_finish(&CONTAINER_OF(l, struct account_wait, link)->op, FAULT_NONE);
	}
}

static struct account *find_in(const struct link *list, struct str id)
{
	LIST_EACH(list, l) {
		struct account *a = CONTAINER_OF(l, struct account, link);

		if (str_eq(a->at.id, id))
			return a;
	}
	return NULL;
}

bool accounts_replace(struct accounts *as, const struct account_spec *specs, unsigned n, struct str *why)
{
	struct link fresh;

	for (unsigned i = 0; i < n; i++)
		if (!spec_is_sound(&specs[i], why))
			return false;
	list_init(&fresh);
	for (unsigned i = 0; i < n; i++) {
		struct account *a = find_in(&as->all, specs[i].id);

		if (!a)
			a = find_in(&as->gone, specs[i].id);
		if (a) {
			list_remove(&a->link);
		} else {
			a = arena_new(&as->arena, struct account);
			a->at.id = arena_copy(&as->arena, specs[i].id);
			list_init(&a->waiting);
			list_init(&a->link);
		}
		account_set(as, a, &specs[i]);
		hand_out(a);
		list_append(&fresh, &a->link);
	}
	list_move_all(&as->gone, &as->all);
	list_move_all(&as->all, &fresh);
	return true;
}

struct account *accounts_find(struct accounts *as, struct str id)
{
	return find_in(&as->all, id);
}

static enum fault_code route_default(struct accounts *as, const struct catalog *catalog, struct account **account,
                                     const struct catalog_row **row)
{
	*account = CONTAINER_OF(as->all.next, struct account, link);
	*row = catalog_default(catalog, str_from((*account)->driver->type));
	return *row ? FAULT_NONE : FAULT_NOT_CONFIGURED;
}

enum fault_code accounts_route(struct accounts *as, const struct catalog *catalog, struct str model,
                               struct account **account, const struct catalog_row **row, struct str *nearest)
{
	*nearest = (struct str){ NULL, 0 };
	if (model.n == 0)
		return list_is_empty(&as->all) ? FAULT_NOT_CONFIGURED : route_default(as, catalog, account, row);
	LIST_EACH(&as->all, l) {
		*account = CONTAINER_OF(l, struct account, link);
		*row = catalog_find(catalog, model, str_from((*account)->driver->type));
		if (*row)
			return FAULT_NONE;
	}
	if (catalog_find(catalog, model, (struct str){ NULL, 0 }))
		return FAULT_NOT_CONFIGURED; /* known, but nobody here can be asked for it */
	*nearest = catalog_nearest(catalog, model);
	return FAULT_BAD_FIELD;
}

/* ---- slots ---- */

bool account_take(struct account *a, unsigned n)
{
	if (!list_is_empty(&a->waiting) || a->in_use + n > a->concurrency)
		return false;
	a->in_use += n;
	return true;
}

void account_release(struct account *a, unsigned n)
{
	CHECK(a->in_use >= n);
	a->in_use -= n;
	hand_out(a);
}

void account_wait(struct account *a, struct account_wait *w)
{
	w->account = a;
	list_init(&w->link);
	op_begin(&w->op, &w->slot, 0);
	if (account_take(a, 1))
		op_finish(&w->op, FAULT_NONE);
	else
		list_append(&a->waiting, &w->link);
}

void account_wait_stop(struct account_wait *w)
{
	bool given = w->op.state == OP_READY && w->op.fault.code == FAULT_NONE;

	if (!w->account)
		return;
	list_remove(&w->link);
	op_forget(&w->op);
	if (given)
		account_release(w->account, 1);
}

unsigned account_wait_position(const struct account_wait *w)
{
	unsigned n = 0;

	if (!list_is_linked(&w->link))
		return 0;
	LIST_EACH(&w->account->waiting, l) {
		if (l == &w->link)
			return n;
		n++;
	}
	return n;
}

/* ---- where pictures may come from ---- */

/* "*.fal.media": any name below it. Over TLS on its own port only: such a name proves nothing else. */
static bool host_matches(const struct url *u, struct str pattern)
{
	if (!u->https || u->port != 443 || u->is_address)
		return false;
	if (!str_starts(pattern, STR("*.")))
		return str_eq_nocase(u->host, pattern);
	return u->host.n > pattern.n - 1 &&
	       str_eq_nocase(str_skip(u->host, u->host.n - (pattern.n - 1)), str_skip(pattern, 1));
}

bool account_allows_media(const struct account *a, struct str url)
{
	struct url u, base;

	if (!url_parse(url, &u))
		return false;
	for (unsigned i = 0; i < IMAGO_BASES_MAX; i++)
		if (a->at.bases[i].n && url_parse(a->at.bases[i], &base) && url_same_origin(&u, &base))
			return true;
	for (const char *const *h = a->driver->media_hosts; h && *h; h++)
		if (host_matches(&u, str_from(*h)))
			return true;
	return false;
}
