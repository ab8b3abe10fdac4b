/*
 * names - the cache, and who waits for which name.
 *
 *     (none) --ask--> ASKING --answer--> KNOWN or FAILED --time--> ASKING again
 *
 *  1. An entry that is being asked for is never evicted and has at most one question out;
 *     later calls for the same name join it.
 *  2. A waiter is the slot of one call. When the call ends early its slot is cut; the
 *     question goes on and its answer is kept.
 *  3. Completions are only queued here.
 */
#include "io/names_priv.h"

#include "base/mem.h"

struct waiter {
	struct op *op;
	struct link link;
};

struct names *names_new(struct loop *loop, struct str imago_dns, struct str *why)
{
	struct names *n = mem_new(struct names);

	n->loop = loop;
	n->hosts_path = "/etc/hosts";
	map_init(&n->cache);
	list_init(&n->used);
	list_init(&n->polls);
	slab_init(&n->waiters, sizeof(struct waiter), NAMES_WAITERS_MAX);
	buf_init(&n->hosts, NAMES_HOSTS_BYTES);
	names_dns_init(n);
	if (!names_parse_config(n, imago_dns, why))
		names_free(&n);
	return n;
}

static void entry_drop(struct names *n, struct name_entry *e)
{
	CHECK(list_is_empty(&e->waiters));
	map_remove(&n->cache, &e->node);
	list_remove(&e->used);
	mem_release(e);
}

void names_free(struct names **np)
{
	struct names *n = *np;

	if (!n)
		return;
	names_dns_clear(n);
	LIST_EACH_SAFE(&n->used, l)
		entry_drop(n, CONTAINER_OF(l, struct name_entry, used));
	map_clear(&n->cache);
	slab_clear(&n->waiters);
	buf_clear(&n->hosts);
	mem_release(n->statics);
	mem_release(n);
	*np = NULL;
}

void names_hosts_file(struct names *n, const char *path)
{
	n->hosts_path = path;
	n->looked = false;
	n->hosts_mark = (struct file_mark){ 0 };
}

static void give(struct names_call *call, const struct addresses *a)
{
	call->count = a->count;
	for (unsigned i = 0; i < a->count; i++)
		memcpy(call->addresses[i], a->text[i], NAMES_TEXT);
}

static void finish_now(struct names_call *call, struct fault fault)
{
	struct op *slot;

	op_begin(&call->op, &slot, 0);
	op_finish_with(&call->op, fault);
}

static struct fault fault_with_cause(enum fault_code code)
{
	struct fault fault = { .code = code };

	if (code == FAULT_NOT_SENT)
		fault.cause = STR("DNS: no such name");
	else if (code == FAULT_TIMEOUT)
		fault.cause = STR("DNS: no answer");
	return fault;
}

static struct name_entry *entry_find(struct names *n, struct str name)
{
	struct map_node *node = map_find(&n->cache, name);
	struct name_entry *e = node ? CONTAINER_OF(node, struct name_entry, node) : NULL;

	if (!e)
		return NULL;
	list_remove(&e->used);
	list_append(&n->used, &e->used);
	return e;
}

static bool entry_is_fresh(const struct names *n, const struct name_entry *e)
{
	return !e->asking && loop_now_ms(n->loop) < e->until_ms;
}

/* NULL when a thousand names are being asked for at once. */
static struct name_entry *entry_add(struct names *n, struct str name)
{
	struct name_entry *e;

	if (n->cache.count >= NAMES_CACHED_MAX) {
		struct link *oldest = list_first(&n->used);

		while (oldest != &n->used && CONTAINER_OF(oldest, struct name_entry, used)->asking)
			oldest = oldest->next;
		if (oldest == &n->used)
			return NULL;
		entry_drop(n, CONTAINER_OF(oldest, struct name_entry, used));
	}
	e = mem_new(struct name_entry);
	e->names = n;
	list_init(&e->waiters);
	CHECK(str_to_cstr(name, e->name, sizeof(e->name)));
	map_add(&n->cache, &e->node, (struct str){ e->name, name.n });
	list_append(&n->used, &e->used);
	return e;
}

/* Servers like to turn their list at each answer. As long as the address used so far
 * is in it, it stays the first: connections to it can go on being used. */
static void keep_first(struct addresses *a, const struct addresses *before)
{
	struct addresses out = { 0 };

	if (before->count == 0)
		return;
	for (unsigned i = 1; i < a->count; i++) {
		if (!str_eq(str_from(a->text[i]), str_from(before->text[0])))
			continue;
		addresses_add(&out, str_from(a->text[i]));
		for (unsigned k = 0; k < a->count; k++)
			if (k != i)
				addresses_add(&out, str_from(a->text[k]));
		*a = out;
		return;
	}
}

void names_answered(struct name_entry *e, enum fault_code fault, const struct addresses *a, uint64_t ttl_ms)
{
	struct names *n = e->names;
	struct link *first;

	CHECK(e->asking);
	e->asking = false;
	n->asking--;
	e->fault = fault;
	if (fault == FAULT_NONE) {
		struct addresses now = *a;

		keep_first(&now, &e->addresses);
		e->addresses = now;
		ttl_ms = ttl_ms < TTL_LEAST_MS ? TTL_LEAST_MS : ttl_ms;
		e->until_ms = loop_now_ms(n->loop) + (ttl_ms > TTL_MOST_MS ? TTL_MOST_MS : ttl_ms);
	} else {
		e->until_ms = loop_now_ms(n->loop) + TTL_FAILED_MS;
	}
	while ((first = list_pop(&e->waiters))) {
		struct waiter *w = CONTAINER_OF(first, struct waiter, link);

		if (w->op) {
			if (fault == FAULT_NONE)
				give(CONTAINER_OF(w->op, struct names_call, op), &e->addresses);
			op_finish_with(w->op, fault_with_cause(fault));
		}
		slab_put(&n->waiters, w);
	}
}

static void wait_for(struct names *n, struct names_call *call, struct str name)
{
	struct name_entry *e = entry_find(n, name);
	struct waiter *w = slab_get(&n->waiters);

	if (!e)
		e = entry_add(n, name);
	if (!e || !w) {
		slab_put(&n->waiters, w);
		finish_now(call, (struct fault){ .code = FAULT_BUSY, .cause = STR("DNS: too many questions at once") });
		return;
	}
	list_append(&e->waiters, &w->link);
	op_begin(&call->op, &w->op, CALL_MS);
	if (e->asking)
		return;
	e->asking = true;
	n->asking++;
	names_dns_ask(n, e);
}

/* Everything that needs no packet. False: nothing is known about this name. */
static bool known(struct names *n, struct str name, struct addresses *a, enum fault_code *fault)
{
	struct name_entry *e;

	*fault = FAULT_NONE;
	if (!names_is_name(name)) {
		*fault = FAULT_NOT_SENT;
		return true;
	}
	if (names_local(n, name, a))
		return true;
	e = entry_find(n, name);
	if (!e || !entry_is_fresh(n, e))
		return false;
	*a = e->addresses;
	*fault = e->fault;
	return true;
}

void names_resolve(struct names *n, struct names_call *call, struct str host)
{
	char copy[NAME_MAX_BYTES + 1];
	struct addresses a = { 0 };
	enum fault_code fault = FAULT_NONE;
	struct str name = names_canonical(host, copy);

	call->count = 0;
	if (!names_literal(host, &a) && !known(n, name, &a, &fault)) {
		wait_for(n, call, name);
		return;
	}
	if (fault == FAULT_NONE)
		give(call, &a);
	finish_now(call, fault_with_cause(fault));
}

bool names_cached(struct names *n, struct str host, struct names_call *out)
{
	char copy[NAME_MAX_BYTES + 1];
	struct addresses a = { 0 };
	enum fault_code fault = FAULT_NONE;

	if (!names_literal(host, &a) && !known(n, names_canonical(host, copy), &a, &fault))
		return false;
	if (fault != FAULT_NONE)
		return false;
	give(out, &a);
	return true;
}

void names_failed(struct names *n, struct str host, const char *address)
{
	char copy[NAME_MAX_BYTES + 1];
	struct map_node *node = map_find(&n->cache, names_canonical(host, copy));
	struct addresses *a, out = { 0 };

	if (!node)
		return;
	a = &CONTAINER_OF(node, struct name_entry, node)->addresses;
	for (unsigned i = 0; i < a->count; i++)
		if (!str_eq(str_from(a->text[i]), str_from(address)))
			addresses_add(&out, str_from(a->text[i]));
	if (out.count < a->count)
		addresses_add(&out, str_from(address));
	*a = out;
}
