/* hash, uid, secret: published vectors, round trips, refusals. */
#include "unit.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/uid.h"
#include "corpus.h"

static void assert_hex(const uint8_t *bytes, size_t n, const char *want)
{
	char hex[2 * SHA256_BYTES];

	assert_true(n <= SHA256_BYTES);
	hex_encode(bytes, n, hex);
	assert_str((struct str){ hex, 2 * n }, want);
}

/* RFC 1321; in one piece and byte by byte. */
static void md5_sums(void **state)
{
	static const struct {
		const char *text, *sum;
	} rows[] = {
		{ "", "d41d8cd98f00b204e9800998ecf8427e" },
		{ "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
		{ "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
		  "57edf4a22be3c955ac49da2e2107b67a" },
	};
	uint8_t sum[MD5_BYTES];
	struct md5 h;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str s = str_from(rows[i].text);

		md5_init(&h);
		md5_update(&h, s.p, s.n);
		md5_final(&h, sum);
		assert_hex(sum, sizeof(sum), rows[i].sum);
		md5_init(&h);
		for (size_t at = 0; at < s.n; at++)
			md5_update(&h, s.p + at, 1);
		md5_final(&h, sum);
		assert_hex(sum, sizeof(sum), rows[i].sum);
	}
	md5_init(&h);
	md5_drop(&h);
	md5_drop(&h);
}

static void hashes(void **state)
{
	static const struct {
		const char *text, *sum;
	} rows[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	uint8_t sum[SHA256_BYTES];
	struct sha256 h;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str s = str_from(rows[i].text);

		sha256_of(s, sum);
		assert_hex(sum, sizeof(sum), rows[i].sum);
		sha256_init(&h);
		for (size_t j = 0; j < s.n; j++)
			sha256_update(&h, s.p + j, 1);
		sha256_final(&h, sum);
		assert_hex(sum, sizeof(sum), rows[i].sum);
	}
	sha256_init(&h);
	sha256_update(&h, "x", 1);
	sha256_drop(&h);
	sha256_drop(&h);
}

static void signs(void **state)
{
	char key[131];
	uint8_t tag[SHA256_BYTES];

	(void)state;
	/* RFC 4231, cases 2 and 6: a short key and one longer than a block */
	hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), tag);
	assert_hex(tag, sizeof(tag), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	hmac_sha256((struct str){ key, sizeof(key) }, STR("Test Using Larger Than Block-Size Key - Hash Key First"),
	            tag);
	assert_hex(tag, sizeof(tag), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	hmac_sha256((struct str){ NULL, 0 }, (struct str){ NULL, 0 }, tag);
	assert_hex(tag, sizeof(tag), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* hex to bytes in a buffer that the next call with the same buffer reuses */
static struct str unhex(const struct json *hex, uint8_t *to, size_t size)
{
	struct str s = json_str(hex);

	assert_true(s.n / 2 <= size);
	assert_true(hex_decode(s, to, s.n / 2));
	return (struct str){ (const char *)to, s.n / 2 };
}

static bool tag_matches(const struct json *test)
{
	uint8_t key[512], message[1024], want[SHA256_BYTES], got[SHA256_BYTES];
	struct str tag = unhex(json_get(test, "tag"), want, sizeof(want));

	hmac_sha256(unhex(json_get(test, "key"), key, sizeof(key)),
	            unhex(json_get(test, "msg"), message, sizeof(message)), got);
	/* some groups want a tag of 128 bits: the first half */
	return equal_in_constant_time(tag, (struct str){ (const char *)got, tag.n });
}

static void agrees_with_wycheproof(void **state)
{
	FILE *f = corpus_open("hmac_sha256_test.json.xz");
	char *bytes = mem_alloc(1 << 20);
	size_t n = fread(bytes, 1, 1 << 20, f);
	struct json_error error;
	struct json *root = json_parse((struct str){ bytes, n }, &error);
	const struct json *groups = json_get(root, "testGroups");
	int64_t tried = 0;

	(void)state;
	corpus_close(f);
	for (size_t g = 0; g < json_count(groups); g++) {
		const struct json *tests = json_get(json_at(groups, g), "tests");

		for (size_t t = 0; t < json_count(tests); t++, tried++) {
			const struct json *test = json_at(tests, t);
			bool valid = str_is(json_str(json_get(test, "result")), "valid");

			ROW(tag_matches(test) == valid, "case %lld", (long long)json_int(json_get(test, "tcId"), 0));
		}
	}
	assert_int_equal(tried, json_int(json_get(root, "numberOfTests"), -1));
	assert_true(tried > 100);
	json_free(&root);
	mem_release(bytes);
}

static void reads_hex(void **state)
{
	uint8_t out[4];

	(void)state;
	assert_true(hex_decode(STR("00ffAb10"), out, 4));
	assert_memory_equal(out, "\x00\xff\xab\x10", 4);
	assert_true(hex_decode(STR(""), out, 0));
	assert_false(hex_decode(STR("00ff"), out, 4));
	assert_false(hex_decode(STR("0g"), out, 1));
	assert_false(hex_decode(STR("0"), out, 0));
	assert_false(hex_decode(STR("@0"), out, 1));
}

static void codes_base64url(void **state)
{
	static const struct {
		const char *bytes, *text;
	} rows[] = {
		{ "", "" },
		{ "f", "Zg" },
		{ "fo", "Zm8" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg" },
		{ "fooba", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xff\xfe\xfb", "__77" },
		{ "\xfb\xff", "-_8" },
	};
	static const char *const refused[] = { "A", "AAAAA", "Zg==", "Zh", "Zm9", "a+b/", "a b=", "Zm9v\n" };
	char text[64];
	uint8_t bytes[64];
	size_t n;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str raw = str_from(rows[i].bytes);

		n = base64url_encode((const uint8_t *)raw.p, raw.n, text);
		assert_str((struct str){ text, n }, rows[i].text);
		ROW(base64url_decode(str_from(rows[i].text), bytes, raw.n, &n), "row %zu", i);
		assert_str((struct str){ (const char *)bytes, n }, rows[i].bytes);
		if (raw.n)
			ROW(!base64url_decode(str_from(rows[i].text), bytes, raw.n - 1, &n), "row %zu: no room", i);
	}
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		ROW(!base64url_decode(str_from(refused[i]), bytes, sizeof(bytes), &n), "%s", refused[i]);
}

static void compares_and_wipes(void **state)
{
	char text[] = "secret";

	(void)state;
	assert_true(equal_in_constant_time(STR("abc"), STR("abc")));
	assert_false(equal_in_constant_time(STR("abc"), STR("abd")));
	assert_false(equal_in_constant_time(STR("abc"), STR("ab")));
	assert_true(equal_in_constant_time((struct str){ NULL, 0 }, STR("")));
	wipe(text, sizeof(text));
	for (size_t i = 0; i < sizeof(text); i++)
		assert_int_equal(text[i], 0);
	assert_int_equal(crc32_of(STR("123456789")), 0xcbf43926);
	assert_int_equal(crc32_of(STR("")), 0);
}

static void ids_are_well_formed(void **state)
{
	struct uid a = uid_new("img_"), b = uid_new("img_");
	unsigned seen[256] = { 0 };

	(void)state;
	assert_int_equal(strlen(a.text), 28);
	assert_true(uid_is_valid(str_from(a.text), "img_"));
	assert_false(uid_is_valid(str_from(a.text), "usr_"));
	assert_string_not_equal(a.text, b.text);
	assert_int_equal(strlen(uid_new("abcdef").text), 30);
	assert_false(uid_is_valid(STR(""), "img_"));
	assert_false(uid_is_valid(STR("img_"), "img_"));
	assert_false(uid_is_valid(STR("img_0123456789012345678901234"), "img_"));
	assert_false(uid_is_valid(STR("img_01234567890123456789012"), "img_"));
	assert_false(uid_is_valid(STR("img_0123456789012345678901-3"), "img_"));
	assert_false(uid_is_valid(STR("img_../../../../../etc/passw"), "img_"));
	assert_false(uid_is_valid((struct str){ "img_01234567890123456789012\0", 28 }, "img_"));
	/* all 62 characters, none far from its share of 24,000 / 62 = 387 */
	for (unsigned i = 0; i < 1000; i++) {
		a = uid_new("x");
		for (unsigned j = 1; j < 25; j++)
			seen[(unsigned char)a.text[j]]++;
	}
	for (unsigned c = 0; c < 256; c++)
		if (seen[c])
			ROW(seen[c] > 250 && seen[c] < 550, "%c: %u", (int)c, seen[c]);
}

static void keys_have_a_checksum(void **state)
{
	char key[API_KEY_SIZE], changed[API_KEY_SIZE];
	size_t n;

	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		api_key_new(key);
		n = strlen(key);
		assert_int_equal(n, 47);
		assert_true(str_starts(str_from(key), STR("imago_sk_")));
		assert_true(api_key_is_well_formed(str_from(key)));
		/* one wrong character anywhere, one too few, one too many */
		for (size_t i = 0; i < n; i++) {
			memcpy(changed, key, sizeof(key));
			changed[i] = changed[i] == 'x' ? 'y' : 'x';
			ROW(!api_key_is_well_formed(str_from(changed)), "%s for %s", changed, key);
		}
		assert_false(api_key_is_well_formed((struct str){ key, n - 1 }));
		assert_false(api_key_is_well_formed((struct str){ key, n + 1 }));
		/* two neighbours exchanged */
		memcpy(changed, key, sizeof(key));
		changed[20] = key[21];
		changed[21] = key[20];
		assert_true(key[20] == key[21] || !api_key_is_well_formed(str_from(changed)));
	}
	assert_false(api_key_is_well_formed(STR("")));
}

static void hints_show_little(void **state)
{
	static const struct {
		const char *secret, *hint;
	} rows[] = {
		{ "", "\xe2\x80\xa6" },
		{ "12345678901", "\xe2\x80\xa6" },
		{ "123456789012", "\xe2\x80\xa6"
		                  "9012" },
		{ "sk-abcdefghijklmnop", "\xe2\x80\xa6"
		                         "mnop" },
		{ "sk-abcdefghijkl\xc3\xa4", "\xe2\x80\xa6" },
	};
	char out[16];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct imago_secret s = { str_from(rows[i].secret) };

		assert_str(secret_hint(s, out), rows[i].hint);
		assert_str(secret_reveal(s), rows[i].secret);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes),
		cmocka_unit_test(md5_sums),
		cmocka_unit_test(signs),
		cmocka_unit_test(agrees_with_wycheproof),
		cmocka_unit_test(reads_hex),
		cmocka_unit_test(codes_base64url),
		cmocka_unit_test(compares_and_wipes),
		cmocka_unit_test(ids_are_well_formed),
		cmocka_unit_test(keys_have_a_checksum),
		cmocka_unit_test(hints_show_little),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
