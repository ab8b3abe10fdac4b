/*
 * outbound_easy - one request as options of a libcurl easy handle, and its call-backs.
 *
 *  1. curl never resolves a name: CONNECT_TO sends every connection of the handle to one
 *     numeric address. (With CURLOPT_RESOLVE the pin would stay in the multi for all others,
 *     and a changed pin would be ignored while an old connection lives.) Host field,
 *     server name and certificate check still go by the URL.
 *  2. A paid request leaves once. Its body comes from a call-back that cannot be rewound,
 *     and a second beginning is refused after a byte has left, with or without a body.
 *  3. Every call-back looks at the slot first: without it the owner's memory may be gone.
 *  4. A call-back that makes curl give up says why in `verdict`.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "io/outbound_priv.h"

CURL *easy_take(struct outbound *o)
{
	CURL *easy = o->pooled > 0 ? o->pool[--o->pooled] : curl_easy_init();

	CHECK(easy);
	return easy;
}

/* Only after a whole answer: curl_easy_reset forgets the options, but not that a broken
 * transfer was to rewind its body, and the next one would fail for it with rc 65. */
void easy_give_back(struct outbound *o, CURL *easy, bool whole)
{
	if (!whole || o->pooled == EASY_POOL) {
		curl_easy_cleanup(easy);
		return;
	}
	curl_easy_reset(easy);
	o->pool[o->pooled++] = easy;
}

bool easy_has_sent(const struct outbound_transfer *t)
{
	long bytes = 0;

	if (t->easy && t->state == TRANSFER_RUNNING)
		curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &bytes);
	return bytes > 0;
}

/* ---- call-backs ---- */

/* curl is about to send again what has left already: on another connection, by itself. */
static bool is_second_time(struct outbound_transfer *t)
{
	if (!t->asked || t->repeatable || !easy_has_sent(t))
		return false;
	t->verdict = FAULT_CLOSED;
	return true;
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct outbound_transfer *t = arg;

	(void)purpose;
	if (!t->op || (address->family != AF_INET && address->family != AF_INET6) || is_second_time(t))
		return CURL_SOCKET_BAD;
	if (t->multi->guest &&
	    !address_guard_allows(&t->multi->owner->guard, t->url.host, t->url.port, &address->addr)) {
		t->verdict = FAULT_FORBIDDEN;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
}

/* A connection stands and the request is about to be written to it. */
static int on_request(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct outbound_transfer *t = arg;

	(void)remote_ip;
	(void)local_ip;
	(void)remote_port;
	(void)local_port;
	if (!t->op || is_second_time(t))
		return CURL_PREREQFUNC_ABORT;
	t->asked = true;
	return CURL_PREREQFUNC_OK;
}

static size_t on_read(char *p, size_t size, size_t count, void *arg)
{
	struct outbound_transfer *t = arg;
	size_t n;

	if (!t->op)
		return CURL_READFUNC_ABORT;
	if (body_read(t, p, size * count, &n))
		return n;
	t->verdict = FAULT_STORAGE;
	return CURL_READFUNC_ABORT;
}

static bool is_success(const struct outbound_call *call)
{
	return call->status >= 200 && call->status < 300;
}

/* Beyond the caps a field is left out: a call is not lost for it. */
static void add_header(struct outbound_transfer *t, struct str line)
{
	struct outbound_call *call = t->call;
	struct str value = line;
	struct str name = str_cut(&value, ':');

	t->head_bytes += line.n;
	if (!value.p || call->header_count == ANSWER_HEADERS_MAX || t->head_bytes > ANSWER_HEAD_BYTES)
		return;
	if (!call->headers)
		call->headers = arena_array(&call->arena, struct imago_header, ANSWER_HEADERS_MAX);
	name = arena_copy(&call->arena, name);
	value = arena_copy(&call->arena, str_trim(value));
	if (!call->arena.overflowed)
		call->headers[call->header_count++] = (struct imago_header){ .name = name, .value = value };
}

/* The announced length, where it counts: a body that could not be taken is not begun. */
static bool length_fits(const struct outbound_transfer *t)
{
	const struct outbound_call *call = t->call;
	struct imago_reply reply = outbound_reply(call);
	uint64_t length;

	if (str_is(str_from(call->request.method), "HEAD") || (call->data && !is_success(call)))
		return true;
	if (call->status == 204 || call->status == 304)
		return true;
	return !str_to_u64(imago_reply_header(&reply, "content-length"), &length) || length <= call->body_limit;
}

static bool end_of_head(struct outbound_transfer *t)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return true; /* the real one follows */
	t->call->status = (int)status;
	t->head_done = true;
	if (length_fits(t))
		return true;
	t->verdict = FAULT_TOO_LARGE;
	return false;
}

static size_t on_header(char *p, size_t size, size_t count, void *arg)
{
	struct outbound_transfer *t = arg;
	struct str line = { p, size * count };

	if (!t->op)
		return 0;
	if (t->head_done)
		return line.n; /* a trailer */
	if (str_starts(line, STR("HTTP/"))) {
		t->call->header_count = 0;
		t->head_bytes = 0;
		return line.n;
	}
	if (str_trim(line).n == 0)
		return end_of_head(t) ? line.n : 0;
	add_header(t, line);
	return line.n;
}

static bool keep(struct outbound_transfer *t, const char *p, size_t n)
{
	struct outbound_call *call = t->call;
	size_t room;

	if (!call->data) {
		buf_put(&call->body, p, n);
		return true;
	}
	if (!is_success(call)) {
		room = ERROR_BODY_BYTES - buf_len(&call->body);
		buf_put(&call->body, p, n < room ? n : room);
		return true;
	}
	if (call->data(call, p, n))
		return true;
	t->verdict = FAULT_CANCELLED;
	return false;
}

static size_t on_body(char *p, size_t size, size_t count, void *arg)
{
	struct outbound_transfer *t = arg;
	size_t n = size * count;

	if (!t->op)
		return 0;
	if (t->paused) {
		t->held = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	t->call->received += n;
	if (t->call->received > t->call->body_limit) {
		t->verdict = FAULT_TOO_LARGE;
		return 0;
	}
	/* the owner may have ended the call in there */
	return keep(t, p, n) && t->op ? n : 0;
}

/* ---- set-up ---- */

static void append(struct curl_slist **list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);

	CHECK(longer);
	*list = longer;
}

static void free_list(struct curl_slist **list)
{
	for (struct curl_slist *l = *list; l; l = l->next)
		wipe(l->data, strlen(l->data)); /* keys of providers among them */
	curl_slist_free_all(*list);
	*list = NULL;
}

static void append_header(struct outbound_transfer *t, const struct imago_header *h)
{
	struct buf line;

	buf_init(&line, h->name.n + h->value.n + 4);
	buf_str(&line, h->name);
	if (h->value.n > 0) {
		buf_cstr(&line, ": ");
		buf_str(&line, h->value);
	} else {
		buf_byte(&line, ';'); /* how curl is told to send it empty */
	}
	buf_byte(&line, '\0');
	CHECK(!line.overflowed);
	append(&t->headers, buf_view(&line).p);
	wipe(line.p, line.size);
	buf_clear(&line);
}

static void set_headers(struct outbound_transfer *t)
{
	const struct imago_call *r = &t->call->request;
	bool typed = false;

	append(&t->headers, "Expect:");
	for (unsigned i = 0; i < r->header_count; i++) {
		typed = typed || str_eq_nocase(r->headers[i].name, STR("content-type"));
		append_header(t, &r->headers[i]);
	}
	if (!typed)
		append(&t->headers, "Content-Type:"); /* or curl calls every body a form */
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_method(struct outbound_transfer *t)
{
	const struct imago_call *r = &t->call->request;
	struct str method = str_from(r->method);
	bool get = str_is(method, "GET"), head = str_is(method, "HEAD");
	uint64_t length = body_length(t->call);
	bool with_length = length > 0 || str_is(method, "POST") || str_is(method, "PUT") || str_is(method, "PATCH");

	t->repeatable = (get || head) && length == 0;
	body_begin(t);
	if (with_length) {
		curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
		curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
	} else if (head) {
		curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
	}
	if (with_length ? !str_is(method, "POST") : !get && !head)
		curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_url(struct outbound_transfer *t)
{
	struct outbound_call *call = t->call;
	const char *address = t->names.addresses[t->address];
	struct buf text;

	buf_init(&text, call->request.url.n + 1);
	buf_str(&text, call->request.url);
	buf_byte(&text, '\0');
	CHECK(curl_easy_setopt(t->easy, CURLOPT_URL, buf_view(&text).p) == CURLE_OK);
	buf_clear(&text);
	/* any host, any port -> this address, the port of the URL */
	buf_init(&text, NAMES_TEXT + 8);
	buf_printf(&text, strchr(address, ':') ? "::[%s]:" : "::%s:", address);
	buf_byte(&text, '\0');
	append(&t->connect_to, buf_view(&text).p);
	buf_clear(&text);
	CHECK(curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to) == CURLE_OK);
	curl_easy_setopt(t->easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(t->easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
}

static void set_times(struct outbound_transfer *t)
{
	unsigned all_ms = t->call->timeout_ms, low_ms = t->call->low_speed_ms;
	bool is_last = t->address + 1 >= t->names.count;
	unsigned part_ms = all_ms / 2 < NEXT_ADDRESS_MS ? all_ms / 2 + 1 : NEXT_ADDRESS_MS;
	unsigned connect_ms = is_last ? all_ms : part_ms;

	/* the op's deadline ends the call; these only end attempts */
	curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	if (low_ms > 0) {
		curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, 1024L);
		curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, (long)((low_ms + 999) / 1000));
	}
}

static void set_connection(struct outbound_transfer *t)
{
	CURL *easy = t->easy;

	CHECK(curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_AGE_S);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)CONNECTION_IDLE_S);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "imago");
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
	trust_set_up(t->multi->owner, easy);
	if (t->multi->guest) {
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	}
}

void easy_set_up(struct outbound_transfer *t)
{
	CURL *easy = t->easy;

	t->error[0] = '\0';
	t->asked = false;
	t->head_done = false;
	set_url(t);
	set_connection(t);
	set_times(t);
	set_method(t);
	set_headers(t);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
}

void easy_clear(struct outbound_transfer *t, bool whole)
{
	easy_give_back(t->multi->owner, t->easy, whole); /* before the lists it points to */
	t->easy = NULL;
	free_list(&t->headers);
	free_list(&t->connect_to);
}
