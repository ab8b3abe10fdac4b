/*
 * outbound_call - the owner's side of a call, and the life of the transfer behind it.
 *
 *  1. The owner's `done` runs behind on_done: when the op has ended early (deadline, op_cancel)
 *     the transfer is cut there, outside of curl, and `sent` is read from curl one last time.
 *  2. After op_forget nobody tells us: the call-backs see the cut slot and make curl give
 *     up; outbound_call_clear cuts the transfer at once. Until then the call must stay.
 *  3. A transfer is freed by transfer_end only, never while curl is on the stack; who
 *     wants it gone earlier puts it on multi.condemned.
 *  4. Where a name has several addresses they are tried in turn as long as nothing was sent.
 */
#include "io/outbound_priv.h"

static void on_done(struct op *op);

void outbound_call_init(struct outbound_call *call, struct loop *loop, void (*done)(struct op *op))
{
	*call = (struct outbound_call){ .done = done };
	op_init(&call->op, loop, on_done);
	arena_init(&call->arena, CALL_ARENA_BYTES);
	buf_init(&call->body, 0);
}

/* The owner has ended the call: no call-back may touch it any more. */
static void transfer_cut(struct outbound_transfer *t)
{
	struct outbound_multi *m = t->multi;

	CHECK(!t->op);
	t->call->sent = easy_has_sent(t);
	t->call->transfer = NULL;
	t->call = NULL;
	if (!m->inside) {
		transfer_end(t);
		return;
	}
	list_remove(&t->pending);
	list_append(&m->condemned, &t->pending);
}

static void on_done(struct op *op)
{
	struct outbound_call *call = CONTAINER_OF(op, struct outbound_call, op);

	if (call->transfer)
		transfer_cut(call->transfer);
	if (op->fault.code == FAULT_TIMEOUT && !call->sent) {
		op->fault.code = FAULT_NOT_SENT;
		op->fault.cause = STR("the time was over before anything was sent");
	}
	call->done(op);
}

void outbound_call_clear(struct outbound_call *call)
{
	op_forget(&call->op);
	if (call->transfer)
		transfer_cut(call->transfer);
	buf_clear(&call->body);
	arena_clear(&call->arena);
	call->headers = NULL;
	call->header_count = 0;
}

static void refuse(struct outbound_call *call, enum fault_code code, struct str cause)
{
	struct op *slot;

	op_begin(&call->op, &slot, 0);
	op_finish_with(&call->op, (struct fault){ .code = code, .cause = cause });
}

static bool is_line(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", s.p[i]))
			return false;
	return s.n > 0;
}

/* Nothing that could end a line of the request and begin another. */
static bool request_is_clean(const struct imago_call *r)
{
	if (!r->method || !is_token(str_from(r->method)) || r->header_count > IMAGO_HEADERS_MAX)
		return false;
	for (unsigned i = 0; i < r->header_count; i++)
		if (!is_token(r->headers[i].name) || !is_line(r->headers[i].value))
			return false;
	return true;
}

static void forget_results(struct outbound_call *call)
{
	buf_clear(&call->body);
	buf_init(&call->body, call->body_limit);
	call->status = 0;
	call->headers = NULL;
	call->header_count = 0;
	call->received = 0;
	call->sent = false;
}

static struct outbound_transfer *transfer_new(struct outbound *o, struct outbound_call *call, const struct url *url)
{
	struct outbound_transfer *t = slab_get(&o->transfers);

	if (!t)
		return NULL;
	t->multi = &o->multis[call->kind];
	t->url = *url;
	list_init(&t->place);
	list_init(&t->pending);
	op_init(&t->names.op, o->loop, NULL);
	if (!places_enter(t)) {
		slab_put(&o->transfers, t);
		return NULL;
	}
	list_append(&o->live, &t->live);
	t->call = call;
	call->transfer = t;
	return t;
}

void outbound_start(struct outbound *o, struct outbound_call *call)
{
	struct outbound_transfer *t;
	struct url url;

	CHECK(op_is_idle(&call->op) && call->timeout_ms > 0);
	body_check(call);
	if (call->transfer)
		transfer_cut(call->transfer); /* forgotten, and begun again */
	forget_results(call);
	if (!url_parse(call->request.url, &url)) {
		refuse(call, FAULT_NOT_SENT, STR("not an absolute http or https URL"));
		return;
	}
	if (!request_is_clean(&call->request)) {
		refuse(call, FAULT_NOT_SENT, STR("the request has a byte that does not belong into a header"));
		return;
	}
	t = transfer_new(o, call, &url);
	if (!t) {
		refuse(call, FAULT_BUSY, STR("too many calls wait for a connection"));
		return;
	}
	op_begin(&call->op, &t->op, call->timeout_ms);
	places_pump(t->multi);
}

void outbound_pause(struct outbound_call *call)
{
	if (call->transfer)
		call->transfer->paused = true;
}

void outbound_resume(struct outbound_call *call)
{
	struct outbound_transfer *t = call->transfer;

	if (!t || !t->paused)
		return;
	t->paused = false;
	if (!t->held)
		return;
	/* curl calls back with the held data inside curl_easy_pause: not inside the owner's call */
	list_remove(&t->pending);
	list_append(&t->multi->resuming, &t->pending);
	loop_at_turn_end(&t->multi->resume);
}

struct imago_reply outbound_reply(const struct outbound_call *call)
{
	return (struct imago_reply){
		.status = call->status,
		.body = buf_view(&call->body),
		.headers = call->headers,
		.header_count = call->header_count,
	};
}

struct imago_memory *outbound_memory(struct arena *a)
{
	return (struct imago_memory *)(void *)a;
}

/* ---- the transfer ---- */

static void transfer_run(struct outbound_transfer *t)
{
	t->easy = easy_take(t->multi->owner);
	easy_set_up(t);
	t->state = TRANSFER_RUNNING;
	CHECK(curl_multi_add_handle(t->multi->curl, t->easy) == CURLM_OK);
}

/* End the call with a fault of our own, before or instead of a result of curl. */
static void transfer_fail(struct outbound_transfer *t, struct fault fault)
{
	if (t->op)
		op_finish_with(t->op, fault);
	transfer_end(t);
}

static void on_resolved(struct op *op)
{
	struct names_call *names = CONTAINER_OF(op, struct names_call, op);
	struct outbound_transfer *t = CONTAINER_OF(names, struct outbound_transfer, names);
	struct fault fault = op->fault;

	if (!t->op) {
		transfer_end(t);
		return;
	}
	if (fault.code == FAULT_NONE) {
		transfer_run(t);
		return;
	}
	if (fault.code != FAULT_BUSY)
		fault.code = FAULT_NOT_SENT;
	transfer_fail(t, fault);
}

void transfer_begin(struct outbound_transfer *t)
{
	struct outbound *o = t->multi->owner;

	if (!t->op) {
		transfer_end(t);
		return;
	}
	if (names_cached(o->config.names, t->url.host, &t->names)) {
		transfer_run(t);
		return;
	}
	op_init(&t->names.op, o->loop, on_resolved);
	names_resolve(o->config.names, &t->names, t->url.host);
}

static bool try_next_address(struct outbound_transfer *t, CURLcode rc)
{
	if (!t->op || t->verdict != FAULT_NONE || easy_has_sent(t))
		return false;
	if (rc != CURLE_COULDNT_CONNECT && rc != CURLE_OPERATION_TIMEDOUT)
		return false;
	names_failed(t->multi->owner->config.names, t->url.host, t->names.addresses[t->address]);
	if (t->address + 1 >= t->names.count)
		return false;
	t->address++;
	curl_multi_remove_handle(t->multi->curl, t->easy);
	easy_clear(t, false);
	transfer_run(t);
	return true;
}

static enum fault_code fault_of(const struct outbound_transfer *t, CURLcode rc, bool sent)
{
	if (rc == CURLE_OK)
		return FAULT_NONE;
	if (t->verdict != FAULT_NONE)
		return t->verdict;
	if (!sent)
		return FAULT_NOT_SENT;
	return rc == CURLE_OPERATION_TIMEDOUT ? FAULT_TIMEOUT : FAULT_CLOSED;
}

void transfer_finish(struct outbound_transfer *t, CURLcode rc)
{
	struct outbound_call *call = t->call;
	struct fault fault = { 0 };

	if (try_next_address(t, rc))
		return;
	t->whole = rc == CURLE_OK;
	if (t->op) {
		call->sent = easy_has_sent(t);
		fault.code = fault_of(t, rc, call->sent);
		if (rc != CURLE_OK)
			fault.cause = arena_copy(&call->arena,
			                         str_from(t->error[0] ? t->error : curl_easy_strerror(rc)));
		op_finish_with(t->op, fault);
	}
	transfer_end(t);
}

void transfer_end(struct outbound_transfer *t)
{
	struct outbound_multi *m = t->multi;

	CHECK(!m->inside && !t->op);
	op_forget(&t->names.op);
	if (t->easy) {
		curl_multi_remove_handle(m->curl, t->easy);
		if (t->call)
			t->call->sent = easy_has_sent(t);
		easy_clear(t, t->whole);
	}
	if (t->call)
		t->call->transfer = NULL;
	list_remove(&t->live);
	list_remove(&t->pending);
	places_leave(t);
	slab_put(&m->owner->transfers, t);
	places_pump(m);
}
