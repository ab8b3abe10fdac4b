/*
 * outbound_places - a bound on connections, and fair waiting for them.
 *
 *  1. A transfer holds a place of its multi and of its host from transfer_begin to its end.
 *  2. A host is in multi.runnable exactly while it has waiting transfers and a place of
 *     its own is free. Hosts take turns, so a slow one does not hold up the others.
 *  3. libcurl never queues by itself: a waiting transfer has no easy handle.
 */
#include "io/outbound_priv.h"

#include "base/mem.h"

static const struct outbound_config *config_of(const struct outbound_multi *m)
{
	return &m->owner->config;
}

static void host_update(struct outbound_multi *m, struct outbound_host *h)
{
	bool can_run = !list_is_empty(&h->waiting) && h->active < config_of(m)->connections_per_host;

	if (can_run && !list_is_linked(&h->runnable))
		list_append(&m->runnable, &h->runnable);
	else if (!can_run)
		list_remove(&h->runnable);
}

static struct outbound_host *host_for(struct outbound_multi *m, const struct url *url)
{
	char key[272];
	size_t n = 0;
	struct map_node *node;
	struct outbound_host *h;

	CHECK(url->host.n <= 255);
	for (; n < url->host.n; n++)
		key[n] = (char)(url->host.p[n] >= 'A' && url->host.p[n] <= 'Z' ? url->host.p[n] + ('a' - 'A')
		                                                               : url->host.p[n]);
	n += (size_t)snprintf(key + n, sizeof(key) - n, "/%u", url->port);
	node = map_find(&m->hosts, (struct str){ key, n });
	if (node)
		return CONTAINER_OF(node, struct outbound_host, node);
	h = mem_alloc(sizeof(*h) + n + 1);
	memcpy(h->key, key, n);
	list_init(&h->waiting);
	list_init(&h->runnable);
	map_add(&m->hosts, &h->node, (struct str){ h->key, n });
	return h;
}

static void host_release(struct outbound_multi *m, struct outbound_host *h)
{
	if (--h->users > 0) {
		host_update(m, h);
		return;
	}
	CHECK(list_is_empty(&h->waiting) && h->active == 0);
	list_remove(&h->runnable);
	map_remove(&m->hosts, &h->node);
	mem_release(h);
}

bool places_enter(struct outbound_transfer *t)
{
	struct outbound_multi *m = t->multi;
	struct outbound *o = m->owner;
	struct outbound_host *h = host_for(m, &t->url);
	bool must_wait = m->inside || !list_is_empty(&h->waiting) || h->active >= o->config.connections_per_host ||
	                 m->active >= o->config.connections_max;

	h->users++;
	if (must_wait && o->waiting >= o->config.queued_max) {
		host_release(m, h);
		return false;
	}
	t->host = h;
	t->state = TRANSFER_WAITING;
	list_append(&h->waiting, &t->place);
	o->waiting++;
	host_update(m, h);
	return true;
}

void places_leave(struct outbound_transfer *t)
{
	struct outbound_multi *m = t->multi;

	if (t->state == TRANSFER_WAITING) {
		list_remove(&t->place);
		m->owner->waiting--;
	} else {
		t->host->active--;
		m->active--;
	}
	host_release(m, t->host);
}

static void let_in(struct outbound_multi *m, struct outbound_host *h)
{
	struct link *first = list_pop(&h->waiting);
	struct outbound_transfer *t;

	CHECK(first);
	t = CONTAINER_OF(first, struct outbound_transfer, place);
	m->owner->waiting--;
	m->active++;
	h->active++;
	t->state = TRANSFER_RESOLVING;
	list_remove(&h->runnable); /* to the end of the turn */
	host_update(m, h);
	transfer_begin(t);
}

void places_pump(struct outbound_multi *m)
{
	if (m->inside || m->pumping)
		return;
	m->pumping = true;
	while (m->active < config_of(m)->connections_max && !list_is_empty(&m->runnable))
		let_in(m, CONTAINER_OF(list_first(&m->runnable), struct outbound_host, runnable));
	m->pumping = false;
}
