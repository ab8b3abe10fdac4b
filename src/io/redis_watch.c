/*
 * redis_watch - the subscription, on a stream of its own.
 *
 * Messages that are sent while it is away are lost; nobody may depend on them. A connection that
 * died without a word is found by a PING every 5 s that nothing answers.
 */
#include "base/metric.h"
#include "io/redis_priv.h"

enum { PING_MS = 5000 };

static void on_ping(struct timer *t)
{
	struct redis *r = CONTAINER_OF(t, struct redis, ping);

	if (!r->heard || !redis_stream_write(&r->watch, (struct str[]){ STR("PING") }, 1)) {
		redis_stream_lost(&r->watch, "the subscription fell silent");
		return;
	}
	r->heard = false;
	timer_start(r->loop, &r->ping, PING_MS, on_ping);
}

static void on_up(struct redis_stream *s)
{
	s->redis->heard = true;
	timer_start(s->redis->loop, &s->redis->ping, PING_MS, on_ping);
}

static void on_down(struct redis_stream *s)
{
	timer_stop(s->redis->loop, &s->redis->ping);
	metric_inc(redis_failures_total, "subscription", NULL);
}

static bool is_message(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
	       reply->element[0]->type == REDIS_REPLY_STRING && reply->element[2]->type == REDIS_REPLY_STRING &&
	       str_is((struct str){ reply->element[0]->str, reply->element[0]->len }, "message");
}

static void on_reply(struct redis_stream *s, redisReply *reply)
{
	const struct redis_config *config = &s->redis->config;

	s->redis->heard = true;
	if (is_message(reply) && config->message)
		config->message(config->user, (struct str){ reply->element[2]->str, reply->element[2]->len });
	freeReplyObject(reply);
}

void redis_watch_init(struct redis *r)
{
	redis_stream_init(&r->watch, r, "subscription");
	r->watch.channel = r->config.channel;
	r->watch.up = on_up;
	r->watch.down = on_down;
	r->watch.reply = on_reply;
}
