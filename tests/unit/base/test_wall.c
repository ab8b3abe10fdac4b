/* wall: calendar texts both ways. */
#include "unit.h"

#include "base/wall.h"

#define S INT64_C(1000000)

static void writes_and_reads(void **state)
{
	static const struct {
		int64_t us;
		const char *rfc3339, *micros, *http;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z", "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ 1795170600 * S + 123456, "2026-11-20T10:30:00Z", "2026-11-20T10:30:00.123456Z",
		  "Fri, 20 Nov 2026 10:30:00 GMT" },
		{ -1, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999999Z", "Wed, 31 Dec 1969 23:59:59 GMT" },
		{ 951782400 * S, "2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000Z",
		  "Tue, 29 Feb 2000 00:00:00 GMT" },
		{ 2147483648 * S, "2038-01-19T03:14:08Z", "2038-01-19T03:14:08.000000Z",
		  "Tue, 19 Jan 2038 03:14:08 GMT" },
		{ 4107542399 * S, "2100-02-28T23:59:59Z", "2100-02-28T23:59:59.000000Z",
		  "Sun, 28 Feb 2100 23:59:59 GMT" },
		{ 4107542400 * S, "2100-03-01T00:00:00Z", "2100-03-01T00:00:00.000000Z",
		  "Mon, 01 Mar 2100 00:00:00 GMT" },
		{ 253402300799 * S, "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z",
		  "Fri, 31 Dec 9999 23:59:59 GMT" },
		{ -62167219200 * S, "0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z",
		  "Sat, 01 Jan 0000 00:00:00 GMT" },
	};
	char text[WALL_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t us = 1;

		assert_str(wall_rfc3339(rows[i].us, false, text), rows[i].rfc3339);
		assert_string_equal(text, rows[i].rfc3339);
		assert_str(wall_http_date(rows[i].us, text), rows[i].http);
		assert_str(wall_rfc3339(rows[i].us, true, text), rows[i].micros);
		ROW(wall_parse_rfc3339(str_from(rows[i].micros), &us) && us == rows[i].us, "row %zu: %lld", i,
		    (long long)us);
		ROW(wall_parse_http_date(str_from(rows[i].http), &us) && us <= rows[i].us && us > rows[i].us - S,
		    "row %zu: %lld", i, (long long)us);
	}
	/* what no text can hold is shown as the nearest */
	assert_str(wall_rfc3339(INT64_MAX, true, text), "9999-12-31T23:59:59.000000Z");
	assert_str(wall_rfc3339(INT64_MIN, true, text), "0000-01-01T00:00:00.000000Z");
}

static void agrees_with_itself_each_day(void **state)
{
	char text[WALL_TEXT];

	(void)state;
	for (int64_t day = -800000; day < 2900000; day += 7) {
		int64_t us = day * 86400 * S + (day & 0xffff) * 999983, back;

		if (us < -62167219200 * S || us > 253402300799 * S)
			continue;
		ROW(wall_parse_rfc3339(wall_rfc3339(us, true, text), &back) && back == us, "%s", text);
	}
}

static void reads_offsets_and_fractions(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} rows[] = {
		{ "2026-11-20T10:30:00+00:00", 1795170600 * S },
		{ "2026-11-20T12:30:00+02:00", 1795170600 * S },
		{ "2026-11-20T05:00:00-05:30", 1795170600 * S },
		{ "2026-11-20t10:30:00z", 1795170600 * S },
		{ "2026-11-20 10:30:00Z", 1795170600 * S },
		{ "2026-11-20T10:30:00.5Z", 1795170600 * S + 500000 },
		{ "2026-11-20T10:30:00.123456789Z", 1795170600 * S + 123456 },
		{ "2026-11-20T10:30:00.000001+00:00", 1795170600 * S + 1 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t us = 0;

		ROW(wall_parse_rfc3339(str_from(rows[i].text), &us) && us == rows[i].us, "%s: %lld", rows[i].text,
		    (long long)us);
	}
}

static void refuses(void **state)
{
	static const char *const rfc3339[] = {
		"",
		"2026",
		"2026-11-20",
		"2026-11-20T10:30:00",
		"2026-11-20T10:30Z",
		"2026-11-20T10:30:00.Z",
		"2026-11-20T24:00:00Z",
		"2026-11-20T10:60:00Z",
		"2026-11-20T10:30:60Z",
		"2026-13-20T10:30:00Z",
		"2026-00-20T10:30:00Z",
		"2026-11-31T10:30:00Z",
		"2026-11-00T10:30:00Z",
		"2025-02-29T10:30:00Z",
		"1900-02-29T10:30:00Z",
		"2026-11-20T10:30:00Zx",
		"2026-11-20T10:30:00+0200",
		"2026-11-20T10:30:00+24:00",
		"2026-11-20T10:30:00+02:60",
		"+026-11-20T10:30:00Z",
		"2026-1 -20T10:30:00Z",
		" 2026-11-20T10:30:00Z",
	};
	static const char *const http[] = {
		"",
		"Fri, 20 Nov 2026 10:30:00",
		"Fri, 20 Nov 2026 10:30:00 UTC",
		"fri, 20 Nov 2026 10:30:00 GMT",
		"Fri 20 Nov 2026 10:30:00 GMT",
		"Fri, 31 Nov 2026 10:30:00 GMT",
		"Fri, 20 Nix 2026 10:30:00 GMT",
		"Fri, 20 Nov 26 10:30:00 GMT",
		"Fri, 20 Nov 2026 10:30:00 GMT ",
		"garbage",
		"Sunday, 06-Nov-94 08:49:37 GMT",
	};
	int64_t us = 77;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rfc3339); i++)
		ROW(!wall_parse_rfc3339(str_from(rfc3339[i]), &us) && us == 77, "%s", rfc3339[i]);
	for (size_t i = 0; i < COUNT_OF(http); i++)
		ROW(!wall_parse_http_date(str_from(http[i]), &us) && us == 77, "%s", http[i]);
}

static void knows_the_time(void **state)
{
	(void)state;
	assert_true(wall_us() > 1700000000 * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_reads),
		cmocka_unit_test(agrees_with_itself_each_day),
		cmocka_unit_test(reads_offsets_and_fractions),
		cmocka_unit_test(refuses),
		cmocka_unit_test(knows_the_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
