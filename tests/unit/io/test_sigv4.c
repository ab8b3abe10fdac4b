/*
 * sigv4: AWS's own suite, a published example for S3, and what a signature must depend on.
 *
 * The suite signs for a service that shortens paths ("/a/../b") before it signs; S3 must not, so where a case asks for it the test does that, as
 * a caller would have to.
 */
#include "helpers.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/url.h"
#include "base/wall.h"
#include "io/sigv4.h"

enum { FILE_MAX = 16 * 1024, ARENA_MAX = 1 << 20, CASES = 38 };

struct suite {
	char folder[64];
	struct arena arena;
	struct sigv4_key key;
	int64_t now_us;
	bool shorten, sign_body, token_is_later;
	unsigned seconds;
	struct str token;
};

/* ---- files of a case ---- */

static struct str case_file(struct suite *s, const char *name, const char *file)
{
	char path[300], bytes[FILE_MAX];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "%s/sigv4/%s/%s", s->folder, name, file);
	f = fopen(path, "r");
	if (!f)
		fail_msg("%s is not there", path);
	n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	assert_true(n < sizeof bytes);
	while (n > 0 && bytes[n - 1] == '\n' && !strcmp(file, "context.json"))
		n--;
	return arena_copy(&s->arena, (struct str){ bytes, n });
}

static void read_context(struct suite *s, const char *name)
{
	struct json_error error;
	struct json *root = json_parse(case_file(s, name, "context.json"), &error);
	const struct json *keys = json_get(root, "credentials");
	struct arena *a = &s->arena;

	assert_non_null(root);
	s->key.access_key = arena_copy(a, json_str(json_get(keys, "access_key_id")));
	s->key.secret.value = arena_copy(a, json_str(json_get(keys, "secret_access_key")));
	s->key.region = arena_copy(a, json_str(json_get(root, "region")));
	s->key.service = arena_copy(a, json_str(json_get(root, "service")));
	s->token = arena_copy(a, json_str(json_get(keys, "token")));
	assert_true(wall_parse_rfc3339(json_str(json_get(root, "timestamp")), &s->now_us));
	s->seconds = (unsigned)json_int(json_get(root, "expiration_in_seconds"), 0);
	s->shorten = json_bool(json_get(root, "normalize"), false);
	s->sign_body = json_bool(json_get(root, "sign_body"), false);
	s->token_is_later = json_bool(json_get(root, "omit_session_token"), false);
	json_free(&root);
}

static struct str shortened(struct suite *s, struct str path)
{
	struct str parts[32], rest = str_skip(path, 1), out = STR("");
	bool folder = path.p[path.n - 1] == '/' || str_ends(path, STR("/.")) || str_ends(path, STR("/.."));
	unsigned n = 0;

	while (rest.p) {
		struct str part = str_cut(&rest, '/');

		if (str_is(part, ".."))
			n -= n > 0;
		else if (part.n > 0 && !str_is(part, "."))
			parts[n++] = part;
	}
	for (unsigned i = 0; i < n; i++)
		out = arena_printf(&s->arena, "%.*s/%.*s", STRF(out), STRF(parts[i]));
	return folder || n == 0 ? arena_printf(&s->arena, "%.*s/", STRF(out)) : out;
}

static struct str decoded(struct suite *s, struct str text)
{
	char *out = arena_alloc(&s->arena, text.n + 1, 1);
	size_t n;

	assert_true(url_decode(text, out, &n));
	return (struct str){ out, n };
}

static void read_target(struct suite *s, struct str target, struct sigv4_request *r)
{
	struct str query = target, path = str_cut(&query, '?');

	r->path = s->shorten ? shortened(s, path) : path;
	while (query.p && query.n) {
		struct str value = str_cut(&query, '&'), name = str_cut(&value, '=');

		sigv4_query(r, decoded(s, name), decoded(s, value));
	}
}

static void read_request(struct suite *s, const char *name, struct sigv4_request *r)
{
	struct str rest = case_file(s, name, "request.txt"), line = str_cut(&rest, '\n');
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX];
	struct str version;

	*r = (struct sigv4_request){ .method = str_cut(&line, ' ') };
	version = STR(" HTTP/1.1");
	assert_true(str_ends(line, version));
	read_target(s, str_sub(line, 0, line.n - version.n), r);
	while (rest.p && rest.n && (line = str_cut(&rest, '\n')).n) {
		if (line.p[0] == ' ') { /* goes on from the line before */
			struct sigv4_pair *last = &r->headers[r->header_count - 1];

			last->value = arena_printf(&s->arena, "%.*s %.*s", STRF(last->value), STRF(str_trim(line)));
			continue;
		}
		sigv4_header(r, str_cut(&line, ':'), line);
	}
	sha256_of(rest, digest);
	hex_encode(digest, sizeof digest, hex);
	r->payload = arena_copy(&s->arena, (struct str){ hex, sizeof hex });
}

static void expect(struct suite *s, const char *name, const char *file, struct str got)
{
	struct str want = case_file(s, name, file);

	if (!str_eq(str_trim(want), str_trim(got)))
		fail_msg("%s/%s\nwant %.*s\ngot  %.*s", name, file, STRF(want), STRF(got));
}

static void try_header(struct suite *s, const char *name)
{
	struct arena *a = &s->arena;
	struct sigv4_request r;
	struct str text;

	read_request(s, name, &r);
	sigv4_header(&r, STR("X-Amz-Date"), sigv4_date(a, s->now_us));
	if (s->sign_body)
		sigv4_header(&r, STR("x-amz-content-sha256"), r.payload);
	if (s->token.n && !s->token_is_later)
		sigv4_header(&r, STR("X-Amz-Security-Token"), s->token);
	expect(s, name, "header-canonical-request.txt", sigv4_canonical(a, &r));
	expect(s, name, "header-string-to-sign.txt",
	       sigv4_string_to_sign(a, &s->key, s->now_us, sigv4_canonical(a, &r)));
	text = sigv4_authorization(a, &s->key, &r, s->now_us);
	expect(s, name, "header-signature.txt", str_skip(text, text.n - SHA256_HEX));
	if (str_find(case_file(s, name, "header-signed-request.txt"), text) == SIZE_MAX)
		fail_msg("%s: %.*s", name, STRF(text));
}

static void try_query(struct suite *s, const char *name)
{
	struct sigv4_request r, unsigned_yet;
	struct str signature;

	read_request(s, name, &r);
	if (s->token.n && !s->token_is_later)
		sigv4_query(&r, STR("X-Amz-Security-Token"), s->token);
	sigv4_presign(&s->arena, &s->key, &r, s->seconds, s->now_us);
	signature = r.query[r.query_count - 1].value;
	unsigned_yet = r;
	unsigned_yet.query_count--;
	expect(s, name, "query-canonical-request.txt", sigv4_canonical(&s->arena, &unsigned_yet));
	expect(s, name, "query-signature.txt", signature);
}

static void unpack(struct suite *s)
{
	char command[300];

	if (!getenv("IMAGO_CORPORA")) {
		print_message("skipped: IMAGO_CORPORA is not set, AWS's suite was not tried\n");
		skip();
	}
	folder_make(s->folder);
	snprintf(command, sizeof command, "tar -C %s -xJf \"$IMAGO_CORPORA/aws-sigv4-suite.tar.xz\"", s->folder);
	assert_int_equal(system(command), 0);
}

static void test_suite(void **state)
{
	struct suite s = { .seconds = 0 };
	char path[100];
	unsigned tried = 0;
	DIR *dir;

	(void)state;
	unpack(&s);
	snprintf(path, sizeof path, "%s/sigv4", s.folder);
	dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		arena_init(&s.arena, ARENA_MAX);
		read_context(&s, e->d_name);
		try_header(&s, e->d_name);
		try_query(&s, e->d_name);
		assert_false(s.arena.overflowed);
		arena_clear(&s.arena);
		tried++;
	}
	closedir(dir);
	folder_remove(AT_FDCWD, s.folder);
	assert_int_equal(tried, CASES);
}

/* ---- S3 ---- */

static const struct sigv4_key s3_key = {
	.access_key = { "AKIAIOSFODNN7EXAMPLE", 20 },
	.region = { "us-east-1", 9 },
	.service = { "s3", 2 },
	.secret = { { "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 40 } },
};
static const int64_t s3_now_us = 1369353600LL * 1000000; /* 2013-05-24T00:00:00Z */

/* From "Authenticating Requests: Using Query Parameters" of the S3 documentation. */
static void test_s3_link(void **state)
{
	struct sigv4_request r = { .method = STR("GET"), .path = STR("/test.txt"), .payload = STR("UNSIGNED-PAYLOAD") };
	struct arena a;

	(void)state;
	arena_init(&a, ARENA_MAX);
	sigv4_header(&r, STR("Host"), STR("examplebucket.s3.amazonaws.com"));
	sigv4_presign(&a, &s3_key, &r, 86400, s3_now_us);
	assert_true(str_is(r.query[r.query_count - 1].value,
	                   "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"));
	assert_true(str_starts(sigv4_target(&a, &r), STR("/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&")));
	arena_clear(&a);
}

/* From "Authorization Header: Transferring Payload in a Single Chunk": a PUT whose name has a byte to be encoded. */
static void test_s3_put(void **state)
{
	struct sigv4_request r = { .method = STR("PUT"),
		                   .path = STR("/test$file.text"),
		                   .payload = STR("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072") };
	struct str text;
	struct arena a;

	(void)state;
	arena_init(&a, ARENA_MAX);
	sigv4_header(&r, STR("Date"), STR("Fri, 24 May 2013 00:00:00 GMT"));
	sigv4_header(&r, STR("Host"), STR("examplebucket.s3.amazonaws.com"));
	sigv4_header(&r, STR("x-amz-date"), sigv4_date(&a, s3_now_us));
	sigv4_header(&r, STR("x-amz-storage-class"), STR("REDUCED_REDUNDANCY"));
	sigv4_header(&r, STR("x-amz-content-sha256"), r.payload);
	text = sigv4_authorization(&a, &s3_key, &r, s3_now_us);
	assert_true(str_ends(text, STR("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")));
	assert_true(str_is(sigv4_target(&a, &r), "/test%24file.text"));
	arena_clear(&a);
}

static struct str sign(struct arena *a, const struct sigv4_key *key, struct str path, struct str payload, int64_t at_us)
{
	struct sigv4_request r = { .method = STR("GET"), .path = path, .payload = payload };
	struct str text;

	sigv4_header(&r, STR("host"), STR("s3.example.org"));
	text = sigv4_authorization(a, key, &r, at_us);
	return str_skip(text, text.n - SHA256_HEX);
}

/* Each thing that is signed changes the signature. */
static void test_dependence(void **state)
{
	struct sigv4_key other_secret = s3_key, other_region = s3_key;
	struct str all[6], hash = STR("UNSIGNED-PAYLOAD");
	struct arena a;

	(void)state;
	arena_init(&a, ARENA_MAX);
	other_secret.secret.value = STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEZ");
	other_region.region = STR("us-east-2");
	all[0] = sign(&a, &s3_key, STR("/b/k"), hash, s3_now_us);
	all[1] = sign(&a, &other_secret, STR("/b/k"), hash, s3_now_us);
	all[2] = sign(&a, &other_region, STR("/b/k"), hash, s3_now_us);
	all[3] = sign(&a, &s3_key, STR("/b//k"), hash, s3_now_us);
	all[4] = sign(&a, &s3_key, STR("/b/k"), STR("other"), s3_now_us);
	all[5] = sign(&a, &s3_key, STR("/b/k"), hash, s3_now_us + 1000000);
	for (unsigned i = 0; i < 6; i++)
		for (unsigned j = 0; j < i; j++)
			assert_false(str_eq(all[i], all[j]));
	assert_true(str_eq(all[0], sign(&a, &s3_key, STR("/b/k"), hash, s3_now_us)));
	arena_clear(&a);
}

/* More than fits is told by the arena, and nothing is cut off in silence. */
static void test_overflow(void **state)
{
	struct sigv4_request r = { .method = STR("GET"), .path = STR("/b/k"), .payload = STR("-") };
	struct arena a;

	(void)state;
	arena_init(&a, 256);
	sigv4_header(&r, STR("host"), STR("s3.example.org"));
	sigv4_authorization(&a, &s3_key, &r, s3_now_us);
	assert_true(a.overflowed);
	arena_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suite),      cmocka_unit_test(test_s3_link),  cmocka_unit_test(test_s3_put),
		cmocka_unit_test(test_dependence), cmocka_unit_test(test_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
