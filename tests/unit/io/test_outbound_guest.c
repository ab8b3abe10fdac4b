/*
 * outbound, URLs that users supplied: whatever they are spelled like and whatever their
 * names resolve to, no connection to an address that is not public, unless the operator opened it.
 */
#include "outbound_world.h"

static const char dns[] =
	"127.0.0.1:1,evil.test=127.0.0.1,evil6.test=::1,mapped.test=::ffff:127.0.0.1,*.wild.test=127.0.0.1,"
	"both.test=127.0.0.1,both.test=::1,any.test=0.0.0.0,compat.test=::127.0.0.1,nat64.test=64:ff9b::127.0.0.1,"
	"sixto4.test=2002:7f00:1::,meta.test=169.254.169.254,ten.test=10.0.0.1,ula.test=fd00::1,link.test=fe80::1";

/* %u: the port of a server that counts who comes */
static const char *const urls[] = {
	"http://127.0.0.1:%u/",
	"http://127.0.0.2:%u/",
	"http://127.255.255.254:%u/",
	"http://0.0.0.0:%u/",
	"http://localhost:%u/",
	"http://LOCALHOST:%u/",
	"http://localhost.:%u/",
	"http://foo.localhost:%u/",
	"http://127.1:%u/",
	"http://127.0.1:%u/",
	"http://0177.0.0.1:%u/",
	"http://0177.1:%u/",
	"http://0x7f.1:%u/",
	"http://0x7f000001:%u/",
	"http://2130706433:%u/",
	"http://017700000001:%u/",
	"http://127.0.0.01:%u/",
	"http://127.0.0.1.:%u/",
	"http://0:%u/",
	"http://%%31%%32%%37.0.0.1:%u/",
	"http://127%%2e0%%2e0%%2e1:%u/",
	"http://[::1]:%u/",
	"http://[::]:%u/",
	"http://[0:0:0:0:0:0:0:1]:%u/",
	"http://[::ffff:127.0.0.1]:%u/",
	"http://[::ffff:7f00:1]:%u/",
	"http://[::127.0.0.1]:%u/",
	"http://[::ffff:0:127.0.0.1]:%u/",
	"http://[64:ff9b::127.0.0.1]:%u/",
	"http://[64:ff9b::7f00:1]:%u/",
	"http://[2002:7f00:1::]:%u/",
	"http://[2001:0:7f00:1::]:%u/",
	"http://[::1%%lo]:%u/",
	"http://[::1%%25lo]:%u/",
	"http://[fe80::1]:%u/",
	"http:/127.0.0.1:%u/",
	"http:127.0.0.1:%u/",
	"http:///127.0.0.1:%u/",
	"http:\\\\127.0.0.1:%u/",
	"//127.0.0.1:%u/",
	"127.0.0.1:%u/",
	"http://user@127.0.0.1:%u/",
	"http://public.test@127.0.0.1:%u/",
	"http://127.0.0.1:%u\\@public.test/",
	"http://127.0.0.1:%u#@public.test/",
	"http://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1:%u/",
	"http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1:%u/",
	"http://127\xe3\x80\x82"
	"0\xe3\x80\x82"
	"0\xe3\x80\x82"
	"1:%u/",
	"http://127.0.0.1 :%u/",
	"http:// 127.0.0.1:%u/",
	"http://127.0.0.1\t:%u/",
	"https://127.0.0.1:%u/",
	"ftp://127.0.0.1:%u/",
	"gopher://127.0.0.1:%u/_GET",
	"dict://127.0.0.1:%u/x",
	"ldap://127.0.0.1:%u/x",
	"file://127.0.0.1:%u/etc/passwd",
	"http://evil.test:%u/",
	"http://EVIL.test:%u/",
	"http://evil.test.:%u/",
	"http://evil6.test:%u/",
	"http://mapped.test:%u/",
	"http://a.b.wild.test:%u/",
	"http://both.test:%u/",
	"http://any.test:%u/",
	"http://compat.test:%u/",
	"http://nat64.test:%u/",
	"http://sixto4.test:%u/",
	"http://meta.test:%u/",
	"http://ten.test:%u/",
	"http://ula.test:%u/",
	"http://link.test:%u/",
};

static void guest_init(struct world *w, struct test_call *t, const char *pattern)
{
	char url[256];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(url, sizeof(url), pattern, w->peer.port);
#pragma GCC diagnostic pop
	call_init(w, t, "GET", url);
	t->call.kind = OUTBOUND_GUEST;
}

static void no_spelling_gets_in(void **state)
{
	struct world *w = world_new((struct world_options){ .dns = dns });
	struct peer six;
	unsigned forbidden = 0;

	(void)state;
	peer_start(&six, &w->loop, "::1", w->peer.port);
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		struct test_call t;

		guest_init(w, &t, urls[i]);
		call_run(&t);
		if (t.call.op.fault.code != FAULT_FORBIDDEN && t.call.op.fault.code != FAULT_NOT_SENT)
			fail_msg("%s: %s", t.url, fault_slug(t.call.op.fault.code));
		forbidden += t.call.op.fault.code == FAULT_FORBIDDEN;
		assert_false(t.call.sent);
		outbound_call_clear(&t.call);
	}
	let_pass(w, 50);
	assert_int_equal(w->peer.accepted, 0);
	assert_int_equal(six.accepted, 0);
	/* the rest is no URL at all */
	print_message("%zu URLs: %u refused by address\n", COUNT_OF(urls), forbidden);
	assert_true(forbidden >= 25);
	peer_stop(&six);
	world_free(w);
}

static const struct {
	const char *allow, *url;
	bool allowed;
} rules[] = {
	{ "127.0.0.1", "http://127.0.0.1:%u/hello", true },    { "127.0.0.0/8", "http://evil.test:%u/hello", true },
	{ "evil.test", "http://evil.test:%u/hello", true },    { "EVIL.test", "http://evil.test:%u/hello", true },
	{ "evil.test", "http://127.0.0.1:%u/hello", false },   { "evil.test", "http://x.wild.test:%u/hello", false },
	{ "evil.test:1", "http://evil.test:%u/hello", false }, { "10.0.0.0/8", "http://evil.test:%u/hello", false },
	{ "localhost", "http://localhost:%u/hello", true },    { "127.0.0.1", "http://mapped.test:%u/hello", true },
};

static void the_operator_may_open(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		struct world *w = world_new((struct world_options){ .dns = dns, .allow = rules[i].allow });
		struct test_call t;

		guest_init(w, &t, rules[i].url);
		call_run(&t);
		if (rules[i].allowed)
			expect_body(&t, 200, "hello");
		else
			expect_fault(&t, FAULT_FORBIDDEN, false);
		assert_int_equal(w->peer.accepted, rules[i].allowed);
		outbound_call_clear(&t.call);
		world_free(w);
	}
}

static void bad_rules_refuse_to_start(void **state)
{
	struct world *w = world_new((struct world_options){ 0 });
	struct outbound_config config = { .names = w->names, .allow_hosts = STR("10.0.0.0/64") };

	(void)state;
	assert_null(outbound_new(&w->loop, &w->log, &config));
	world_free(w);
}

/* The address is judged when a socket is opened: so a guest must never get an open one. */
static void no_connection_is_shared(void **state)
{
	struct world *w = world_new((struct world_options){ .dns = dns });
	struct test_call operator, guest;

	(void)state;
	call_init(w, &operator, "GET", "/hello");
	call_run(&operator);
	expect_body(&operator, 200, "hello");
	guest_init(w, &guest, "http://127.0.0.1:%u/hello");
	call_run(&guest);
	expect_fault(&guest, FAULT_FORBIDDEN, false);
	call_run(&operator);
	expect_body(&operator, 200, "hello");
	assert_int_equal(w->peer.accepted, 1);
	assert_int_equal(w->peer.requests, 2);
	outbound_call_clear(&operator.call);
	outbound_call_clear(&guest.call);
	world_free(w);
}

static void a_guest_connection_is_used_once(void **state)
{
	struct world *w = world_new((struct world_options){ .dns = dns, .allow = "127.0.0.1" });
	struct test_call t;

	(void)state;
	guest_init(w, &t, "http://127.0.0.1:%u/hello");
	for (unsigned i = 1; i <= 3; i++) {
		call_run(&t);
		expect_body(&t, 200, "hello");
		assert_int_equal(w->peer.accepted, i);
	}
	let_pass(w, 50);
	assert_int_equal(w->peer.open, 0);
	/* a redirect is an answer */
	outbound_call_clear(&t.call);
	guest_init(w, &t, "http://127.0.0.1:%u/status/302");
	call_run(&t);
	expect_body(&t, 302, "that status");
	assert_int_equal(w->peer.requests, 4);
	outbound_call_clear(&t.call);
	world_free(w);
}

static void the_environment_names_no_proxy(void **state)
{
	struct world *w = world_new((struct world_options){ .dns = dns });
	struct test_call t;
	char proxy[64];

	(void)state;
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", w->peer.port);
	setenv("http_proxy", proxy, 1);
	setenv("ALL_PROXY", proxy, 1);
	guest_init(w, &t, "http://ten.test/");
	call_run(&t);
	expect_fault(&t, FAULT_FORBIDDEN, false);
	assert_int_equal(w->peer.accepted, 0);
	outbound_call_clear(&t.call);
	/* the operator's calls neither */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	call_init(w, &t, "GET", "/hello");
	call_run(&t);
	expect_body(&t, 200, "hello");
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	outbound_call_clear(&t.call);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_spelling_gets_in),
		cmocka_unit_test(the_operator_may_open),
		cmocka_unit_test(bad_rules_refuse_to_start),
		cmocka_unit_test(no_connection_is_shared),
		cmocka_unit_test(a_guest_connection_is_used_once),
		cmocka_unit_test(the_environment_names_no_proxy),
	};

	return cmocka_run_group_tests_name("outbound_guest", tests, NULL, NULL);
}
