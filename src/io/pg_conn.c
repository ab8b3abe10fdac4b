/*
 * pg_conn - the life of one connection, and the five of them.
 *
 *            again            names known         PQconnectPoll OK      sync read       all classes checked
 *   DOWN ----------> RESOLVING ----------> CONNECTING ----------> PREPARING ----------> READY -------> UP
 *     ^                  |                      |                     |                   |            |
 *     +------------------+----------------------+---------------------+-------------------+------------+   pg_conn_lost
 *
 * Invariants
 *  1. `sent` is empty unless UP. `queue` may hold calls in any state.
 *  2. Nothing here blocks: addresses are pinned, PQfinish is called only on sockets that
 *     are non-blocking, PQcancel (which waits for its own connection) is never called.
 *  3. In DOWN the timer `again` is armed; in the other states before READY the timer `limit` is.
 *  4. `changed` is called from the loop, after the calls that were lost have been finished.
 *
 * Checking the statements against the schema means to prepare them, which takes 20 to 40 ms for all.
 * So at start each connection prepares a fifth, at the same time, and none goes up before all
 * are known to be good; after that each prepares what it uses when it first uses it.
 *
 * The first attempt after a loss is made at once, so that a single dropped connection costs
 * milliseconds; then 100 ms, doubled up to 2 s, each with up to a quarter of jitter. A connection that
 * lived less than 5 s counts as a failure, or a server that drops us at once would be hammered.
 */
#include <arpa/inet.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/metric.h"
#include "io/pg_priv.h"

enum { BACKOFF_MS = 100, BACKOFF_MAX_MS = 2000, STEADY_MS = 5000 };

static const char *const class_names[PG_CLASSES] = { "read", "accept", "settle", "bulk", "listen" };

static void resolve_next(struct pg_conn *c);
static void connect_begin(struct pg_conn *c);

/* ---- the socket's watch ---- */

static void on_watch_closed(uv_handle_t *handle)
{
	mem_release(CONTAINER_OF((uv_poll_t *)handle, struct pg_watch, poll));
}

static void watch_close(struct pg_conn *c)
{
	struct pg_watch *w = c->watch;

	if (!w)
		return;
	c->watch = NULL;
	w->conn = NULL;
	uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

static void connect_step(struct pg_conn *c)
{
	PostgresPollingStatusType next;

	/* libpq may close its socket and open another one with the same number: libuv must not
	 * know the old one any more by then. */
	watch_close(c);
	next = PQconnectPoll(c->pq);
	if (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
		pg_conn_watch(c, next == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE);
		return;
	}
	if (next != PGRES_POLLING_OK || PQsetnonblocking(c->pq, 1) != 0 || !PQenterPipelineMode(c->pq)) {
		pg_conn_lost(c, "connect", PQerrorMessage(c->pq));
		return;
	}
	c->state = PG_PREPARING;
	PQsetNoticeReceiver(c->pq, pg_ignore_notice, NULL);
	pg_pipe_prepare(c);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct pg_watch *w = CONTAINER_OF(poll, struct pg_watch, poll);

	/* A broken socket (status < 0) is read like a readable one: libpq then says what is wrong. */
	(void)status;
	(void)events;
	if (!w->conn)
		return;
	switch (w->conn->state) {
	case PG_CONNECTING: connect_step(w->conn); break;
	case PG_PREPARING: pg_pipe_prepare_io(w->conn); break;
	case PG_READY: pg_pipe_ready_io(w->conn); break;
	case PG_UP: pg_pipe_io(w->conn); break;
	case PG_DOWN:
	case PG_RESOLVING: break;
	}
}

void pg_conn_watch(struct pg_conn *c, int events)
{
	if (!c->watch) {
		c->watch = mem_new(struct pg_watch);
		c->watch->conn = c;
		if (uv_poll_init(&c->pg->loop->uv, &c->watch->poll, PQsocket(c->pq)) != 0) {
			mem_release(c->watch);
			c->watch = NULL;
			pg_conn_lost(c, "connect", "the socket cannot be watched");
			return;
		}
	}
	uv_poll_start(&c->watch->poll, events, on_socket);
}

/* ---- connecting ---- */

static void on_limit(struct timer *t)
{
	struct pg_conn *c = CONTAINER_OF(t, struct pg_conn, limit);

	pg_conn_lost(c, "connect", "no connection in time");
}

static void on_again(struct timer *t)
{
	struct pg_conn *c = CONTAINER_OF(t, struct pg_conn, again);

	c->state = PG_RESOLVING;
	c->resolving = 0;
	c->attempts++;
	pg_hosts_clear(&c->hosts);
	timer_start(c->pg->loop, &c->limit, c->pg->config.connect_timeout_ms, on_limit);
	resolve_next(c);
}

/* Each attempt starts with another host: libpq has no time limit for one of several. */
static const struct pg_target *target_at(const struct pg_conn *c)
{
	const struct pg_url *u = &c->pg->url;

	return &u->targets[(c->attempts - 1 + c->resolving) % u->target_count];
}

static bool is_address(const char *text)
{
	unsigned char room[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, room) == 1 || inet_pton(AF_INET6, text, room) == 1;
}

static void on_names(struct op *op)
{
	struct names_call *call = CONTAINER_OF(op, struct names_call, op);
	struct pg_conn *c = CONTAINER_OF(call, struct pg_conn, names);

	for (unsigned i = 0; op->fault.code == FAULT_NONE && i < call->count; i++)
		pg_hosts_add(&c->hosts, target_at(c), call->addresses[i]);
	c->resolving++;
	resolve_next(c);
}

static void resolve_next(struct pg_conn *c)
{
	for (; c->resolving < c->pg->url.target_count; c->resolving++) {
		const struct pg_target *t = target_at(c);

		if (pg_target_is_socket(t)) {
			pg_hosts_add(&c->hosts, t, "");
		} else if (t->address || is_address(t->host)) {
			pg_hosts_add(&c->hosts, t, t->address ? t->address : t->host);
		} else if (c->pg->config.names) {
			names_resolve(c->pg->config.names, &c->names, str_from(t->host));
			return;
		} else if (str_eq_nocase(str_from(t->host), STR("localhost"))) {
			pg_hosts_add(&c->hosts, t, "127.0.0.1");
			pg_hosts_add(&c->hosts, t, "::1");
		}
	}
	if (c->hosts.count)
		connect_begin(c);
	else
		pg_conn_lost(c, "connect", "the host name has no address");
}

static void connect_begin(struct pg_conn *c)
{
	struct pg_keywords k;

	pg_keywords_build(&k, &c->pg->url, &c->hosts);
	c->state = PG_CONNECTING;
	c->pq = PQconnectStartParams(k.names, k.values, 0);
	CHECK(c->pq);
	if (PQstatus(c->pq) == CONNECTION_BAD) {
		pg_conn_lost(c, "connect", PQerrorMessage(c->pq));
		return;
	}
	pg_conn_watch(c, UV_WRITABLE);
}

/* ---- up and down ---- */

static void conn_up(struct pg_conn *c)
{
	struct pg *pg = c->pg;
	uint64_t now = loop_now_ms(pg->loop);

	c->state = PG_UP;
	c->up_since_ms = now;
	c->failures = c->failures ? 1 : 0;
	c->logged[0] = '\0';
	pg_slots_rearm(c);
	loop_at_turn_end(&c->flush);
	metric_set(METRIC_ID_postgres_up, class_names[c->which], NULL, 1);
	LOG_INFO(&pg->log, "postgres.up", KV_CSTR("class", class_names[c->which]),
	         KV_INT("down_ms", now - c->down_since_ms));
	if (pg->config.changed)
		pg->config.changed(pg->config.user, c->which, true);
}

void pg_conn_ready(struct pg_conn *c)
{
	struct pg *pg = c->pg;

	c->state = PG_READY;
	c->checked = true;
	timer_stop(pg->loop, &c->limit);
	for (unsigned i = 0; i < PG_CLASSES; i++)
		if (!pg->conns[i].checked)
			return;
	for (unsigned i = 0; i < PG_CLASSES; i++)
		if (pg->conns[i].state == PG_READY)
			conn_up(&pg->conns[i]);
}

static void conn_close(struct pg_conn *c)
{
	watch_close(c);
	op_forget(&c->names.op);
	timer_stop(c->pg->loop, &c->limit);
	timer_stop(c->pg->loop, &c->more);
	PQfinish(c->pq);
	c->pq = NULL;
	c->blocked = c->stale = false;
	memset(c->prepared, 0, c->pg->config.statement_count * sizeof *c->prepared);
}

static unsigned backoff_ms(const struct pg_conn *c)
{
	unsigned ms = BACKOFF_MS;
	uint16_t random;

	for (unsigned i = 1; i < c->failures && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	random_bytes(&random, sizeof random);
	/* Up to a quarter less, so that 2 s stays the longest; a little more where there is no wait. */
	return c->failures ? ms - ms / 4 * random / 65536u : random % 10u;
}

static void log_down(struct pg_conn *c, bool was_up)
{
	if (!was_up && str_is(str_from(c->why), c->logged))
		return;
	memcpy(c->logged, c->why, sizeof c->logged);
	LOG_WARN(&c->pg->log, was_up ? "postgres.down" : "postgres.unreachable",
	         KV_CSTR("class", class_names[c->which]), KV_CSTR("cause", c->why));
}

void pg_conn_lost(struct pg_conn *c, const char *reason, const char *message)
{
	struct pg *pg = c->pg;
	uint64_t now = loop_now_ms(pg->loop);
	bool was_up = c->state == PG_UP;

	pg_why_set(c->why, message); /* before PQfinish: the message may be libpq's */
	conn_close(c);
	c->state = PG_DOWN;
	c->failures = was_up && now - c->up_since_ms >= STEADY_MS ? 0 : c->failures + 1;
	if (was_up) {
		c->down_since_ms = now;
		pg_slots_fail(c, &c->sent, FAULT_CLOSED, "the connection to Postgres was lost");
		pg_slots_rearm(c);
	}
	metric_inc(postgres_failures_total, class_names[c->which], reason);
	log_down(c, was_up);
	timer_start(pg->loop, &c->again, backoff_ms(c), on_again);
	if (!was_up)
		return;
	metric_set(METRIC_ID_postgres_up, class_names[c->which], NULL, 0);
	if (pg->config.changed)
		pg->config.changed(pg->config.user, c->which, false);
}

static void conn_init(struct pg *pg, enum pg_class which)
{
	struct pg_conn *c = &pg->conns[which];

	c->pg = pg;
	c->which = which;
	c->down_since_ms = loop_now_ms(pg->loop);
	c->prepared = mem_alloc(pg->config.statement_count * sizeof *c->prepared);
	list_init(&c->queue);
	list_init(&c->sent);
	pg_hosts_init(&c->hosts);
	op_init(&c->names.op, pg->loop, on_names);
	turn_hook_init(pg->loop, &c->flush, pg_pipe_hand_over);
	metric_set(METRIC_ID_postgres_up, class_names[which], NULL, 0);
	if (pg->url_is_valid)
		timer_start(pg->loop, &c->again, 0, on_again);
	else
		pg_why_set(c->why, "DATABASE_URL is not a Postgres URL");
}

struct pg *pg_new(struct loop *loop, const struct log *log, const struct pg_config *config)
{
	struct pg *pg = mem_new(struct pg);

	pg->loop = loop;
	pg->log = (struct log){ .parent = log };
	pg->config = *config;
	if (!pg->config.statements) {
		pg->config.statements = stmt_texts;
		pg->config.statement_count = STMT_COUNT;
	}
	if (!pg->config.connect_timeout_ms)
		pg->config.connect_timeout_ms = 5000;
	if (!pg->config.call_timeout_ms)
		pg->config.call_timeout_ms = 4000;
	if (!pg->config.pending_max)
		pg->config.pending_max = 4096;
	pg->url_is_valid = pg_url_parse(&pg->url, config->url);
	pg->config.url = NULL; /* its owner may free it */
	/* Each call in a window may have a SET and a PREPARE of ours in front. */
	slab_init(&pg->slots, sizeof(struct pg_slot),
	          PG_CLASSES * (size_t)(pg->config.pending_max + 2 * PG_WINDOW + 2));
	for (unsigned i = 0; i < PG_CLASSES; i++)
		conn_init(pg, (enum pg_class)i);
	return pg;
}

void pg_free(struct pg **pg_at)
{
	struct pg *pg = *pg_at;

	if (!pg)
		return;
	*pg_at = NULL;
	for (unsigned i = 0; i < PG_CLASSES; i++) {
		struct pg_conn *c = &pg->conns[i];

		conn_close(c);
		timer_stop(pg->loop, &c->again);
		turn_hook_remove(&c->flush);
		pg_slots_fail(c, &c->sent, FAULT_CLOSED, "the server is ending");
		pg_slots_fail(c, &c->queue, FAULT_STORE_DOWN, "the server is ending");
		pg_hosts_clear(&c->hosts);
		mem_release(c->prepared);
	}
	slab_clear(&pg->slots);
	pg_url_clear(&pg->url);
	mem_release(pg);
}

bool pg_is_up(const struct pg *pg, enum pg_class which)
{
	return pg->conns[which].state == PG_UP;
}

uint64_t pg_down_ms(const struct pg *pg, enum pg_class which)
{
	const struct pg_conn *c = &pg->conns[which];
	uint64_t ms = loop_now_ms(pg->loop) - c->down_since_ms;

	return c->state == PG_UP ? 0 : ms ? ms : 1;
}

struct str pg_why(const struct pg *pg, enum pg_class which)
{
	const struct pg_conn *c = &pg->conns[which];

	/* Ready, and waiting for the others: what holds them up. */
	for (unsigned i = 0; c->state == PG_READY && i < PG_CLASSES; i++)
		if (!pg->conns[i].checked)
			c = &pg->conns[i];
	return str_from(c->why);
}

const char *pg_class_name(enum pg_class which)
{
	return class_names[which];
}
