#pragma once
/*
 * signals - TERM and INT ask for an orderly end (a second one for an end now), HUP for a
 * reload; SIGPIPE is ignored. Callbacks run on the loop.
 */
#include <uv.h>

#include "loop/loop.h"

struct signals {
	uv_signal_t term, interrupt, hangup;
	unsigned stops;
	void (*stop)(struct signals *s, bool now);
	void (*reload)(struct signals *s);
};

void signals_start(struct signals *s, struct loop *l);
void signals_stop(struct signals *s);
