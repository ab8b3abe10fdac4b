/*
 * redis - commands, each with a time budget of 100 ms, and leaving Redis alone after a miss.
 *
 *   sent --reply in time--> done
 *     \--100 ms--> late: TIMEOUT, its reply is dropped when it comes
 *
 * Invariants
 *  1. Replies come in the order of commands: first those of `late`, then those of `sent`.
 *     A slot stays until its reply came or the connection is gone, also when its op has ended.
 *  2. A miss starts a skip. It ends when a second has passed and no late reply is owed: the late
 *     commands are the probe, callers are not. Meanwhile calls end with STORE_DOWN at once.
 *  3. Replies still owed after 5 s: the connection is given up.
 *  4. A reply that nobody asked for is counted and dropped.
 */
#include "base/mem.h"
#include "base/metric.h"
#include "io/redis_priv.h"

enum { DEAD_MS = 5000, GRACE_MS = 20 };

struct redis_slot {
	struct op *op; /* cut when the op ended; NULL for redis_tell */
	struct link link;
	uint64_t due_ms;
};

static void on_budget(struct timer *t);

static redisReply *reply_of(const struct redis_call *call)
{
	return (redisReply *)call->reply;
}

static struct redis_slot *slot_first(const struct link *list)
{
	struct link *first = list_first(list);

	return first ? CONTAINER_OF(first, struct redis_slot, link) : NULL;
}

static void fail(const char *reason)
{
	metric_inc(redis_failures_total, reason, NULL);
}

bool redis_is_up(const struct redis *r)
{
	return r->commands.state == REDIS_UP && r->skip_until_ms == 0;
}

static void tell_changed(struct redis *r, bool up)
{
	metric_set(METRIC_ID_redis_up, NULL, NULL, up);
	if (r->config.changed)
		r->config.changed(r->config.user, up);
}

/* ---- the time budget ---- */

/* Arms for what comes first: the next miss, giving up, the end of a skip. */
static void budget_arm(struct redis *r)
{
	struct redis_slot *late = slot_first(&r->late), *sent = slot_first(&r->sent);
	uint64_t now = loop_now_ms(r->loop), due = UINT64_MAX;

	if (late)
		due = late->due_ms + DEAD_MS;
	else if (r->skip_until_ms)
		due = r->skip_until_ms;
	if (sent && sent->due_ms < due)
		due = sent->due_ms;
	if (due == UINT64_MAX)
		timer_stop(r->loop, &r->budget);
	else
		timer_start(r->loop, &r->budget, due > now ? due - now : 0, on_budget);
}

static void slot_miss(struct redis *r, struct redis_slot *slot)
{
	list_remove(&slot->link);
	list_append(&r->late, &slot->link);
	fail("timeout");
	if (slot->op)
		op_finish_with(slot->op,
		               (struct fault){ .code = FAULT_TIMEOUT, .cause = STR("Redis did not answer in time") });
}

static void skip_begin(struct redis *r, uint64_t now)
{
	bool was_up = redis_is_up(r);

	r->skip_until_ms = now + REDIS_SKIP_MS;
	if (!was_up)
		return;
	LOG_WARN(&r->log, "redis.skipped", KV_INT("ms", REDIS_SKIP_MS));
	tell_changed(r, false);
}

static void skip_end(struct redis *r, uint64_t now)
{
	if (!r->skip_until_ms || now < r->skip_until_ms || !list_is_empty(&r->late))
		return;
	r->skip_until_ms = 0;
	tell_changed(r, true);
}

static void on_budget(struct timer *t)
{
	struct redis *r = CONTAINER_OF(t, struct redis, budget);
	uint64_t now = loop_now_ms(r->loop);
	struct redis_slot *slot;

	/* Were we late ourselves? Then the answers may lie in the socket: look there first. */
	if (now - t->due_ms > GRACE_MS && !r->graced) {
		r->graced = true;
		timer_start(r->loop, t, 1, on_budget);
		return;
	}
	r->graced = false;
	slot = slot_first(&r->late);
	if (slot && slot->due_ms + DEAD_MS <= now) {
		redis_stream_lost(&r->commands, "no answer for seconds");
		return;
	}
	if ((slot = slot_first(&r->sent)) && slot->due_ms <= now)
		skip_begin(r, now);
	while ((slot = slot_first(&r->sent)) && slot->due_ms <= now)
		slot_miss(r, slot);
	skip_end(r, now);
	budget_arm(r);
}

/* ---- replies ---- */

static void slot_free(struct redis *r, struct redis_slot *slot)
{
	list_remove(&slot->link);
	r->outstanding--;
	slab_put(&r->slots, slot);
}

/* NOSCRIPT is part of how scripts are loaded, not a failure. */
static void refused(struct redis *r, struct str words)
{
	uint64_t now = loop_now_ms(r->loop);

	if (str_starts(words, STR("NOSCRIPT")))
		return;
	fail("refused");
	if (r->refused_logged_ms && now - r->refused_logged_ms < 1000)
		return;
	r->refused_logged_ms = now;
	LOG_WARN(&r->log, "redis.refused", KV_STR("cause", str_sub(words, 0, 200)));
}

static void on_reply(struct redis_stream *s, redisReply *reply)
{
	struct redis *r = s->redis;
	bool was_late = !list_is_empty(&r->late);
	struct redis_slot *slot = slot_first(was_late ? &r->late : &r->sent);
	struct str words = { 0 };
	struct op *op;

	if (!slot) {
		fail("unsolicited");
		freeReplyObject(reply);
		return;
	}
	op = slot->op;
	if (reply->type == REDIS_REPLY_ERROR) {
		words = (struct str){ reply->str, reply->len };
		refused(r, words);
	}
	if (op) {
		CONTAINER_OF(op, struct redis_call, op)->reply = (struct redis_reply *)reply;
		op_finish_with(op, (struct fault){ .code = words.p ? FAULT_INTERNAL : FAULT_NONE, .cause = words });
	} else {
		freeReplyObject(reply);
	}
	slot_free(r, slot);
	/* The timer is left where it is in the common case: ringing early costs less than moving it. */
	if (was_late) {
		skip_end(r, loop_now_ms(r->loop));
		budget_arm(r);
	}
}

static void on_up(struct redis_stream *s)
{
	tell_changed(s->redis, true);
}

static void slots_fail(struct redis *r, struct link *list)
{
	struct redis_slot *slot;

	while ((slot = slot_first(list))) {
		if (slot->op)
			op_finish_with(slot->op, (struct fault){ .code = FAULT_CLOSED,
			                                         .cause = STR("the connection to Redis was lost") });
		slot_free(r, slot);
	}
}

static void on_down(struct redis_stream *s)
{
	struct redis *r = s->redis;
	bool was_skipping = r->skip_until_ms != 0;

	fail("lost");
	slots_fail(r, &r->late);
	slots_fail(r, &r->sent);
	r->skip_until_ms = 0;
	timer_stop(r->loop, &r->budget);
	if (!was_skipping)
		tell_changed(r, false);
}

/* ---- calls ---- */

void redis_call_init(struct redis_call *call, struct loop *loop, void (*done)(struct op *op))
{
	*call = (struct redis_call){ 0 };
	op_init(&call->op, loop, done);
}

void redis_call_clear(struct redis_call *call)
{
	op_forget(&call->op);
	if (call->reply)
		freeReplyObject(call->reply);
	call->reply = NULL;
}

/* NULL: *cause says why it was not sent. */
static struct redis_slot *slot_send(struct redis *r, const struct str *argv, unsigned argc, struct str *cause)
{
	struct redis_slot *slot;

	if (!redis_is_up(r)) {
		fail("skipped");
		*cause = STR("Redis is not reachable or was too slow");
		return NULL;
	}
	slot = slab_get(&r->slots);
	if (slot && !redis_stream_write(&r->commands, argv, argc)) {
		slab_put(&r->slots, slot);
		slot = NULL;
	}
	if (!slot) {
		fail("full");
		*cause = STR("too many Redis commands are outstanding");
		return NULL;
	}
	list_init(&slot->link);
	list_append(&r->sent, &slot->link);
	slot->due_ms = loop_now_ms(r->loop) + REDIS_TIMEOUT_MS;
	r->outstanding++;
	if (!timer_is_armed(&r->budget))
		budget_arm(r);
	return slot;
}

void redis_command(struct redis *r, struct redis_call *call, const struct str *argv, unsigned argc)
{
	struct str cause = { 0 };
	struct redis_slot *slot;

	CHECK(op_is_idle(&call->op));
	redis_call_clear(call);
	slot = slot_send(r, argv, argc, &cause);
	op_begin(&call->op, slot ? &slot->op : NULL, 0);
	if (!slot)
		op_finish_with(&call->op, (struct fault){ .code = FAULT_STORE_DOWN, .cause = cause });
}

void redis_tell(struct redis *r, const struct str *argv, unsigned argc)
{
	struct str cause;

	(void)slot_send(r, argv, argc, &cause);
}

/* ---- results ---- */

static struct str text_of(const redisReply *reply)
{
	if (!reply || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS))
		return (struct str){ NULL, 0 };
	return (struct str){ reply->str, reply->len };
}

bool redis_is_nil(const struct redis_call *call)
{
	return !call->reply || reply_of(call)->type == REDIS_REPLY_NIL;
}

struct str redis_text(const struct redis_call *call)
{
	return text_of(reply_of(call));
}

int64_t redis_int(const struct redis_call *call)
{
	const redisReply *reply = reply_of(call);

	return reply && reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
}

unsigned redis_count(const struct redis_call *call)
{
	const redisReply *reply = reply_of(call);

	return reply && reply->type == REDIS_REPLY_ARRAY ? (unsigned)reply->elements : 0;
}

struct str redis_text_at(const struct redis_call *call, unsigned i)
{
	return i < redis_count(call) ? text_of(reply_of(call)->element[i]) : (struct str){ NULL, 0 };
}

int64_t redis_int_at(const struct redis_call *call, unsigned i)
{
	const redisReply *v = i < redis_count(call) ? reply_of(call)->element[i] : NULL;

	return v && v->type == REDIS_REPLY_INTEGER ? v->integer : 0;
}

/* ---- begin and end ---- */

static bool host_is_usable(const struct redis_url *u, const struct names *names)
{
	unsigned char room[16];

	return u->path || names || str_eq_nocase(str_from(u->host), STR("localhost")) ||
	       uv_inet_pton(AF_INET, u->host, room) == 0 || uv_inet_pton(AF_INET6, u->host, room) == 0;
}

struct redis *redis_new(struct loop *loop, const struct log *log, const struct redis_config *config, struct str *why)
{
	struct redis *r;
	struct redis_url url;

	if (!redis_url_parse(&url, config->url, why) || !host_is_usable(&url, config->names)) {
		redis_url_clear(&url);
		return NULL;
	}
	r = mem_new(struct redis);
	r->loop = loop;
	r->log = (struct log){ .parent = log };
	r->config = *config;
	r->config.url = NULL; /* its owner may free it */
	r->url = url;
	list_init(&r->sent);
	list_init(&r->late);
	slab_init(&r->slots, sizeof(struct redis_slot), REDIS_OUTSTANDING_MAX);
	redis_stream_init(&r->commands, r, "commands");
	r->commands.up = on_up;
	r->commands.down = on_down;
	r->commands.reply = on_reply;
	redis_stream_start(&r->commands);
	redis_watch_init(r);
	if (config->channel)
		redis_stream_start(&r->watch);
	metric_set(METRIC_ID_redis_up, NULL, NULL, 0);
	return r;
}

void redis_free(struct redis **r_at)
{
	struct redis *r = *r_at;

	if (!r)
		return;
	*r_at = NULL;
	timer_stop(r->loop, &r->budget);
	timer_stop(r->loop, &r->ping);
	redis_stream_clear(&r->commands);
	redis_stream_clear(&r->watch);
	slots_fail(r, &r->late);
	slots_fail(r, &r->sent);
	slab_clear(&r->slots);
	redis_url_clear(&r->url);
	mem_release(r);
}
