/*
 * names_local - the names that are known without asking: literal addresses, the entries
 * of IMAGO_DNS, localhost, /etc/hosts.
 *
 * A literal is a strict dotted quad or an IPv6 address without a zone. The other
 * spellings that some resolvers take for an address ("127.1", "0177.0.0.1", "0x7f.1",
 * "2130706433") are neither addresses nor names here: a name whose last label is a number
 * does not exist.
 *
 * The hosts file is kept as text and searched line by line: it is small, and what
 * is found goes through the cache. It is looked at again when it has changed, at most once a second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/names_priv.h"

void addresses_add(struct addresses *a, struct str text)
{
	if (a->count < NAMES_ADDRESSES_MAX && str_to_cstr(text, a->text[a->count], NAMES_TEXT))
		a->count++;
}

static int family_of(struct str text)
{
	char copy[NAMES_TEXT];
	struct in6_addr bytes;

	if (!str_to_cstr(text, copy, sizeof(copy)))
		return AF_UNSPEC;
	if (inet_pton(AF_INET, copy, &bytes) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, copy, &bytes) == 1 ? AF_INET6 : AF_UNSPEC;
}

bool names_literal(struct str host, struct addresses *out)
{
	if (family_of(host) == AF_UNSPEC)
		return false;
	addresses_add(out, host);
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_label_byte(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

/* "127", "0x7f": what an address in another spelling ends in. */
static bool is_number(struct str label)
{
	size_t i = 0;

	if (label.n >= 2 && label.p[0] == '0' && label.p[1] == 'x')
		return true;
	while (i < label.n && is_digit(label.p[i]))
		i++;
	return i == label.n;
}

bool names_is_name(struct str host)
{
	struct str label = { 0 };

	if (host.n == 0 || host.n > NAME_MAX_BYTES || host.p[host.n - 1] == '.')
		return false;
	for (struct str rest = host; rest.p;) {
		label = str_cut(&rest, '.');
		if (label.n == 0 || label.n > 63)
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!is_label_byte(label.p[i]))
				return false;
	}
	return !is_number(label);
}

/* ---- IMAGO_DNS ---- */

static struct names_static *static_for(struct names *n, struct str name, bool wildcard)
{
	struct names_static *s;

	for (unsigned i = 0; i < n->static_count; i++) {
		s = &n->statics[i];
		if (s->wildcard == wildcard && str_eq((struct str){ s->name, s->length }, name))
			return s;
	}
	if (n->static_count == NAMES_STATIC_MAX)
		return NULL;
	s = &n->statics[n->static_count++];
	s->wildcard = wildcard;
	s->length = name.n;
	CHECK(str_to_cstr(name, s->name, sizeof(s->name)));
	return s;
}

struct str names_canonical(struct str host, char out[NAME_MAX_BYTES + 1])
{
	if (host.n > 1 && host.p[host.n - 1] == '.')
		host.n--;
	if (host.n > NAME_MAX_BYTES)
		return (struct str){ out, 0 };
	for (size_t i = 0; i < host.n; i++)
		out[i] = host.p[i] >= 'A' && host.p[i] <= 'Z' ? (char)(host.p[i] + ('a' - 'A')) : host.p[i];
	out[host.n] = '\0';
	return (struct str){ out, host.n };
}

static bool add_static(struct names *n, struct str name, struct str address, struct str *why)
{
	char copy[NAME_MAX_BYTES + 1];
	bool wildcard = str_starts(name, STR("*."));
	struct names_static *s;

	name = names_canonical(wildcard ? str_skip(name, 2) : name, copy);
	if (!names_is_name(name)) {
		*why = STR("IMAGO_DNS: the part before '=' is not a host name");
		return false;
	}
	s = static_for(n, name, wildcard);
	if (!s) {
		*why = STR("IMAGO_DNS: more than 64 names");
		return false;
	}
	if (s->addresses.count == NAMES_ADDRESSES_MAX || !names_literal(address, &s->addresses)) {
		*why = STR("IMAGO_DNS: after '=' one IPv4 or IPv6 address is expected, at most four for a name");
		return false;
	}
	return true;
}

/* "10.0.0.2", "10.0.0.2:53", "::1", "[::1]:53" */
static bool add_server(struct names *n, struct str text, struct str *why)
{
	struct ares_addr_port_node *s = &n->servers[n->server_count];
	struct str address = text, port = { 0 };
	char copy[NAMES_TEXT];
	uint64_t number = 53;

	*why = STR("IMAGO_DNS: an entry is neither address[:port] nor name=address");
	if (str_starts(text, STR("["))) {
		port = str_skip(text, 1);
		address = str_cut(&port, ']');
		if (!port.p || (port.n > 0 && port.p[0] != ':'))
			return false;
		port = str_skip(port, 1);
	} else if (family_of(text) == AF_UNSPEC) {
		port = text;
		address = str_cut(&port, ':');
	}
	if (port.n > 0 && (!str_to_u64(port, &number) || number == 0 || number > 65535))
		return false;
	if (!str_to_cstr(address, copy, sizeof(copy)) || family_of(address) == AF_UNSPEC)
		return false;
	if (n->server_count == NAMES_SERVERS_MAX) {
		*why = STR("IMAGO_DNS: more than three servers");
		return false;
	}
	s->family = family_of(address);
	(void)inet_pton(s->family, copy, &s->addr);
	s->udp_port = s->tcp_port = (int)number;
	if (n->server_count > 0)
		n->servers[n->server_count - 1].next = s;
	n->server_count++;
	return true;
}

bool names_parse_config(struct names *n, struct str imago_dns, struct str *why)
{
	n->statics = mem_alloc(sizeof(*n->statics) * NAMES_STATIC_MAX);
	for (struct str rest = imago_dns; rest.p;) {
		struct str entry = str_trim(str_cut(&rest, ','));
		struct str address = entry;
		struct str name;

		if (entry.n == 0)
			continue;
		name = str_cut(&address, '=');
		if (address.p ? !add_static(n, str_trim(name), str_trim(address), why) : !add_server(n, entry, why))
			return false;
	}
	return true;
}

/* ---- look up ---- */

static bool is_below(struct str name, const struct names_static *s)
{
	struct str parent = { s->name, s->length };

	return name.n > parent.n + 1 && str_ends(name, parent) && name.p[name.n - parent.n - 1] == '.';
}

static bool find_static(const struct names *n, struct str name, struct addresses *out)
{
	const struct names_static *best = NULL;

	for (unsigned i = 0; i < n->static_count; i++) {
		const struct names_static *s = &n->statics[i];

		if (!s->wildcard && str_eq(name, (struct str){ s->name, s->length })) {
			*out = s->addresses;
			return true;
		}
		if (s->wildcard && is_below(name, s) && (!best || s->length > best->length))
			best = s;
	}
	if (best)
		*out = best->addresses;
	return best != NULL;
}

/* RFC 6761: also what lies below localhost. Nothing else may answer for it. */
static bool find_localhost(struct str name, struct addresses *out)
{
	if (!str_is(name, "localhost") && !str_ends(name, STR(".localhost")))
		return false;
	addresses_add(out, STR("127.0.0.1"));
	addresses_add(out, STR("::1"));
	return true;
}

static struct str next_word(struct str *line)
{
	struct str word;
	size_t i = 0;

	*line = str_trim(*line);
	while (i < line->n && line->p[i] != ' ' && line->p[i] != '\t')
		i++;
	word = str_sub(*line, 0, i);
	*line = str_skip(*line, i);
	return word;
}

static void find_in_line(struct str line, struct str name, struct addresses *v4, struct addresses *v6)
{
	struct str address, word;
	size_t comment = str_find_byte(line, '#');
	int family;

	line = str_sub(line, 0, comment);
	address = next_word(&line);
	family = family_of(address);
	if (family == AF_UNSPEC)
		return;
	while ((word = next_word(&line)).n > 0) {
		if (!str_eq_nocase(word, name))
			continue;
		addresses_add(family == AF_INET ? v4 : v6, address);
		return;
	}
}

static bool find_in_hosts(struct names *n, struct str name, struct addresses *out)
{
	struct addresses v4 = { 0 }, v6 = { 0 };

	for (struct str rest = buf_view(&n->hosts); rest.p;) {
		struct str line = str_cut(&rest, '\n');

		find_in_line(line, name, &v4, &v6);
	}
	*out = v4;
	for (unsigned i = 0; i < v6.count; i++)
		addresses_add(out, str_from(v6.text[i]));
	return out->count > 0;
}

/* ---- files ---- */

static bool time_to_look(struct names *n)
{
	uint64_t now = loop_now_ms(n->loop);

	if (n->looked && now < n->looked_ms + FILES_LOOK_MS)
		return false;
	n->looked = true;
	n->looked_ms = now;
	return true;
}

bool file_changed(const char *path, struct file_mark *mark)
{
	struct stat s = { 0 };
	struct file_mark now;

	if (stat(path, &s) != 0)
		s = (struct stat){ 0 };
	now = (struct file_mark){ .modified = s.st_mtim, .size = s.st_size, .inode = s.st_ino };
	if (now.modified.tv_sec == mark->modified.tv_sec && now.modified.tv_nsec == mark->modified.tv_nsec &&
	    now.size == mark->size && now.inode == mark->inode)
		return false;
	*mark = now;
	return true;
}

/* Of a long list of blocked names only the first 64 KiB count; a line cut by that is dropped. */
static void read_hosts(struct names *n)
{
	int fd = open(n->hosts_path, O_RDONLY | O_CLOEXEC);
	struct str text;

	buf_reset(&n->hosts);
	if (fd < 0)
		return;
	for (;;) {
		size_t room = NAMES_HOSTS_BYTES - buf_len(&n->hosts);
		size_t piece = room < 16 * 1024 ? room : 16 * 1024;
		char *p = piece ? buf_room(&n->hosts, piece) : NULL;
		ssize_t got = p ? read(fd, p, piece) : 0;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		buf_added(&n->hosts, (size_t)got);
	}
	close(fd);
	text = buf_view(&n->hosts);
	if (text.n < NAMES_HOSTS_BYTES)
		return;
	while (n->hosts.n > n->hosts.from && n->hosts.p[n->hosts.n - 1] != '\n')
		n->hosts.n--;
}

bool names_local(struct names *n, struct str name, struct addresses *out)
{
	if (find_static(n, name, out) || find_localhost(name, out))
		return true;
	if (time_to_look(n)) {
		if (file_changed(n->hosts_path, &n->hosts_mark))
			read_hosts(n);
		names_dns_look(n);
	}
	return find_in_hosts(n, name, out);
}
