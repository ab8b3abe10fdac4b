/* url: what is taken apart, what is refused, percent-coding. */
#include "unit.h"

#include "base/url.h"

static void takes_apart(void **state)
{
	static const struct {
		const char *text;
		bool https;
		const char *host;
		bool is_address;
		unsigned port;
		const char *target;
	} rows[] = {
		{ "http://example.com", false, "example.com", false, 80, "/" },
		{ "https://example.com/", true, "example.com", false, 443, "/" },
		{ "HTTPS://Example.COM:8443/a/b?c=d&e#f", true, "Example.COM", false, 8443, "/a/b?c=d&e" },
		{ "http://a#f", false, "a", false, 80, "/" },
		{ "http://a/#", false, "a", false, 80, "/" },
		{ "http://a/?u=http://b:99/@c", false, "a", false, 80, "/?u=http://b:99/@c" },
		{ "http://127.0.0.1:8080/x", false, "127.0.0.1", true, 8080, "/x" },
		{ "http://255.255.255.255", false, "255.255.255.255", true, 80, "/" },
		{ "http://[::1]:9000/x", false, "::1", true, 9000, "/x" },
		{ "http://[::ffff:127.0.0.1]/", false, "::ffff:127.0.0.1", true, 80, "/" },
		{ "http://[64:ff9b::a9fe:a9fe]/", false, "64:ff9b::a9fe:a9fe", true, 80, "/" },
		{ "http://localhost:3000", false, "localhost", false, 3000, "/" },
		{ "http://my_host-1.internal", false, "my_host-1.internal", false, 80, "/" },
		{ "http://xn--bcher-kva.example/", false, "xn--bcher-kva.example", false, 80, "/" },
		{ "http://1.2.3.com", false, "1.2.3.com", false, 80, "/" },
		{ "http://a/%41%zz|{}", false, "a", false, 80, "/%41%zz|{}" },
		{ "http://a:1", false, "a", false, 1, "/" },
		{ "http://a:65535", false, "a", false, 65535, "/" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct url u;

		ROW(url_parse(str_from(rows[i].text), &u), "%s was refused", rows[i].text);
		ROW(u.https == rows[i].https && u.port == rows[i].port && u.is_address == rows[i].is_address, "%s",
		    rows[i].text);
		assert_str(u.host, rows[i].host);
		assert_str(u.target, rows[i].target);
	}
}

/* The first lines are what libcurl was seen to turn into 127.0.0.1. */
/* What libcurl would repair, and what it would take for 127.0.0.1. */
static const char *const odd_spellings[] = {
	"http://0177.1/",
	"http://2130706433/",
	"http://0x7f.1/",
	"http://127.1/",
	"http://%31%32%37.0.0.1/",
	"http://foo.localhost/",
	"http:/127.0.0.1/",
	"127.0.0.1/",
	"http://a.b.LOCALHOST/",
	"http://0x7f000001/",
	"http://0177.0.0.1/",
	"http://127.0.0.01/",
	"http://127.0.0.1./",
	"http://127.0.1/",
	"http://017700000001/",
	"http://0/",
	"http://256.1.1.1/",
	"http://1.2.3.4.5/",
	"http://foo.0x7f/",
	"http://foo.1/",
	"http://foo.00/",
	"http:127.0.0.1/",
	"http:///127.0.0.1/",
	"http:////127.0.0.1",
	"http:\\\\127.0.0.1\\",
	"//127.0.0.1/",
	"/127.0.0.1",
	"http://127.0.0.1\\@example.com/",
	"http://example.com\\.evil/",
	"http:// 127.0.0.1/",
	" http://127.0.0.1/",
	"http://127.0.0.1/ ",
	"http://exam ple.com/",
	"http://example.com\t/",
	"http://example.com/\r\nHost: x",
	"http://example.com/a b",
	"http://example.com/\x7f",
	"http://ex\x01.com/",
	"http://user@example.com/",
	"http://user:pass@example.com/",
	"http://@127.0.0.1/",
	"http://a@b@c/",
	"http://example.com:80@127.0.0.1/",
	"http://[::1%lo]/",
	"http://[::1%25lo]/",
	"http://[::1",
	"http://::1/",
	"http://[]/",
	"http://[1]/",
	"http://[::1]x/",
	"http://[::1]:/",
	"http://[127.0.0.1]/",
	"http://[::g]/",
	"http://[:::1]/",
	"http://[::1]]/",
	"http://[[::1]]/",
	"http://[v1.x]/",
	"http://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/",
	"http://127\xe3\x80\x82.0.1/",
	"http://b\xc3\xbc.de/",
	"http://example.com/\xc3\xa4",
	"http://",
	"http:///",
	"http://?x",
	"http://#x",
	"http://:80/",
	"http://a:/",
	"http://a:0/",
	"http://a:00080/",
	"http://a:080",
	"http://a:65536/",
	"http://a:99999999999/",
	"http://a:8o/",
	"http://a:-1/",
	"http://a:+80/",
	"http://a:80:80/",
	"http://a?x",
	"http://.a/",
	"http://a./",
	"http://a..b/",
	"http://-a.b/",
	"http://a-.b/",
	"http://a,b/",
	"http://a*b/",
	"http://a%2eb/",
	"http://a$b/",
	"http://a'b/",
	"http://a\"b/",
	"http://a/<x>",
	"http://a/\"",
	"ftp://a/",
	"file:///etc/passwd",
	"gopher://a/",
	"httpx://a/",
	"javascript:alert(1)",
	"data:text/plain,x",
	"http",
	"https:",
	"",
	"://a",
	"http//a",
};

static void refuses_odd_spellings(void **state)
{
	struct url u;
	char longest[9000], label[80];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(odd_spellings); i++)
		ROW(!url_parse(str_from(odd_spellings[i]), &u), "%s was taken: host %.*s", odd_spellings[i],
		    STRF(u.host));
	assert_false(url_parse((struct str){ "http://a\0b/", 11 }, &u));
	assert_false(url_parse((struct str){ "http://a/\0", 10 }, &u));
	assert_false(url_parse((struct str){ NULL, 0 }, &u));
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "http://a/", 9);
	assert_true(url_parse((struct str){ longest, 8192 }, &u));
	assert_false(url_parse((struct str){ longest, 8193 }, &u));
	(void)snprintf(label, sizeof(label), "http://%063d.a/", 0);
	assert_true(url_parse(str_from(label), &u));
	(void)snprintf(label, sizeof(label), "http://%064d.a/", 0);
	assert_false(url_parse(str_from(label), &u));
}

static void compares_origins(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{ "http://a/x", "http://A:80/y?z", true },
		{ "https://a", "https://a:443", true },
		{ "http://a", "https://a", false },
		{ "http://a:443", "https://a", false },
		{ "http://a", "http://a:81", false },
		{ "http://a", "http://a.b", false },
		{ "http://[::1]/", "http://[::1]:80/", true },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct url a, b;

		assert_true(url_parse(str_from(rows[i].a), &a) && url_parse(str_from(rows[i].b), &b));
		ROW(url_same_origin(&a, &b) == rows[i].same, "%s %s", rows[i].a, rows[i].b);
	}
}

static void encodes(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1024);
	url_encode(&b, STR("aZ09-._~ /?\xc3\xa4%+"), NULL);
	assert_str(buf_view(&b), "aZ09-._~%20%2F%3F%C3%A4%25%2B");
	buf_reset(&b);
	url_encode(&b, (struct str){ "a/b\0&", 5 }, "/");
	assert_str(buf_view(&b), "a/b%00%26");
	buf_clear(&b);
}

static void decodes(void **state)
{
	static const struct {
		const char *text, *decoded; /* NULL: refused */
	} rows[] = {
		{ "", "" },
		{ "a%20b", "a b" },
		{ "%2e%2E%2f", "../" },
		{ "a+b", "a+b" },
		{ "%c3%A4", "\xc3\xa4" },
		{ "%7f", "\x7f" },
		{ "%zz", NULL },
		{ "%", NULL },
		{ "%4", NULL },
		{ "a%4", NULL },
		{ "%00", NULL },
		{ "%0a", NULL },
		{ "%1f", NULL },
		{ "a\tb", NULL },
		{ "%%41", NULL },
		{ "%2541", "%41" },
		{ "%-1", NULL },
		{ "% 1", NULL },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char out[32];
		size_t n = 99;

		assert_true(str_to_cstr(str_from(rows[i].text), out, sizeof(out)));
		/* in place */
		ROW(url_decode((struct str){ out, strlen(out) }, out, &n) == (rows[i].decoded != NULL), "%s",
		    rows[i].text);
		if (rows[i].decoded)
			assert_str((struct str){ out, n }, rows[i].decoded);
	}
}

static void finds_query_values(void **state)
{
	static const struct {
		const char *query, *name, *value; /* NULL: absent */
	} rows[] = {
		{ "a=1&b=2", "b", "2" },   { "a=1&b=2", "c", NULL }, { "a", "a", "" },        { "a=", "a", "" },
		{ "a=1=2", "a", "1=2" },   { "ab=1", "a", NULL },    { "a=1&a=2", "a", "1" }, { "", "a", NULL },
		{ "&&a=%20", "a", "%20" }, { "=x", "a", NULL },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str v = url_query_get(str_from(rows[i].query), rows[i].name);

		ROW((v.p != NULL) == (rows[i].value != NULL), "row %zu", i);
		if (rows[i].value)
			assert_str(v, rows[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_apart),      cmocka_unit_test(refuses_odd_spellings),
		cmocka_unit_test(compares_origins), cmocka_unit_test(encodes),
		cmocka_unit_test(decodes),          cmocka_unit_test(finds_query_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
