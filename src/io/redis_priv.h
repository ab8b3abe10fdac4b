#pragma once
/*
 * redis_priv - what the redis*.c files share; nobody else includes it.
 *
 *   redis_url.c      REDIS_URL taken apart
 *   redis_stream.c   one connection: resolve, connect, greet, read, write, back-off
 *   redis.c          commands and their time budget
 *   redis_watch.c    the subscription
 */
#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "base/slab.h"
#include "io/names.h"
#include "io/redis.h"

enum {
	REDIS_READ = 16 * 1024,
	REDIS_OUT_MAX = 8 << 20,    /* bytes waiting to be written */
	REDIS_REPLY_MAX = 64 << 20, /* one reply; more is given up */
	REDIS_ARGS_MAX = 64,
	REDIS_WHY = 200
};

struct redis_url {
	char *text;                   /* all the texts below; wiped when freed */
	char *path;                   /* socket; NULL: host and port */
	char *host, *user, *password; /* user, password: NULL where none */
	uint16_t port;
	unsigned db;
};

/* libuv wants handle and buffers until its close callback: they live here, a turn longer than the stream
 * that made them. */
struct redis_socket {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	struct redis_stream *owner; /* NULL: closed */
	uv_connect_t connect;
	uv_write_t write;
	struct buf writing;
	bool is_writing;
	char room[REDIS_READ];
};

enum redis_state { REDIS_DOWN, REDIS_RESOLVING, REDIS_CONNECTING, REDIS_GREETING, REDIS_UP };

struct redis_stream {
	struct redis *redis;
	const char *name;
	enum redis_state state;
	struct redis_socket *socket;
	redisReader *reader;
	struct buf out; /* commands of this turn */
	struct turn_hook flush;
	struct timer again, limit;
	struct names_call names;
	unsigned greeting; /* replies to the greeting that are still to come */
	unsigned attempts, failures;
	uint64_t up_since_ms;
	char why[REDIS_WHY], logged[REDIS_WHY];
	/* how the two streams differ */
	const char *channel; /* subscribed in the greeting; NULL: none */
	void (*up)(struct redis_stream *s);
	void (*down)(struct redis_stream *s);
	void (*reply)(struct redis_stream *s, redisReply *reply); /* takes the reply */
};

struct redis {
	struct loop *loop;
	struct log log;
	struct redis_config config;
	struct redis_url url;
	struct redis_stream commands, watch;
	struct slab slots;
	struct link sent, late; /* struct redis_slot; replies come for `late` first */
	unsigned outstanding;
	struct timer budget;    /* the next miss, give-up or end of a skip */
	uint64_t skip_until_ms; /* 0: not skipping */
	bool graced;
	struct timer ping; /* of the subscription */
	bool heard;
	uint64_t refused_logged_ms;
};

/* redis_url.c */
bool redis_url_parse(struct redis_url *u, const char *text, struct str *why);
void redis_url_clear(struct redis_url *u);

/* redis_stream.c */
void redis_stream_init(struct redis_stream *s, struct redis *r, const char *name);
void redis_stream_start(struct redis_stream *s);
void redis_stream_clear(struct redis_stream *s);
/* False: no room, nothing was written. */
bool redis_stream_write(struct redis_stream *s, const struct str *argv, unsigned argc);
void redis_stream_lost(struct redis_stream *s, const char *why);

/* redis_watch.c */
void redis_watch_init(struct redis *r);
