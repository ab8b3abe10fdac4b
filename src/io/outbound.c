/*
 * outbound - two curl multis on the loop.
 *
 * curl says which sockets to watch (a poll handle each) and when to come back (one timer
 * of the loop for each multi). While curl is on the stack `inside` is set; multi_leave
 * then ends what has ended: easy handles are removed here, never in a call-back, and
 * completions are only queued.
 */
#include "io/outbound_priv.h"

#include <stdlib.h>

#include "base/mem.h"

struct outbound_socket {
	uv_poll_t handle;
	struct link link; /* in multi.sockets */
	struct outbound_multi *multi;
	curl_socket_t fd;
	int events;
	bool gone;
};

/* ---- the way into curl and out of it ---- */

static void take_results(struct outbound_multi *m)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(m->curl, &left))) {
		CURLcode rc = message->data.result;
		struct outbound_transfer *t = NULL;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		if (message->msg == CURLMSG_DONE && t)
			transfer_finish(t, rc);
	}
}

void multi_leave(struct outbound_multi *m)
{
	struct link *l;

	m->inside = false;
	take_results(m);
	while ((l = list_pop(&m->condemned)))
		transfer_end(CONTAINER_OF(l, struct outbound_transfer, pending));
	places_pump(m);
}

static void act(struct outbound_multi *m, curl_socket_t fd, int flags)
{
	int running;

	m->inside = true;
	curl_multi_socket_action(m->curl, fd, flags, &running);
	multi_leave(m);
}

static void on_timer(struct timer *t)
{
	act(CONTAINER_OF(t, struct outbound_multi, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *curl, long ms, void *arg)
{
	struct outbound_multi *m = arg;

	(void)curl;
	if (ms < 0)
		timer_stop(m->owner->loop, &m->timer);
	else
		timer_start(m->owner->loop, &m->timer, (uint64_t)ms, on_timer);
	return 0;
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct outbound_socket *s = CONTAINER_OF(handle, struct outbound_socket, handle);
	int flags = 0;

	if (status == 0 && loop_turn_is_long(s->multi->owner->loop))
		return;
	/* Both on an error: curl shall read what still lies there, then meet the error itself. */
	if (status < 0 || (events & UV_READABLE))
		flags |= CURL_CSELECT_IN;
	if (status < 0 || (events & UV_WRITABLE))
		flags |= CURL_CSELECT_OUT;
	act(s->multi, s->fd, flags);
	/* libuv stops a handle when it reports an error; `s` itself lives until its close call-back */
	if (status < 0 && !s->gone)
		uv_poll_start(&s->handle, s->events, on_poll);
}

static void on_socket_closed(uv_handle_t *handle)
{
	uv_poll_t *poll = (uv_poll_t *)handle;

	mem_release(CONTAINER_OF(poll, struct outbound_socket, handle));
}

static void socket_drop(struct outbound_socket *s)
{
	s->gone = true;
	list_remove(&s->link);
	uv_poll_stop(&s->handle);
	uv_close((uv_handle_t *)&s->handle, on_socket_closed);
}

static struct outbound_socket *socket_new(struct outbound_multi *m, curl_socket_t fd)
{
	struct outbound_socket *s = mem_new(struct outbound_socket);

	s->multi = m;
	s->fd = fd;
	if (uv_poll_init_socket(&m->owner->loop->uv, &s->handle, fd) != 0) {
		mem_release(s);
		return NULL; /* the transfer runs into its deadline */
	}
	list_append(&m->sockets, &s->link);
	curl_multi_assign(m->curl, fd, s);
	return s;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	struct outbound_multi *m = arg;
	struct outbound_socket *s = assigned;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s)
			socket_drop(s);
		curl_multi_assign(m->curl, fd, NULL);
		return 0;
	}
	if (!s)
		s = socket_new(m, fd);
	if (!s)
		return 0;
	s->events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	if (s->events)
		uv_poll_start(&s->handle, s->events, on_poll);
	else
		uv_poll_stop(&s->handle);
	return 0;
}

/* ---- data that was held back ---- */

static void resume_one(struct outbound_multi *m, struct outbound_transfer *t)
{
	CURLcode rc;

	if (t->paused || !t->held || !t->op)
		return; /* paused again, or ended: curl will hear it from a call-back */
	t->held = false;
	m->inside = true;
	rc = curl_easy_pause(t->easy, CURLPAUSE_CONT);
	m->inside = false;
	/* a call-back gave up in there: curl does not report that as a result */
	if (rc != CURLE_OK && t->call)
		transfer_finish(t, rc);
	multi_leave(m);
}

static void on_resume(struct turn_hook *h)
{
	struct outbound_multi *m = CONTAINER_OF(h, struct outbound_multi, resume);
	struct link now, *l;

	list_init(&now);
	list_move_all(&now, &m->resuming);
	while ((l = list_pop(&now)))
		resume_one(m, CONTAINER_OF(l, struct outbound_transfer, pending));
}

/* ---- beginning and end ---- */

static void multi_init(struct outbound *o, struct outbound_multi *m, bool guest)
{
	m->owner = o;
	m->guest = guest;
	list_init(&m->sockets);
	list_init(&m->condemned);
	list_init(&m->resuming);
	list_init(&m->runnable);
	map_init(&m->hosts);
	turn_hook_init(o->loop, &m->resume, on_resume);
	m->curl = curl_multi_init();
	CHECK(m->curl);
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
	curl_multi_setopt(m->curl, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	/* curl counts busy connections too: below their number it would close each one after use */
	curl_multi_setopt(m->curl, CURLMOPT_MAXCONNECTS, (long)(o->config.connections_per_host + IDLE_CONNECTIONS));
}

static void multi_clear(struct outbound_multi *m)
{
	turn_hook_remove(&m->resume);
	curl_multi_cleanup(m->curl);
	timer_stop(m->owner->loop, &m->timer);
	LIST_EACH_SAFE(&m->sockets, l)
		socket_drop(CONTAINER_OF(l, struct outbound_socket, link));
	CHECK(m->hosts.count == 0);
	map_clear(&m->hosts);
}

static void find_ca_file(struct outbound *o)
{
	const char *named = getenv("SSL_CERT_FILE");
	struct str path = named && named[0] ? str_from(named) : STR("/etc/ssl/certs/ca-certificates.crt");

	/* a path that is too long is one that cannot be read: nothing is trusted then */
	if (!str_to_cstr(path, o->ca_file, sizeof(o->ca_file)))
		o->ca_file[0] = '\0';
}

static unsigned or_default(unsigned value, unsigned otherwise)
{
	return value ? value : otherwise;
}

struct outbound *outbound_new(struct loop *loop, const struct log *log, const struct outbound_config *config)
{
	struct outbound *o = mem_new(struct outbound);
	struct str bad;

	o->loop = loop;
	o->log = log;
	o->config = *config;
	o->config.connections_max = or_default(config->connections_max, 1024);
	o->config.connections_per_host = or_default(config->connections_per_host, 256);
	o->config.queued_max = or_default(config->queued_max, 20000);
	if (!address_guard_parse(&o->guard, config->allow_hosts, &bad)) {
		LOG_ERROR(log, "outbound.bad_allow_hosts", KV_STR("entry", bad));
		mem_release(o);
		return NULL;
	}
	CHECK(curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK);
	list_init(&o->live);
	slab_init(&o->transfers, sizeof(struct outbound_transfer),
	          (size_t)o->config.queued_max + 2 * (size_t)o->config.connections_max);
	multi_init(o, &o->multis[OUTBOUND_OPERATOR], false);
	multi_init(o, &o->multis[OUTBOUND_GUEST], true);
	find_ca_file(o);
	return o;
}

void outbound_free(struct outbound **op)
{
	struct outbound *o = *op;
	struct link *l;

	if (!o)
		return;
	o->multis[0].pumping = o->multis[1].pumping = true; /* nobody gets in any more */
	while ((l = list_first(&o->live))) {
		struct outbound_transfer *t = CONTAINER_OF(l, struct outbound_transfer, live);

		if (t->op)
			op_finish(t->op, FAULT_CANCELLED);
		transfer_end(t);
	}
	while (o->pooled > 0)
		curl_easy_cleanup(o->pool[--o->pooled]);
	multi_clear(&o->multis[0]);
	multi_clear(&o->multis[1]);
	slab_clear(&o->transfers);
	trust_clear(o);
	curl_global_cleanup();
	mem_release(o);
	*op = NULL;
}
