/*
 * redis_url - REDIS_URL: redis://[user:password@]host[:port][/db], unix:/path[?db=N], unix:///path
 *
 * Nothing that is said about a bad URL quotes it: it may hold a password.
 */
#include <arpa/inet.h>
#include <sys/un.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/url.h"
#include "io/redis_priv.h"

enum { DB_MAX = 1 << 20 };

static bool number(struct str s, uint64_t max, uint64_t *out)
{
	return str_to_u64(s, out) && *out <= max;
}

/* The next text in u->text, percent escapes undone. */
static char *text_add(char **room, struct str s, bool decode)
{
	char *at = *room;
	size_t n = s.n;

	if (decode && !url_decode(s, at, &n))
		return NULL;
	if (!decode && n)
		memcpy(at, s.p, n);
	at[n] = '\0';
	*room += n + 1;
	return at;
}

static bool unix_parse(struct redis_url *u, char **room, struct str rest)
{
	struct str path, query, db;
	uint64_t n = 0;

	if (str_starts(rest, STR("//")))
		rest = str_skip(rest, 2);
	path = str_cut(&rest, '?');
	query = rest;
	db = url_query_get(query, "db");
	if (path.n < 2 || path.p[0] != '/' || path.n >= sizeof((struct sockaddr_un *)0)->sun_path)
		return false;
	if (db.p && !number(db, DB_MAX, &n))
		return false;
	u->path = text_add(room, path, false);
	u->db = (unsigned)n;
	return true;
}

static bool user_parse(struct redis_url *u, char **room, struct str user)
{
	struct str name = str_cut(&user, ':');

	if (!user.p) /* no colon: what stands there could be either */
		return false;
	if (name.n && !(u->user = text_add(room, name, true)))
		return false;
	u->password = text_add(room, user, true);
	return u->password != NULL;
}

static bool host_parse(struct redis_url *u, char **room, struct str s)
{
	struct str host;
	uint64_t port = 6379;

	if (str_starts(s, STR("["))) {
		s = str_skip(s, 1);
		host = str_cut(&s, ']');
		if (!s.p || (s.n && s.p[0] != ':'))
			return false;
		s = s.n ? str_skip(s, 1) : (struct str){ NULL, 0 };
	} else {
		host = str_cut(&s, ':');
	}
	if (host.n == 0 || (s.p && (!number(s, 65535, &port) || port == 0)))
		return false;
	u->host = text_add(room, host, false);
	u->port = (uint16_t)port;
	return true;
}

/* The last '@' ends the user part: passwords are often not escaped. */
static struct str cut_user(struct str *rest)
{
	for (size_t i = rest->n; i > 0; i--) {
		if (rest->p[i - 1] == '@') {
			struct str user = str_sub(*rest, 0, i - 1);

			*rest = str_skip(*rest, i);
			return user;
		}
	}
	return (struct str){ NULL, 0 };
}

static bool tcp_parse(struct redis_url *u, char **room, struct str rest)
{
	struct str user = cut_user(&rest), host = str_cut(&rest, '/'), db = rest;
	uint64_t n = 0;

	if (user.p && !user_parse(u, room, user))
		return false;
	if (db.n && !number(db, DB_MAX, &n))
		return false;
	u->db = (unsigned)n;
	return host_parse(u, room, host);
}

bool redis_url_parse(struct redis_url *u, const char *text, struct str *why)
{
	struct str s = str_from(text);
	char *room;
	bool ok;

	/* Each part with a NUL fits into the text and one byte a part. */
	*u = (struct redis_url){ 0 };
	u->text = room = mem_alloc(s.n + 4);
	if (str_starts(s, STR("rediss:"))) {
		*why = STR("rediss: TLS to Redis is not supported; use a socket or a tunnel");
		return false;
	}
	*why = STR("it is not a Redis URL: redis://[user:password@]host[:port][/db] or unix:/path[?db=N]");
	if (str_starts(s, STR("unix:")))
		ok = unix_parse(u, &room, str_skip(s, 5));
	else
		ok = str_starts(s, STR("redis://")) && tcp_parse(u, &room, str_skip(s, 8));
	return ok;
}

void redis_url_clear(struct redis_url *u)
{
	if (u->password)
		wipe(u->password, strlen(u->password));
	mem_release(u->text);
	*u = (struct redis_url){ 0 };
}
