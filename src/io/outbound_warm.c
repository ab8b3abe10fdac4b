/*
 * outbound_warm - make each multi load its certificate authorities before anybody waits.
 *
 * libcurl parses the bundle when the first answer to a TLS greeting arrives, and keeps the
 * store in the multi. So one greeting is sent to a listener of our own that answers
 * nonsense: the handshake fails, the store stays (27 ms before, 0.4 ms after).
 */
#include "io/outbound_priv.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WARM_ROUNDS = 100, WARM_WAIT_MS = 5 };

static int listen_on_loopback(char connect_to[32])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 1) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0) {
		close(fd);
		return -1;
	}
	snprintf(connect_to, 32, "::127.0.0.1:%u", ntohs(a.sin_port));
	return fd;
}

/* Waits for the greeting or, where there is no connection yet, for that. */
static void answer_nonsense(int listener, int *peer)
{
	static const char nonsense[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
	struct pollfd p = { .fd = *peer < 0 ? listener : *peer, .events = POLLIN };

	if (poll(&p, 1, WARM_WAIT_MS) <= 0)
		return;
	if (*peer < 0)
		*peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	else
		(void)send(*peer, nonsense, sizeof(nonsense) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool has_ended(CURLM *curl)
{
	int left;

	return curl_multi_info_read(curl, &left) != NULL;
}

static bool warm_one(struct outbound_multi *m, int listener, const char *connect_to)
{
	CURL *easy = easy_take(m->owner);
	struct curl_slist *list = curl_slist_append(NULL, connect_to);
	int peer = -1, running = 1;
	bool ended = false;

	CHECK(list);
	curl_easy_setopt(easy, CURLOPT_URL, "https://warm.invalid/");
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, list);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	easy_set_tls(m->owner, easy);
	curl_multi_add_handle(m->curl, easy);
	for (int i = 0; i < WARM_ROUNDS && !ended; i++) {
		curl_multi_perform(m->curl, &running);
		ended = has_ended(m->curl);
		if (!ended)
			answer_nonsense(listener, &peer);
	}
	curl_multi_remove_handle(m->curl, easy);
	easy_give_back(m->owner, easy);
	curl_slist_free_all(list);
	if (peer >= 0)
		close(peer);
	return ended;
}

void outbound_warm(struct outbound *o)
{
	char connect_to[32];
	int listener = listen_on_loopback(connect_to);
	bool warm = listener >= 0;

	for (unsigned i = 0; i < COUNT_OF(o->multis) && warm; i++) {
		CHECK(o->multis[i].active == 0);        /* before the first call */
		warm = warm_one(&o->multis[i], listener, connect_to);
	}
	if (listener >= 0)
		close(listener);
	if (!warm)
		LOG_WARN(o->log, "outbound.not_warm");
}
