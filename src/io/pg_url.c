/*
 * pg_url - DATABASE_URL by libpq's own parser, and host lists with addresses pinned.
 *
 * libpq resolves names with getaddrinfo, which blocks. So it never gets a host without an
 * address: names are resolved by io/names.h and all addresses of all hosts go into one
 * list "host=a,a,b hostaddr=1.1.1.1,::1,2.2.2.2". libpq tries them in order, and honours
 * target_session_attrs over all of them; the host stays for certificates and .pgpass.
 *
 * What libpq says about a bad URL quotes it, password and all: its words are not passed on.
 */
#include <arpa/inet.h>

#include "base/mem.h"
#include "io/pg_priv.h"

enum { LIST_MAX = 16 * 1024 };

static const char *option(const PQconninfoOption *options, const char *keyword)
{
	for (; options && options->keyword; options++)
		if (str_is(str_from(options->keyword), keyword))
			return options->val && options->val[0] ? options->val : NULL;
	return NULL;
}

/* Cuts a comma-separated list in place. Empty entries are kept: they mean "default". */
static unsigned cut_list(char *list, const char *out[PG_HOSTS_MAX])
{
	unsigned n = 0;

	for (char *p = list; p && n < PG_HOSTS_MAX; n++) {
		char *comma = strchr(p, ',');

		if (comma)
			*comma = '\0';
		out[n] = p;
		p = comma ? comma + 1 : NULL;
	}
	return n;
}

static char *copy_to(char **room, const char *text)
{
	char *at = *room;
	size_t n;

	if (!text)
		return NULL;
	n = strlen(text) + 1;
	memcpy(at, text, n);
	*room += n;
	return at;
}

static bool is_port(const char *text)
{
	uint64_t n;

	return text[0] == '\0' || (str_to_u64(str_from(text), &n) && n > 0 && n < 65536);
}

/* As libpq matches them up: as many as there are addresses or else hosts; one port serves all. */
static bool targets_parse(struct pg_url *u, const char *host, const char *address, const char *port)
{
	const char *hosts[PG_HOSTS_MAX] = { 0 }, *addresses[PG_HOSTS_MAX] = { 0 }, *ports[PG_HOSTS_MAX] = { 0 };
	size_t size = (host ? strlen(host) : 0) + (address ? strlen(address) : 0) + (port ? strlen(port) : 0) + 3;
	unsigned host_count, address_count, port_count;
	char *room = mem_alloc(size);

	u->text = room;
	host_count = cut_list(copy_to(&room, host), hosts);
	address_count = cut_list(copy_to(&room, address), addresses);
	port_count = cut_list(copy_to(&room, port), ports);
	u->target_count = address_count ? address_count : host_count ? host_count : 1;
	if ((host_count && host_count != u->target_count) || (port_count > 1 && port_count != u->target_count))
		return false;
	for (unsigned i = 0; i < u->target_count; i++) {
		struct pg_target *t = &u->targets[i];

		t->host = hosts[i] ? hosts[i] : "";
		t->address = addresses[i] && addresses[i][0] ? addresses[i] : NULL;
		t->port = port_count == 1 ? ports[0] : ports[i] ? ports[i] : "";
		if (!is_port(t->port))
			return false;
	}
	return true;
}

bool pg_url_parse(struct pg_url *u, const char *url)
{
	PQconninfoOption *defaults;
	const char *host, *address, *port;
	char *words = NULL;
	bool ok;

	*u = (struct pg_url){ 0 };
	u->options = url && url[0] ? PQconninfoParse(url, &words) : NULL;
	PQfreemem(words);
	/* A service file could name a host behind our back. */
	if (!u->options || option(u->options, "service"))
		return false;
	defaults = PQconndefaults();
	host = option(u->options, "host");
	address = option(u->options, "hostaddr");
	if (!host && !address) {
		host = option(defaults, "host");
		address = option(defaults, "hostaddr");
	}
	port = option(u->options, "port");
	ok = targets_parse(u, host, address, port ? port : option(defaults, "port"));
	PQconninfoFree(defaults);
	return ok;
}

void pg_url_clear(struct pg_url *u)
{
	PQconninfoFree(u->options);
	mem_release(u->text);
	*u = (struct pg_url){ 0 };
}

bool pg_url_is_valid(const char *url, struct str *why)
{
	struct pg_url u;
	bool ok = pg_url_parse(&u, url);

	pg_url_clear(&u);
	if (!ok && why)
		*why = STR("it is not a Postgres URL: postgresql://user:password@host:port/database");
	return ok;
}

bool pg_target_is_socket(const struct pg_target *t)
{
	return !t->address && (t->host[0] == '\0' || t->host[0] == '/' || t->host[0] == '@');
}

void pg_hosts_init(struct pg_hosts *h)
{
	*h = (struct pg_hosts){ 0 };
	buf_init(&h->hosts, LIST_MAX);
	buf_init(&h->addresses, LIST_MAX);
	buf_init(&h->ports, LIST_MAX);
}

void pg_hosts_clear(struct pg_hosts *h)
{
	buf_clear(&h->hosts);
	buf_clear(&h->addresses);
	buf_clear(&h->ports);
	h->count = 0;
}

static void list_add(struct buf *b, bool comma, const char *text)
{
	/* The NUL at the end is for libpq; the next entry takes its place. */
	if (comma)
		b->p[b->n - 1] = ',';
	buf_put(b, text, strlen(text) + 1);
}

void pg_hosts_add(struct pg_hosts *h, const struct pg_target *t, const char *address)
{
	list_add(&h->hosts, h->count > 0, t->host);
	list_add(&h->addresses, h->count > 0, address);
	list_add(&h->ports, h->count > 0, t->port);
	h->count++;
}

void pg_keywords_set(struct pg_keywords *k, const char *name, const char *value)
{
	CHECK(k->count + 1 < PG_KEYWORDS_MAX);
	k->names[k->count] = name;
	k->values[k->count++] = value;
}

static void keyword_default(struct pg_keywords *k, const struct pg_url *u, const char *name, const char *value)
{
	if (!option(u->options, name))
		pg_keywords_set(k, name, value);
}

static bool is_ours(const char *keyword, bool hosts_too)
{
	static const char *const always[] = { "gssencmode", "client_encoding", "fallback_application_name" };
	static const char *const of_hosts[] = { "host", "hostaddr", "port" };

	for (size_t i = 0; i < COUNT_OF(always); i++)
		if (str_is(str_from(keyword), always[i]))
			return true;
	for (size_t i = 0; hosts_too && i < COUNT_OF(of_hosts); i++)
		if (str_is(str_from(keyword), of_hosts[i]))
			return true;
	return false;
}

void pg_keywords_build(struct pg_keywords *k, const struct pg_url *u, const struct pg_hosts *h)
{
	*k = (struct pg_keywords){ 0 };
	for (const PQconninfoOption *o = u->options; o->keyword; o++)
		if (o->val && !is_ours(o->keyword, h != NULL))
			pg_keywords_set(k, o->keyword, o->val);
	if (h) {
		pg_keywords_set(k, "host", h->hosts.p);
		pg_keywords_set(k, "hostaddr", h->addresses.p);
		pg_keywords_set(k, "port", h->ports.p);
	}
	/* Probing for GSS reads keytabs and may ask the network. */
	pg_keywords_set(k, "gssencmode", "disable");
	pg_keywords_set(k, "client_encoding", "UTF8");
	keyword_default(k, u, "application_name", "imago");
	/* A peer that is gone without a word is noticed within 20 s where nothing is sent (LISTEN). */
	keyword_default(k, u, "keepalives_idle", "10");
	keyword_default(k, u, "keepalives_interval", "3");
	keyword_default(k, u, "keepalives_count", "3");
}

void pg_ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

void pg_why_set(char why[PG_WHY], const char *message)
{
	struct str rest = str_trim(str_from(message)), line = str_cut(&rest, '\n');

	if (!str_to_cstr(str_sub(line, 0, PG_WHY - 1), why, PG_WHY))
		why[0] = '\0';
}
