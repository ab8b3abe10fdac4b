/*
 * The server: what all connections share, and how it ends.
 *
 *   init -> listen... -> drain -> (last connection closed) drained -> stop -> clear
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/metric.h"
#include "http/edge.h"

enum { SPARE_CONNS = 256 }; /* accepted in the turn in which as many others close */

const struct http_limits http_default_limits = {
	.head_bytes = 32 * 1024,
	.fields = 100,
	.target_bytes = 8 * 1024,
	.head_ms = 10 * 1000,
	.stall_ms = 30 * 1000,
	.body_bytes_per_s = 1024,
	.idle_ms = 75 * 1000,
	.connections = 10000,
	.request_arena_bytes = 1024 * 1024,
	.write_high_bytes = 256 * 1024,
};

static void tell_drained(struct http_server *s)
{
	void (*drained)(struct http_server *) = s->edge->drained;

	if (!s->draining || s->conn_count || !drained)
		return;
	s->edge->drained = NULL;
	drained(s);
}

static void on_turn_end(struct turn_hook *h)
{
	struct http_edge *e = CONTAINER_OF(h, struct http_edge, hook);
	struct link now;
	struct link *first;

	list_init(&now);
	list_move_all(&now, &e->kicked);
	while ((first = list_pop(&now)))
		conn_run(CONTAINER_OF(first, struct http_conn, kick));
	tell_drained(e->server);
}

void http_server_init(struct http_server *s, struct loop *l, const struct http_limits *limits,
                      const struct http_hooks *hooks)
{
	struct http_edge *e = mem_new(struct http_edge);

	*s = (struct http_server){ .loop = l, .hooks = *hooks, .edge = e };
	s->limits = limits ? *limits : http_default_limits;
	CHECK(hooks->request);
	list_init(&s->conns);
	list_init(&s->listeners);
	e->server = s;
	list_init(&e->kicked);
	slab_init(&e->conns, sizeof(struct http_conn), s->limits.connections + SPARE_CONNS);
	slab_init(&e->requests, sizeof(struct request), s->limits.connections + SPARE_CONNS);
	turn_hook_init(l, &e->hook, on_turn_end);
	e->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	e->date_s = -1;
	random_bytes(&e->id_state, sizeof(e->id_state));
}

/* Formatted once a second. */
struct str edge_date(struct http_server *s)
{
	struct http_edge *e = s->edge;
	int64_t now_us = wall_us();

	if (now_us / 1000000 != e->date_s) {
		e->date_s = now_us / 1000000;
		(void)wall_http_date(now_us, e->date);
	}
	return str_from(e->date);
}

/* splitmix64: for request ids, which need to differ, not to be secret. */
uint64_t edge_random(struct http_edge *e)
{
	uint64_t z = (e->id_state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void edge_conn_gone(struct http_server *s)
{
	s->conn_count--;
	metric_set(METRIC_ID_http_connections, NULL, NULL, s->conn_count);
	if (s->draining)
		loop_at_turn_end(&s->edge->hook);
}

void http_server_drain(struct http_server *s, void (*drained)(struct http_server *s))
{
	s->draining = true;
	s->edge->drained = drained;
	listeners_close(s);
	LIST_EACH(&s->conns, link)
		conn_kick(CONTAINER_OF(link, struct http_conn, link));
	loop_at_turn_end(&s->edge->hook);
}

void http_server_stop(struct http_server *s)
{
	s->draining = true;
	listeners_close(s);
	LIST_EACH(&s->conns, link)
		conn_break(CONTAINER_OF(link, struct http_conn, link));
	loop_at_turn_end(&s->edge->hook);
}

void http_server_clear(struct http_server *s)
{
	struct http_edge *e = s->edge;

	if (!e)
		return;
	CHECK(s->conn_count == 0 && list_is_empty(&s->listeners));
	turn_hook_remove(&e->hook);
	timer_stop(s->loop, &e->accept_again);
	while (e->spare) {
		struct request *r = e->spare;

		e->spare = r->next_spare;
		buf_clear(&r->answer.head);
		arena_clear(&r->pub.arena);
	}
	slab_clear(&e->conns);
	slab_clear(&e->requests);
	if (e->reserve_fd >= 0)
		close(e->reserve_fd);
	mem_release(e);
	s->edge = NULL;
}
