/*
 * Signal handles are unref'd: listening for an end must not keep the loop from ending.
 */
#include <signal.h>

#include "loop/signals.h"

static void on_end(uv_signal_t *handle, int number)
{
	struct signals *s = handle->data;

	(void)number;
	s->stops++;
	if (s->stop)
		s->stop(s, s->stops > 1);
}

static void on_hangup(uv_signal_t *handle, int number)
{
	struct signals *s = handle->data;

	(void)number;
	if (s->reload)
		s->reload(s);
}

static void listen_to(struct signals *s, struct loop *l, uv_signal_t *handle, uv_signal_cb cb, int number)
{
	CHECK(uv_signal_init(&l->uv, handle) == 0);
	handle->data = s;
	CHECK(uv_signal_start(handle, cb, number) == 0);
	uv_unref((uv_handle_t *)handle);
}

void signals_start(struct signals *s, struct loop *l)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	s->stops = 0;
	CHECK(sigaction(SIGPIPE, &ignore, NULL) == 0);
	listen_to(s, l, &s->term, on_end, SIGTERM);
	listen_to(s, l, &s->interrupt, on_end, SIGINT);
	listen_to(s, l, &s->hangup, on_hangup, SIGHUP);
}

void signals_stop(struct signals *s)
{
	uv_close((uv_handle_t *)&s->term, NULL);
	uv_close((uv_handle_t *)&s->interrupt, NULL);
	uv_close((uv_handle_t *)&s->hangup, NULL);
}
