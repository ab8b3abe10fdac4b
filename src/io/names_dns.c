/*
 * names_dns - questions to DNS servers, by c-ares on the loop.
 *
 * c-ares tells which sockets it wants watched (one poll handle for each) and how long it is
 * willing to wait (one timer, set again after everything that may have changed it).
 *
 *  1. names_answered only queues completions, so the loop's owner never runs inside c-ares.
 *  2. A poll handle is stopped inside the call-back that takes the socket away (c-ares
 *     closes it right after) and freed when libuv has closed it.
 *  3. The channel is made again when resolv.conf has changed and nothing is being asked.
 */
#include <arpa/inet.h>
#include <netdb.h>

#include "base/mem.h"
#include "io/names_priv.h"

struct dns_poll {
	uv_poll_t handle;
	struct link link; /* in names.polls */
	struct names *names;
	ares_socket_t fd;
};

static const char resolv_path[] = "/etc/resolv.conf";

static void on_patience(struct timer *t);

static void set_timer(struct names *n)
{
	struct timeval wait;
	uint64_t ms;

	if (!n->channel || !ares_timeout(n->channel, NULL, &wait)) {
		timer_stop(n->loop, &n->patience);
		return;
	}
	/* rounded up: a timer that is a little early would find nothing to do */
	ms = (uint64_t)wait.tv_sec * 1000 + (uint64_t)wait.tv_usec / 1000 + 1;
	timer_start(n->loop, &n->patience, ms, on_patience);
}

static void on_patience(struct timer *t)
{
	struct names *n = CONTAINER_OF(t, struct names, patience);

	ares_process_fd(n->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(n);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct dns_poll *p = CONTAINER_OF(handle, struct dns_poll, handle);
	struct names *n = p->names;
	bool readable = status < 0 || (events & UV_READABLE);
	bool writable = status < 0 || (events & UV_WRITABLE);

	/* `p` may be gone after this */
	ares_process_fd(n->channel, readable ? p->fd : ARES_SOCKET_BAD, writable ? p->fd : ARES_SOCKET_BAD);
	set_timer(n);
}

static void on_poll_closed(uv_handle_t *handle)
{
	uv_poll_t *poll = (uv_poll_t *)handle;

	mem_release(CONTAINER_OF(poll, struct dns_poll, handle));
}

static void poll_drop(struct dns_poll *p)
{
	list_remove(&p->link);
	uv_poll_stop(&p->handle);
	uv_close((uv_handle_t *)&p->handle, on_poll_closed);
}

static struct dns_poll *poll_for(struct names *n, ares_socket_t fd)
{
	struct dns_poll *p;

	LIST_EACH(&n->polls, l) {
		p = CONTAINER_OF(l, struct dns_poll, link);
		if (p->fd == fd)
			return p;
	}
	p = mem_new(struct dns_poll);
	p->names = n;
	p->fd = fd;
	if (uv_poll_init_socket(&n->loop->uv, &p->handle, fd) != 0) {
		mem_release(p);
		return NULL; /* the question runs into its time-out */
	}
	list_append(&n->polls, &p->link);
	return p;
}

static void on_socket(void *data, ares_socket_t fd, int readable, int writable)
{
	struct dns_poll *p = poll_for(data, fd);

	if (!p)
		return;
	if (readable || writable)
		uv_poll_start(&p->handle, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_poll);
	else
		poll_drop(p);
}

static void channel_open(struct names *n)
{
	char lookups[] = "b";
	struct ares_options options = {
		.timeout = DNS_TRY_MS,
		.tries = DNS_TRIES,
		.lookups = lookups, /* DNS only: the hosts file is read by us, c-ares would read it each time */
		.sock_state_cb = on_socket,
		.sock_state_cb_data = n,
	};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;

	/* Another server than the machine's: its search domains do not belong to it. */
	if (n->server_count > 0)
		mask |= ARES_OPT_DOMAINS;
	file_changed(resolv_path, &n->resolv_mark);
	if (ares_init_options(&n->channel, &options, mask) != ARES_SUCCESS) {
		n->channel = NULL;
		return;
	}
	if (n->server_count > 0 && ares_set_servers_ports(n->channel, n->servers) != ARES_SUCCESS) {
		ares_destroy(n->channel);
		n->channel = NULL;
	}
}

void names_dns_init(struct names *n)
{
	list_init(&n->polls);
	CHECK(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
}

void names_dns_clear(struct names *n)
{
	if (n->channel)
		ares_destroy(n->channel); /* answers what is still asked with EDESTRUCTION */
	n->channel = NULL;
	timer_stop(n->loop, &n->patience);
	LIST_EACH_SAFE(&n->polls, l)
		poll_drop(CONTAINER_OF(l, struct dns_poll, link));
	ares_library_cleanup();
}

void names_dns_look(struct names *n)
{
	if (n->asking > 0 || n->server_count > 0 || !file_changed(resolv_path, &n->resolv_mark))
		return;
	if (n->channel)
		ares_destroy(n->channel);
	n->channel = NULL;
	timer_stop(n->loop, &n->patience);
}

/* ---- one question ---- */

static enum fault_code fault_of(int status)
{
	switch (status) {
	case ARES_SUCCESS: return FAULT_NONE;
	case ARES_ETIMEOUT: return FAULT_TIMEOUT;
	case ARES_ECANCELLED:
	case ARES_EDESTRUCTION: return FAULT_CANCELLED;
	default: return FAULT_NOT_SENT;
	}
}

static void add_family(struct addresses *out, const struct ares_addrinfo *info, int family, unsigned most)
{
	for (const struct ares_addrinfo_node *a = info->nodes; a && out->count < most; a = a->ai_next) {
		char text[NAMES_TEXT];
		const void *bytes =
			family == AF_INET
				? (const void *)&((const struct sockaddr_in *)(const void *)a->ai_addr)->sin_addr
				: (const void *)&((const struct sockaddr_in6 *)(const void *)a->ai_addr)->sin6_addr;

		if (a->ai_family == family && inet_ntop(family, bytes, text, sizeof(text)))
			addresses_add(out, str_from(text));
	}
}

static bool has_family(const struct ares_addrinfo *info, int family)
{
	const struct ares_addrinfo_node *a = info->nodes;

	while (a && a->ai_family != family)
		a = a->ai_next;
	return a != NULL;
}

static uint64_t least_ttl_ms(const struct ares_addrinfo *info)
{
	int least = TTL_MOST_MS / 1000;

	for (const struct ares_addrinfo_node *a = info->nodes; a; a = a->ai_next)
		least = a->ai_ttl < least ? a->ai_ttl : least;
	for (const struct ares_addrinfo_cname *c = info->cnames; c; c = c->next)
		least = c->ttl < least ? c->ttl : least;
	return (uint64_t)(least > 0 ? least : 0) * 1000;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct name_entry *e = arg;
	struct addresses a = { 0 };
	uint64_t ttl_ms = 0;

	(void)timeouts;
	if (status == ARES_SUCCESS && info) {
		/* IPv4 first, but one place for IPv6: the machine may have nothing else */
		add_family(&a, info, AF_INET,
		           has_family(info, AF_INET6) ? NAMES_ADDRESSES_MAX - 1 : NAMES_ADDRESSES_MAX);
		add_family(&a, info, AF_INET6, NAMES_ADDRESSES_MAX);
		ttl_ms = least_ttl_ms(info);
	}
	if (info)
		ares_freeaddrinfo(info);
	if (status == ARES_SUCCESS && a.count == 0)
		status = ARES_ENODATA;
	names_answered(e, fault_of(status), &a, ttl_ms);
}

void names_dns_ask(struct names *n, struct name_entry *e)
{
	/* NOSORT: sorting would open a socket to each address, just to see the route */
	struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
		                             .ai_socktype = SOCK_STREAM,
		                             .ai_flags = ARES_AI_NOSORT };

	if (!n->channel)
		channel_open(n);
	if (!n->channel) {
		names_answered(e, FAULT_NOT_SENT, &(struct addresses){ 0 }, 0);
		return;
	}
	ares_getaddrinfo(n->channel, e->name, NULL, &hints, on_answer, e);
	set_timer(n);
}
