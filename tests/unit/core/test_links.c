/* links: the key file and whom it may belong to, links that expire, sealed texts, and each of them changed a little. */
#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/wall.h"
#include "core/core.h"
#include "core/links.h"

enum { TTL_S = 7 * 24 * 3600, HOUR_S = 3600 };
static const char path[] = "/generated_images/img_1/image_1.png";

struct fixture {
	char folder[64], key[80];
	struct core core;
	struct links *links;
	struct buf out;
};

static struct links *open_links(struct fixture *f, struct str *why)
{
	return links_new(&f->core, (struct str){ NULL, 0 }, why);
}

static int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	struct str why;

	strncpy(f->folder, "/tmp/imago-links-XXXXXX", sizeof f->folder - 1);
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->key, sizeof f->key, "%s/.encryption_key", f->folder);
	f->core.settings.data_dir = str_from(f->folder);
	f->core.settings.link_ttl_s = TTL_S;
	f->links = open_links(f, &why);
	assert_non_null(f->links);
	buf_init(&f->out, 4096);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	links_free(&f->links);
	links_free(&f->links); /* twice is fine */
	buf_clear(&f->out);
	unlink(f->key);
	assert_int_equal(rmdir(f->folder), 0); /* nothing else was left there */
	mem_release(f);
	return 0;
}

/* The query of a fresh link to `path`. */
static struct str fresh(struct fixture *f)
{
	struct str all;

	buf_reset(&f->out);
	links_write(f->links, &f->out, STR("http://host"), STR("/generated_images/img_1/image_1.png"));
	all = buf_view(&f->out);
	assert_true(str_starts(all, STR("http://host/generated_images/img_1/image_1.png?exp=")));
	return str_skip(all, str_find_byte(all, '?') + 1);
}

/* ---- the key file ---- */

static void the_key_is_made_once(void **state)
{
	struct fixture *f = *state;
	struct str query = fresh(f), why;
	struct links *again = open_links(f, &why);
	struct stat st;

	assert_non_null(again);
	assert_true(links_check(again, str_from(path), query, wall_us()));
	links_free(&again);
	assert_int_equal(stat(f->key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0400);
	assert_int_equal(st.st_size, 65);
}

static void two_first_starts_agree(void **state)
{
	struct fixture *f = *state;
	int fds[2];

	for (unsigned round = 0; round < 20; round++) {
		char got[2][64] = { { 0 } };

		unlink(f->key);
		assert_int_equal(pipe(fds), 0);
		for (unsigned i = 0; i < 2; i++) {
			if (fork() == 0) {
				struct str why;
				struct links *l = open_links(f, &why);
				char line[64] = "no key";
				struct buf b;

				buf_init(&b, 4096);
				if (l) {
					links_seal(l, &b, STR("x"));
					assert_true(str_to_cstr(buf_view(&b), line, sizeof line));
				}
				_exit(write(fds[1], line, sizeof line) != sizeof line);
			}
		}
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(read(fds[0], got[i], sizeof got[i]), sizeof got[i]);
		while (wait(NULL) > 0)
			;
		close(fds[0]);
		close(fds[1]);
		assert_string_equal(got[0], got[1]);
		assert_string_not_equal(got[0], "no key");
	}
}

static void rewrite(struct fixture *f, const char *text, mode_t mode)
{
	int fd;

	unlink(f->key);
	fd = open(f->key, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void strange_key_files_are_refused(void **state)
{
#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	static const struct {
		const char *text;
		mode_t mode;
		bool taken;
	} rows[] = {
		{ HEX "\n", 0400, true },  { HEX, 0600, true },         { HEX "\n", 0440, false },
		{ HEX "\n", 0404, false }, { HEX "\n\n", 0400, false }, { HEX "0", 0400, false },
		{ "", 0400, false },       { "0011\n", 0400, false },   { "x" HEX, 0400, false },
		{ "zz" HEX, 0400, false },
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		struct str why = { 0 };
		struct links *l;

		rewrite(f, rows[i].text, rows[i].mode);
		l = open_links(f, &why);
		ROW(!!l == rows[i].taken, "row %u: %.*s", i, STRF(why));
		ROW(l || why.n > 0, "row %u: nothing is said", i);
		links_free(&l);
	}
	unlink(f->key);
	assert_int_equal(symlink("/dev/null", f->key), 0);
	assert_null(open_links(f, &(struct str){ 0 }));
}

static void a_key_file_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct str why, query = fresh(f);
	char other[96];
	struct links *l;

	snprintf(other, sizeof other, "%s/shared", f->folder);
	l = links_new(&f->core, str_from(other), &why);
	assert_non_null(l);
	assert_false(links_check(l, str_from(path), query, wall_us())); /* another key */
	links_free(&l);
	assert_int_equal(unlink(other), 0);
	snprintf(other, sizeof other, "%s/no/such/folder", f->folder);
	assert_null(links_new(&f->core, str_from(other), &why));
}

/* ---- links ---- */

static void links_expire(void **state)
{
	struct fixture *f = *state;
	int64_t now = wall_us(), second = 1000000;
	struct str query = fresh(f);

	assert_true(links_check(f->links, str_from(path), query, now));
	assert_true(links_check(f->links, str_from(path), query, now + (TTL_S - 1) * second));
	assert_false(links_check(f->links, str_from(path), query, now + (TTL_S + HOUR_S + 1) * second));
}

static void changed_links_are_refused(void **state)
{
	struct fixture *f = *state;
	struct str query = fresh(f);
	char changed[256];

	for (size_t i = 0; i < query.n; i++) {
		memcpy(changed, query.p, query.n);
		changed[i] ^= 1;
		ROW(!links_check(f->links, str_from(path), (struct str){ changed, query.n }, wall_us()),
		    "byte %zu changed", i);
		ROW(!links_check(f->links, str_from(path), (struct str){ query.p, i }, wall_us()), "cut at %zu", i);
	}
	assert_false(links_check(f->links, STR("/generated_images/img_1/image_2.png"), query, wall_us()));
	assert_false(links_check(f->links, STR(""), query, wall_us()));
	assert_false(links_check(f->links, str_from(path), STR(""), wall_us()));
	assert_false(links_check(f->links, str_from(path), STR("exp=99999999999&sig="), wall_us()));
}

static void links_of_one_hour_are_equal(void **state)
{
	struct fixture *f = *state;
	char first[256];

	assert_true(str_to_cstr(fresh(f), first, sizeof first));
	for (unsigned i = 0; i < 3; i++)
		if (!str_is(fresh(f), first))
			return; /* the hour has just passed */
	assert_str(fresh(f), first);
}

/* ---- sealed texts ---- */

static void seals_hold(void **state)
{
	static const char *const texts[] = { "", "usr_1", "a.b.c", "with \"quotes\"; and more", "...." };
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(texts); i++) {
		struct str sealed, payload;
		char changed[256];

		buf_reset(&f->out);
		links_seal(f->links, &f->out, str_from(texts[i]));
		sealed = buf_view(&f->out);
		assert_true(links_open(f->links, sealed, &payload));
		assert_str(payload, texts[i]);
		for (size_t k = 0; k < sealed.n; k++) {
			memcpy(changed, sealed.p, sealed.n);
			changed[k] ^= 1;
			ROW(!links_open(f->links, (struct str){ changed, sealed.n }, &payload), "%s: byte %zu changed",
			    texts[i], k);
			ROW(!links_open(f->links, (struct str){ sealed.p, k }, &payload), "%s: cut at %zu", texts[i],
			    k);
		}
	}
}

/* What was made for one purpose is nothing for another. */
static void a_link_is_no_seal(void **state)
{
	struct fixture *f = *state;
	struct str query = fresh(f), payload;
	struct str mac = str_skip(query, query.n - 22);
	char forged[256];

	snprintf(forged, sizeof forged, "%s.%.*s", path, STRF(mac));
	assert_false(links_open(f->links, str_from(forged), &payload));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_key_is_made_once),
		TEST(two_first_starts_agree),
		TEST(strange_key_files_are_refused),
		TEST(a_key_file_of_its_own),
		TEST(links_expire),
		TEST(changed_links_are_refused),
		TEST(links_of_one_hour_are_equal),
		TEST(seals_hold),
		TEST(a_link_is_no_seal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
