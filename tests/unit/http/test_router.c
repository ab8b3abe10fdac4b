/*
 * The router: what matches, what is more specific, what the table may not hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "http/router.h"

static void nothing(struct http_req *req)
{
	(void)req;
}

#define ROW(m, p) \
	{ \
		.method = HTTP_##m##_, .pattern = (p), .handle = nothing \
	}
static const struct route routes[] = {
	ROW(GET, "/"),
	ROW(GET, "/jobs"),
	ROW(POST, "/jobs"),
	ROW(GET, "/jobs/{id}"),
	ROW(DELETE, "/jobs/{id}"),
	ROW(GET, "/jobs/latest"),
	ROW(POST, "/jobs/{id}/cancel"),
	ROW(GET, "/media/{image}/{size}"),
	ROW(GET, "/media/{image}"),
	ROW(GET, "/static/{path...}"),
	ROW(GET, "/static/logo.png"),
	ROW(PUT, "/a/{w}/{x}/{y}/{z}"),
};

static struct router router_of(const struct route *table, size_t count)
{
	struct router r;
	struct str why;

	assert_true(router_init(&r, table, count, &why));
	return r;
}

static void paths(void **state)
{
	static const struct {
		enum http_method method;
		const char *path, *pattern, *first, *second, *allow;
	} rows[] = {
		{ HTTP_GET_, "/", "/", "", "", "" },
		{ HTTP_HEAD_, "/", "/", "", "", "" },
		{ HTTP_GET_, "/jobs", "/jobs", "", "", "" },
		{ HTTP_GET_, "/jobs/", NULL, "", "", "" },
		{ HTTP_GET_, "/jobs/a", "/jobs/{id}", "a", "", "" },
		{ HTTP_GET_, "/jobs/latest", "/jobs/latest", "", "", "" },
		{ HTTP_DELETE_, "/jobs/latest", "/jobs/{id}", "latest", "", "" },
		{ HTTP_PUT_, "/jobs/latest", NULL, "", "", "GET, HEAD, DELETE" },
		{ HTTP_PUT_, "/jobs", NULL, "", "", "GET, HEAD, POST" },
		{ HTTP_GET_, "/jobs/a/cancel", NULL, "", "", "POST" },
		{ HTTP_POST_, "/jobs/a/cancel", "/jobs/{id}/cancel", "a", "", "" },
		{ HTTP_POST_, "/jobs//cancel", NULL, "", "", "" },
		{ HTTP_GET_, "/jobs/a/", NULL, "", "", "" },
		{ HTTP_GET_, "/media/x/256", "/media/{image}/{size}", "x", "256", "" },
		{ HTTP_GET_, "/media/x", "/media/{image}", "x", "", "" },
		{ HTTP_GET_, "/static/a/b//c", "/static/{path...}", "a/b//c", "", "" },
		{ HTTP_GET_, "/static/logo.png", "/static/logo.png", "", "", "" },
		{ HTTP_GET_, "/static/", NULL, "", "", "" },
		{ HTTP_GET_, "/static", NULL, "", "", "" },
		{ HTTP_GET_, "/nothing", NULL, "", "", "" },
		{ HTTP_GET_, "//", NULL, "", "", "" },
		{ HTTP_PUT_, "/a/1/2/3/4", "/a/{w}/{x}/{y}/{z}", "1", "2", "" },
		{ HTTP_GET_, "/a/1/2/3/4", NULL, "", "", "PUT" },
	};
	struct router r = router_of(routes, COUNT_OF(routes));

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct http_req req = { .method = rows[i].method, .path = str_from(rows[i].path) };
		const struct route *found;
		struct str allow;

		arena_init(&req.arena, 4096);
		found = router_match(&r, &req, &allow);
		if (!str_eq(str_from(found ? found->pattern : NULL), str_from(rows[i].pattern)) ||
		    !str_is(req.params[0], rows[i].first) || !str_is(req.params[1], rows[i].second) ||
		    !str_is(allow, rows[i].allow))
			fail_msg("%s: %s, \"%.*s\", \"%.*s\", allow \"%.*s\"", rows[i].path,
			         found ? found->pattern : "none", STRF(req.params[0]), STRF(req.params[1]),
			         STRF(allow));
		arena_clear(&req.arena);
	}
}

static void bad_tables(void **state)
{
	static const struct {
		struct route rows[2];
		size_t count;
		bool good;
	} tables[] = {
		{ { ROW(GET, "/a"), ROW(GET, "/a") }, 2, false },
		{ { ROW(GET, "/a/{b}"), ROW(GET, "/a/{c}") }, 2, false },
		{ { ROW(GET, "/{a}/x"), ROW(GET, "/y/{b}") }, 2, false },
		{ { ROW(GET, "/a/{b...}"), ROW(GET, "/a/{c...}") }, 2, false },
		{ { ROW(GET, "/{a}/b"), ROW(GET, "/x/{c...}") }, 2, false },
		{ { ROW(GET, "/a"), ROW(HEAD, "/a") }, 2, false },
		{ { ROW(GET, "a"), ROW(GET, "/") }, 1, false },
		{ { ROW(GET, "/{}"), ROW(GET, "/") }, 1, false },
		{ { ROW(GET, "/x{a}"), ROW(GET, "/") }, 1, false },
		{ { ROW(GET, "/{a...}/b"), ROW(GET, "/") }, 1, false },
		{ { ROW(GET, "/{...}"), ROW(GET, "/") }, 1, false },
		{ { ROW(GET, "/{a}/{b}/{c}/{d}/{e}"), ROW(GET, "/") }, 1, false },
		{ { ROW(GET, "/a"), ROW(POST, "/a") }, 2, true },
		{ { ROW(GET, "/a/{b}"), ROW(GET, "/a/b") }, 2, true },
		{ { ROW(GET, "/a/{b}"), ROW(GET, "/a/{b}/c") }, 2, true },
		{ { ROW(GET, "/a/{b}/c"), ROW(GET, "/a/{b...}") }, 2, true },
		{ { ROW(GET, "/{a}/x"), ROW(GET, "/y/z") }, 2, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(tables); i++) {
		struct router r;
		struct str why = STR("");

		if (router_init(&r, tables[i].rows, tables[i].count, &why) != tables[i].good)
			fail_msg("%s and %s", tables[i].rows[0].pattern, tables[i].rows[1].pattern);
		assert_true(tables[i].good || why.n);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(bad_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
