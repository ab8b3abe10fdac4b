/*
 * address_guard: what is public, and what the operator opens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/un.h>

#include "io/address_guard.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static union address address_of(const char *text)
{
	union address a = { 0 };

	if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1) {
		a.v4.sin_family = AF_INET;
		return a;
	}
	assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
	a.v6.sin6_family = AF_INET6;
	return a;
}

static const struct {
	const char *address;
	bool is_public;
} addresses[] = {
	{ "1.1.1.1", true },
	{ "8.8.8.8", true },
	{ "9.255.255.255", true },
	{ "11.0.0.0", true },
	{ "100.63.255.255", true },
	{ "100.128.0.0", true },
	{ "126.255.255.255", true },
	{ "128.0.0.0", true },
	{ "169.253.255.255", true },
	{ "172.15.255.255", true },
	{ "172.32.0.0", true },
	{ "192.0.1.0", true },
	{ "192.167.255.255", true },
	{ "198.17.255.255", true },
	{ "198.20.0.0", true },
	{ "223.255.255.255", true },
	{ "0.0.0.0", false },
	{ "0.255.255.255", false },
	{ "10.0.0.0", false },
	{ "10.255.255.255", false },
	{ "100.64.0.0", false },
	{ "100.127.255.255", false },
	{ "127.0.0.1", false },
	{ "127.255.255.255", false },
	{ "169.254.0.0", false },
	{ "169.254.169.254", false },
	{ "172.16.0.0", false },
	{ "172.31.255.255", false },
	{ "192.0.0.1", false },
	{ "192.0.0.170", false },
	{ "192.0.2.7", false },
	{ "192.88.99.1", false },
	{ "192.168.0.1", false },
	{ "192.168.255.255", false },
	{ "198.18.0.0", false },
	{ "198.19.255.255", false },
	{ "198.51.100.1", false },
	{ "203.0.113.255", false },
	{ "224.0.0.1", false },
	{ "239.255.255.255", false },
	{ "240.0.0.1", false },
	{ "255.255.255.255", false },

	{ "2606:4700:4700::1111", true },
	{ "2a00:1450:4001::1", true },
	{ "2001:4860:4860::8888", true },
	{ "2001:200::1", true },
	{ "2003::1", true },
	{ "::ffff:8.8.8.8", true },
	{ "64:ff9b::8.8.8.8", true },
	{ "::", false },
	{ "::1", false },
	{ "::2", false },
	{ "::127.0.0.1", false },
	{ "::8.8.8.8", false },
	{ "::ffff:127.0.0.1", false },
	{ "::ffff:10.1.2.3", false },
	{ "::ffff:169.254.169.254", false },
	{ "::ffff:0:127.0.0.1", false },
	{ "::ffff:0:8.8.8.8", false },
	{ "64:ff9b::127.0.0.1", false },
	{ "64:ff9b::a9fe:a9fe", false },
	{ "64:ff9b:1::8.8.8.8", false },
	{ "100::1", false },
	{ "1fff:ffff::1", false },
	{ "2001::1", false },
	{ "2001:0:7f00:1::", false },
	{ "2001:2::1", false },
	{ "2001:10::1", false },
	{ "2001:1ff:ffff::1", false },
	{ "2001:db8::1", false },
	{ "2002:7f00:1::", false },
	{ "2002:808:808::", false },
	{ "2620:4f:8000::1", false },
	{ "3fff:0fff::1", false },
	{ "4000::1", false },
	{ "5f00::1", false },
	{ "fc00::1", false },
	{ "fdff:ffff::1", false },
	{ "fe80::1", false },
	{ "febf::1", false },
	{ "fec0::1", false },
	{ "ff02::1", false },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false },
};

static void public_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(addresses); i++) {
		union address a = address_of(addresses[i].address);

		if (address_is_public(&a.any) != addresses[i].is_public)
			fail_msg("%s: expected %s", addresses[i].address,
			         addresses[i].is_public ? "public" : "not public");
	}
}

static void other_families_are_refused(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/run/x.sock" };
	struct address_guard g;
	struct str bad;

	(void)state;
	assert_true(address_guard_parse(&g, STR("0.0.0.0/0,::/0"), &bad));
	assert_false(address_is_public((const struct sockaddr *)&un));
	assert_false(address_guard_allows(&g, STR("x"), 80, (const struct sockaddr *)&un));
}

static const struct {
	const char *rules, *host;
	uint16_t port;
	const char *address;
	bool allowed;
} cases[] = {
	{ "", "public.example", 80, "8.8.8.8", true },
	{ "", "files.internal", 80, "10.0.0.1", false },
	{ "files.internal", "files.internal", 80, "10.0.0.1", true },
	{ "files.internal", "FILES.Internal", 8080, "127.0.0.1", true },
	{ "files.internal", "other.internal", 80, "10.0.0.1", false },
	{ "files.internal", "xfiles.internal", 80, "10.0.0.1", false },
	{ "files.internal:9000", "files.internal", 9000, "10.0.0.1", true },
	{ "files.internal:9000", "files.internal", 9001, "10.0.0.1", false },
	{ "127.0.0.1", "127.0.0.1", 80, "127.0.0.1", true },
	{ "127.0.0.1", "rebound.example", 80, "127.0.0.1", true },
	{ "127.0.0.1:8080", "rebound.example", 80, "127.0.0.1", false },
	{ "127.0.0.1:8080", "a", 8080, "127.0.0.1", true },
	{ "127.0.0.1", "a", 80, "127.0.0.2", false },
	{ "127.0.0.1", "a", 80, "::ffff:127.0.0.1", true },
	{ "127.0.0.1", "a", 80, "::1", false },
	{ "[::1]:80", "a", 80, "::1", true },
	{ "[::1]:80", "a", 81, "::1", false },
	{ "[::1]", "a", 81, "::1", true },
	{ "::1", "a", 81, "::1", true },
	{ "10.0.0.0/8", "a", 80, "10.255.255.255", true },
	{ "10.0.0.0/8", "a", 80, "11.0.0.0", true },
	{ "10.0.0.0/8", "a", 80, "192.168.0.1", false },
	{ "192.168.4.0/22", "a", 80, "192.168.7.255", true },
	{ "192.168.4.0/22", "a", 80, "192.168.8.0", false },
	{ "10.0.0.7/32", "a", 80, "10.0.0.7", true },
	{ "10.0.0.7/32", "a", 80, "10.0.0.6", false },
	{ "fd00:1::/32", "a", 80, "fd00:1:ffff::1", true },
	{ "fd00:1::/32", "a", 80, "fd00:2::1", false },
	{ " 10.0.0.0/8 , ,localhost:3000,", "localhost", 3000, "127.0.0.1", true },
	{ " 10.0.0.0/8 , ,localhost:3000,", "localhost", 3001, "127.0.0.1", false },
	{ "a,b,c,169.254.169.254", "x", 80, "169.254.169.254", true },
};

static void rules_open_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		union address a = address_of(cases[i].address);
		struct address_guard g;
		struct str bad;

		assert_true(address_guard_parse(&g, str_from(cases[i].rules), &bad));
		if (address_guard_allows(&g, str_from(cases[i].host), cases[i].port, &a.any) != cases[i].allowed)
			fail_msg("\"%s\" for %s:%u at %s", cases[i].rules, cases[i].host, cases[i].port,
			         cases[i].address);
	}
}

static void bad_rules_are_named(void **state)
{
	static const char *const bad_rules[] = {
		"10.0.0.0/33", "10.0.0.0/", "/8",         "10.0.0/8",   "::/129",       "10.0.0.0/8x", "name/8",
		"host:",       "host:0",    "host:65536", "host:80:90", "[::1",         "[::1]x",      "[::1]:",
		"http://host", "a b",       "*.internal", "name/",      "[10.0.0.1/8]",
	};
	struct address_guard g;
	struct str bad;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rules); i++) {
		char list[64];

		snprintf(list, sizeof(list), "fine.internal,%s", bad_rules[i]);
		if (address_guard_parse(&g, str_from(list), &bad))
			fail_msg("\"%s\" was taken", bad_rules[i]);
	}
	assert_false(address_guard_parse(&g, STR("ok,10.0.0.0/99,also"), &bad));
	assert_true(str_is(bad, "10.0.0.0/99"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public_or_not),
		cmocka_unit_test(other_families_are_refused),
		cmocka_unit_test(rules_open_more),
		cmocka_unit_test(bad_rules_are_named),
	};

	return cmocka_run_group_tests_name("address_guard", tests, NULL, NULL);
}
