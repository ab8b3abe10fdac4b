/*
 * Listening sockets, each watched by a uv_poll_t and accepted by hand.
 *
 * Why not uv_listen: when descriptors run out its own rescue may fail, and then it calls
 * accept in a loop without end. Here a descriptor kept in reserve is given up for a moment, what
 * waits is accepted and closed (the client sees an end, not silence), then the listeners
 * rest for a while. Clients that are connected do not notice.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/metric.h"
#include "http/edge.h"

enum { ACCEPT_BATCH = 64, ACCEPT_REST_MS = 50, BACKLOG = 4096, KEEPALIVE_IDLE_S = 60, KEEPALIVE_EVERY_S = 15 };

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

static socklen_t address_size(const union address *a)
{
	if (a->any.sa_family == AF_INET)
		return sizeof(a->v4);
	return a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->un);
}

/* ---- accepting ---- */

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void on_rested(struct timer *t)
{
	struct http_edge *e = CONTAINER_OF(t, struct http_edge, accept_again);

	LIST_EACH(&e->server->listeners, link) {
		struct listener *l = CONTAINER_OF(link, struct listener, link);

		uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
	}
}

static void rest(struct http_server *s)
{
	LIST_EACH(&s->listeners, link) {
		struct listener *l = CONTAINER_OF(link, struct listener, link);

		uv_poll_stop(&l->poll);
	}
	timer_start(s->loop, &s->edge->accept_again, ACCEPT_REST_MS, on_rested);
}

/* No descriptor left: turn away who waits with the one in reserve. */
static void turn_away(struct listener *l)
{
	struct http_edge *e = l->server->edge;

	if (e->reserve_fd >= 0)
		close(e->reserve_fd);
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			break;
		close(fd);
	}
	e->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	rest(l->server);
}

static void accept_failed(struct listener *l, int error)
{
	switch (error) {
	case EAGAIN:
	case EINTR:
	case ECONNABORTED: return;
	case EMFILE:
	case ENFILE:
		metric_inc(http_accept_failures_total, "descriptors", NULL);
		turn_away(l);
		return;
	default:
		metric_inc(http_accept_failures_total, "error", NULL);
		LOG_WARN(&l->server->log, "http.accept_failed", KV_CSTR("error", strerrorname_np(error)));
		rest(l->server);
	}
}

static bool accept_one(struct listener *l)
{
	struct http_server *s = l->server;
	struct sockaddr_storage peer = { .ss_family = AF_UNIX };
	socklen_t n = sizeof(peer);
	int fd = accept4(l->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		accept_failed(l, errno);
		return false;
	}
	if (s->conn_count < s->limits.connections && conn_open(s, fd, &peer))
		return true;
	close(fd);
	metric_inc(http_accept_failures_total, "limit", NULL);
	return true;
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
	struct listener *l = CONTAINER_OF(poll, struct listener, poll);

	(void)events;
	if (status < 0) {
		rest(l->server);
		return;
	}
	for (int i = 0; i < ACCEPT_BATCH && accept_one(l); i++)
		;
}

/* ---- listening ---- */

static bool say(struct str *why, const char *text)
{
	*why = str_from(text);
	return false;
}

static bool parse_unix(struct str path, union address *out, struct str *why)
{
	out->un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (path.n == 0 || !str_to_cstr(path, out->un.sun_path, sizeof(out->un.sun_path)))
		return say(why, "the path of the unix socket is empty or too long");
	return true;
}

static bool parse_address(struct str text, union address *out, struct str *why)
{
	struct str host = text, port_text;
	char z[INET6_ADDRSTRLEN];
	uint64_t port;
	size_t colon;

	if (str_starts(text, STR("unix:")))
		return parse_unix(str_skip(text, 5), out, why);
	for (colon = text.n; colon > 0 && text.p[colon - 1] != ':'; colon--)
		;
	if (colon == 0)
		return say(why, "an address is host:port, [host]:port or unix:path");
	host.n = colon - 1;
	port_text = str_skip(text, colon);
	if (!str_to_u64(port_text, &port) || port > 65535)
		return say(why, "the port is not a number from 0 to 65535");
	if (str_is(host, "localhost"))
		host = STR("127.0.0.1");
	if (host.n == 0 || str_is(host, "*"))
		host = STR("0.0.0.0");
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
		if (str_to_cstr(str_sub(host, 1, host.n - 2), z, sizeof(z)) && uv_ip6_addr(z, (int)port, &out->v6) == 0)
			return true;
	} else if (str_to_cstr(host, z, sizeof(z)) && uv_ip4_addr(z, (int)port, &out->v4) == 0) {
		return true;
	}
	return say(why, "the host is not an address: names are not looked up here");
}

/* A socket file that nobody listens on was left by a process that is gone. */
static void remove_stale(const union address *a)
{
	struct stat st;
	int fd;

	if (lstat(a->un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, &a->any, sizeof(a->un)) != 0 && errno == ECONNREFUSED)
		unlink(a->un.sun_path);
	close(fd);
}

/* Accepted sockets inherit these. Keep-alive probes: a handler may wait for minutes, and a
 * client whose machine is gone sends nothing. */
static void set_options(int fd, int family)
{
	int on = 1, idle_s = KEEPALIVE_IDLE_S, every_s = KEEPALIVE_EVERY_S;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
}

static int open_socket(const union address *a, struct str *why)
{
	int family = a->any.sa_family;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		say(why, "a socket cannot be made");
		return -1;
	}
	if (family == AF_UNIX)
		remove_stale(a);
	else
		set_options(fd, family);
	if (bind(fd, &a->any, address_size(a)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	say(why, errno == EADDRINUSE ? "the address is in use"
	         : errno == EACCES   ? "permission denied"
	                             : "the address cannot be used here");
	close(fd);
	return -1;
}

static uint16_t port_of(int fd)
{
	union address a;
	socklen_t n = sizeof(a);

	if (getsockname(fd, &a.any, &n) != 0)
		return 0;
	if (a.any.sa_family == AF_INET)
		return ntohs(a.v4.sin_port);
	return a.any.sa_family == AF_INET6 ? ntohs(a.v6.sin6_port) : 0;
}

bool http_server_listen(struct http_server *s, struct str address, struct str *why)
{
	union address a;
	struct listener *l;
	int fd;

	if (!parse_address(address, &a, why))
		return false;
	fd = open_socket(&a, why);
	if (fd < 0)
		return false;
	l = mem_new(struct listener);
	l->server = s;
	l->fd = fd;
	l->port = port_of(fd);
	if (a.any.sa_family == AF_UNIX) {
		l->path = mem_alloc(sizeof(a.un.sun_path));
		memcpy(l->path, a.un.sun_path, sizeof(a.un.sun_path));
	}
	CHECK(uv_poll_init(&s->loop->uv, &l->poll, fd) == 0);
	CHECK(uv_poll_start(&l->poll, UV_READABLE, on_acceptable) == 0);
	list_append(&s->listeners, &l->link);
	return true;
}

uint16_t http_server_port(const struct http_server *s)
{
	LIST_EACH(&s->listeners, link) {
		struct listener *l = CONTAINER_OF(link, struct listener, link);

		if (l->port)
			return l->port;
	}
	return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct listener *l = CONTAINER_OF((uv_poll_t *)handle, struct listener, poll);

	mem_release(l->path);
	mem_release(l);
}

void listeners_close(struct http_server *s)
{
	struct link *first;

	timer_stop(s->loop, &s->edge->accept_again);
	while ((first = list_pop(&s->listeners))) {
		struct listener *l = CONTAINER_OF(first, struct listener, link);

		uv_poll_stop(&l->poll);
		if (l->path)
			unlink(l->path);
		close(l->fd);
		uv_close((uv_handle_t *)&l->poll, on_listener_closed);
	}
}
