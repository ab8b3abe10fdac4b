/*
 * links - the key file, and MACs made with a key derived from it.
 *
 * The file holds 32 random bytes as 64 hex digits and a line end. It is written under another name and then
 * linked, so two first starts on one directory agree on one key, and neither ever reads half of one;
 * it is never overwritten.
 */
#include "core/links.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/uid.h"
#include "base/url.h"
#include "base/wall.h"
#include "core/core.h"

enum { KEY_BYTES = 32, MAC_BYTES = 16, MAC_TEXT = 22, HOUR_S = 3600 };

struct links {
	uint8_t key[SHA256_BYTES];
	unsigned ttl_s;
};

/* A whole key under a name of our own. */
static bool key_write(const char *path)
{
	uint8_t key[KEY_BYTES];
	char text[KEY_BYTES * 2 + 1];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	bool ok;

	if (fd < 0)
		return false;
	random_bytes(key, sizeof key);
	hex_encode(key, sizeof key, text);
	text[sizeof text - 1] = '\n';
	ok = write(fd, text, sizeof text) == (ssize_t)sizeof text && fsync(fd) == 0;
	close(fd);
	wipe(key, sizeof key);
	wipe(text, sizeof text);
	return ok;
}

static bool key_make(const char *path, struct str *why)
{
	struct uid name = uid_new(".");
	char own[4200];
	bool ok;

	if (access(path, F_OK) == 0)
		return true;
	snprintf(own, sizeof own, "%s%s", path, name.text);
	ok = key_write(own);
	/* Where there are no hard links (exFAT), two first starts at one moment are not expected either. */
	if (ok && link(own, path) != 0)
		ok = errno == EEXIST || rename(own, path) == 0;
	unlink(own);
	*why = STR("the key file cannot be made");
	return ok;
}

static bool key_read(const char *path, uint8_t key[KEY_BYTES], struct str *why)
{
	char text[KEY_BYTES * 2 + 2];
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool ok;

	*why = STR("the key file cannot be read");
	if (fd < 0)
		return false;
	if (fstat(fd, &st) != 0 || (st.st_mode & 077) != 0 || (st.st_uid != geteuid() && geteuid() != 0)) {
		*why = STR("the key file must be ours and readable by nobody else (chmod 0400)");
		close(fd);
		return false;
	}
	n = read(fd, text, sizeof text);
	close(fd);
	*why = STR("the key file must hold 64 hex digits");
	ok = (n == KEY_BYTES * 2 || (n == KEY_BYTES * 2 + 1 && text[KEY_BYTES * 2] == '\n')) &&
	     hex_decode((struct str){ text, KEY_BYTES * 2 }, key, KEY_BYTES);
	wipe(text, sizeof text);
	return ok;
}

struct links *links_new(struct core *core, struct str key_file, struct str *why)
{
	struct links *l = mem_new(struct links);
	uint8_t key[KEY_BYTES];
	char path[4096];

	l->ttl_s = core->settings.link_ttl_s;
	if (key_file.n)
		snprintf(path, sizeof path, "%.*s", STRF(key_file));
	else
		snprintf(path, sizeof path, "%.*s/.encryption_key", STRF(core->settings.data_dir));
	if (!key_make(path, why) || !key_read(path, key, why)) {
		mem_release(l);
		return NULL;
	}
	hmac_sha256((struct str){ (char *)key, KEY_BYTES }, STR("imago links 1"), l->key);
	wipe(key, sizeof key);
	return l;
}

void links_free(struct links **l)
{
	if (!*l)
		return;
	wipe((*l)->key, sizeof(*l)->key);
	mem_release(*l);
	*l = NULL;
}

static void link_mac(const struct links *l, const char *purpose, struct str a, struct str b, char out[MAC_TEXT])
{
	uint8_t mac[SHA256_BYTES];
	struct buf text;

	buf_init(&text, 16 * 1024);
	buf_cstr(&text, purpose);
	buf_byte(&text, '\n');
	buf_str(&text, a);
	buf_byte(&text, '\n');
	buf_str(&text, b);
	hmac_sha256((struct str){ (const char *)l->key, sizeof l->key }, buf_view(&text), mac);
	CHECK(base64url_encode(mac, MAC_BYTES, out) == MAC_TEXT);
	buf_clear(&text);
}

void links_write(const struct links *l, struct buf *out, struct str base, struct str path)
{
	char mac[MAC_TEXT], exp[24];
	int64_t now_s = wall_us() / 1000000;

	snprintf(exp, sizeof exp, "%lld", (long long)((now_s / HOUR_S + 1) * HOUR_S + l->ttl_s));
	link_mac(l, "link", path, str_from(exp), mac);
	buf_str(out, base);
	buf_str(out, path);
	buf_cstr(out, "?exp=");
	buf_cstr(out, exp);
	buf_cstr(out, "&sig=");
	buf_put(out, mac, MAC_TEXT);
}

bool links_check(const struct links *l, struct str path, struct str query, int64_t now_us)
{
	struct str exp = url_query_get(query, "exp"), sig = url_query_get(query, "sig");
	char mac[MAC_TEXT];
	int64_t until_s;

	if (exp.n == 0 || exp.n > 16 || sig.n != MAC_TEXT || path.n > 512 || !str_to_i64(exp, &until_s))
		return false;
	link_mac(l, "link", path, exp, mac);
	return equal_in_constant_time(sig, (struct str){ mac, MAC_TEXT }) && until_s > now_us / 1000000;
}

void links_seal(const struct links *l, struct buf *out, struct str payload)
{
	char mac[MAC_TEXT];

	link_mac(l, "cookie", payload, (struct str){ NULL, 0 }, mac);
	buf_str(out, payload);
	buf_byte(out, '.');
	buf_put(out, mac, MAC_TEXT);
}

bool links_open(const struct links *l, struct str sealed, struct str *payload)
{
	char mac[MAC_TEXT];

	if (sealed.n < MAC_TEXT + 1 || sealed.n > 1024 || sealed.p[sealed.n - MAC_TEXT - 1] != '.')
		return false;
	*payload = str_sub(sealed, 0, sealed.n - MAC_TEXT - 1);
	link_mac(l, "cookie", *payload, (struct str){ NULL, 0 }, mac);
	return equal_in_constant_time(str_skip(sealed, sealed.n - MAC_TEXT), (struct str){ mac, MAC_TEXT });
}
