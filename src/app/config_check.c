/*
 * config_check - what a value must be beyond its type, and what several must be together.
 *
 * What the server would refuse at start is refused here with the name of the setting.
 */
#include <arpa/inet.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/config_priv.h"
#include "base/url.h"
#include "io/address_guard.h"
#include "io/pg.h"

/* ---- IMAGO_LISTEN ---- */

struct address {
	bool is_good, is_loopback;
};

static struct address judge_host(struct str host)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;

	if (str_is(host, "localhost"))
		return (struct address){ true, true };
	if (host.n == 0 || str_is(host, "*"))
		return (struct address){ true, false };
	if (host.p[0] == '[') {
		if (host.p[host.n - 1] != ']' || !str_to_cstr(str_sub(host, 1, host.n - 2), text, sizeof text) ||
		    inet_pton(AF_INET6, text, &v6) != 1)
			return (struct address){ false, false };
		return (struct address){ true, IN6_IS_ADDR_LOOPBACK(&v6) };
	}
	if (!str_to_cstr(host, text, sizeof text) || inet_pton(AF_INET, text, &v4) != 1)
		return (struct address){ false, false };
	return (struct address){ true, (ntohl(v4.s_addr) >> 24) == 127 };
}

static struct address judge_address(struct str text)
{
	struct str host = text;
	uint64_t port;
	size_t colon = text.n;

	if (str_starts(text, STR("unix:")))
		return (struct address){ text.n > 5 && text.n - 5 < sizeof((struct sockaddr_un *)0)->sun_path, true };
	while (colon > 0 && text.p[colon - 1] != ':')
		colon--;
	if (colon == 0 || !str_to_u64(str_skip(text, colon), &port) || port > 65535)
		return (struct address){ false, false };
	host.n = colon - 1;
	return judge_host(host);
}

static void check_listen(struct config *c)
{
	struct str rest = c->listen, outside = { NULL, 0 };

	while (rest.p) {
		struct str item = str_trim(str_cut(&rest, ','));
		struct address a = judge_address(item);

		if (!a.is_good)
			CONFIG_ERROR(
				c,
				"%.*s: \"%.*s\" is not an address to listen on: host:port, [host]:port or unix:/path, with a numeric host",
				STRF(config_named(c, CONFIG_ID_listen)), STRF(item));
		else if (!a.is_loopback)
			outside = item;
	}
	if (outside.p && c->anonymous == CONFIG_ANONYMOUS_ON)
		CONFIG_ERROR(
			c,
			"%.*s is on, but %.*s has %.*s, which others can reach: they all would work as the user local. "
			"Make it off, or public if that is what you want",
			STRF(config_named(c, CONFIG_ID_anonymous)), STRF(config_named(c, CONFIG_ID_listen)),
			STRF(outside));
}

/* ---- URLs ---- */

static struct str without_slash(struct str url)
{
	while (url.n && url.p[url.n - 1] == '/')
		url.n--;
	return url;
}

/* An address of http(s) without query and fragment; ends without a slash afterwards. */
static void check_url(struct config *c, enum config_id id)
{
	struct str *field = config_text_field(c, id);
	struct url u;

	if (field->n == 0)
		return;
	if (!url_parse(*field, &u) || str_find_byte(*field, '?') != SIZE_MAX || str_find_byte(*field, '#') != SIZE_MAX)
		CONFIG_ERROR(c, "%.*s is not a URL like https://images.example.org", STRF(config_named(c, id)));
	else
		*field = arena_copy(&c->arena, without_slash(*field));
}

static void check_origins(struct config *c)
{
	struct str rest = c->cors_origins;
	struct url u;

	while (rest.p && rest.n) {
		struct str item = str_trim(str_cut(&rest, ','));

		if (item.n == 0)
			continue;
		if (!url_parse(item, &u) || item.p[item.n - 1] == '/' || !str_is(u.target, "/") ||
		    str_find_byte(item, '#') != SIZE_MAX)
			CONFIG_ERROR(
				c,
				"%.*s: \"%.*s\" is not the origin of a page, like http://localhost:3000 (no path, no slash at the end, no *)",
				STRF(config_named(c, CONFIG_ID_cors_origins)), STRF(item));
	}
}

static void check_stores(struct config *c)
{
	struct str why, redis = c->redis_url;

	if (c->database_url.n && !pg_url_is_valid(c->database_url.p, &why))
		CONFIG_ERROR(c, "%.*s: %.*s", STRF(config_named(c, CONFIG_ID_database_url)), STRF(why));
	if (str_starts(redis, STR("rediss:")))
		CONFIG_ERROR(c, "%.*s: Redis over TLS is not supported", STRF(config_named(c, CONFIG_ID_redis_url)));
	else if (redis.n && !str_starts(redis, STR("redis://")) && !str_starts(redis, STR("unix:/")))
		CONFIG_ERROR(c, "%.*s is not a Redis URL: redis://[user:password@]host[:port][/db] or unix:/path",
		             STRF(config_named(c, CONFIG_ID_redis_url)));
}

/* ---- words ---- */

static void check_environment(struct config *c)
{
	c->is_production = str_is(c->environment, "production");
	if (!c->is_production && !str_is(c->environment, "development"))
		CONFIG_ERROR(c, "%.*s is \"%.*s\"; it can be development or production",
		             STRF(config_named(c, CONFIG_ID_environment)), STRF(c->environment));
	if (c->is_production && str_starts(c->public_url, STR("http://")))
		CONFIG_WARNING(c, "%.*s is not https although this is production",
		               STRF(config_named(c, CONFIG_ID_public_url)));
}

/* "debug", "json", "debug,json" */
static void check_log(struct config *c)
{
	struct str rest = c->log;

	c->log_level = LOG_LEVEL_INFO;
	c->log_json = !isatty(STDERR_FILENO);
	while (rest.p) {
		struct str word = str_trim(str_cut(&rest, ','));

		if (str_is(word, "json") || str_is(word, "text"))
			c->log_json = str_is(word, "json");
		else if (!log_level_from(word, &c->log_level))
			CONFIG_ERROR(c, "%.*s: \"%.*s\" is none of debug, info, warn, error, json, text",
			             STRF(config_named(c, CONFIG_ID_log)), STRF(word));
	}
}

static void check_demo(struct config *c)
{
	static const char *const on[] = { "on", "true", "yes", "1" }, *const off[] = { "off", "false", "no", "0" };

	for (size_t i = 0; i < COUNT_OF(on); i++) {
		if (str_eq_nocase(c->demo, str_from(on[i])))
			c->demo = STR("on");
		if (str_eq_nocase(c->demo, str_from(off[i])))
			c->demo = STR("off");
	}
	if (!str_is(c->demo, "on") && !str_is(c->demo, "off"))
		CONFIG_ERROR(c, "%.*s is neither on nor off", STRF(config_named(c, CONFIG_ID_demo)));
}

static void check_hosts(struct config *c)
{
	struct address_guard guard = { 0 };
	struct str bad;

	if (!address_guard_parse(&guard, c->allow_hosts, &bad))
		CONFIG_ERROR(c, "%.*s: \"%.*s\" is not a host, host:port or range like 10.0.0.0/8",
		             STRF(config_named(c, CONFIG_ID_allow_hosts)), STRF(bad));
}

/* Of all providers; fal has two more. */
static void check_bases(struct config *c)
{
#define PROVIDER(type, id, name, key, other_key, base, concurrency) check_url(c, CONFIG_ID_##base);
#include "app/providers.def"
#undef PROVIDER
}

void config_check(struct config *c)
{
	check_listen(c);
	check_url(c, CONFIG_ID_public_url);
	check_url(c, CONFIG_ID_fal_run_url);
	check_url(c, CONFIG_ID_fal_rest_url);
	check_origins(c);
	check_stores(c);
	check_environment(c);
	check_log(c);
	check_demo(c);
	check_hosts(c);
	config_choose_fal_key(c);
	check_bases(c);
	config_choose_providers(c);
	config_find_pixels(c);
}
