/*
 * Dates against libc's calendar, and RFC 3339 in both directions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/clock.h"

#define FIRST_MS INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define LAST_MS	 INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

static void assert_as_libc(int64_t ms)
{
	int64_t rest = ((ms % 1000) + 1000) % 1000;
	time_t seconds = (time_t)((ms - rest) / 1000);
	char expected[64], got[CLOCK_RFC3339_BYTES];
	struct tm tm;
	int64_t back = -1;

	gmtime_r(&seconds, &tm);
	snprintf(expected, sizeof(expected),
		 "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (int)rest);
	assert_string_equal(clock_rfc3339(got, ms), expected);
	assert_int_equal(clock_parse_rfc3339(got, &back), 0);
	assert_true(back == ms);
}

static void dates_are_those_of_libc(void **state)
{
	int64_t ms;

	(void)state;
	/* Some 45,000 moments over all years: 80.7 days apart. */
	for (ms = FIRST_MS; ms <= LAST_MS; ms += INT64_C(6972593011))
		assert_as_libc(ms);
	/* Each day of four centuries. */
	for (ms = INT64_C(-2208988800000); ms < INT64_C(10413792000000);
	     ms += 86400000)
		assert_as_libc(ms);
	assert_as_libc(0);
	assert_as_libc(-1);
	assert_as_libc(FIRST_MS);
	assert_as_libc(LAST_MS);
}

static void far_times_are_clamped(void **state)
{
	char out[CLOCK_RFC3339_BYTES];

	(void)state;
	assert_string_equal(clock_rfc3339(out, INT64_MAX),
			    "9999-12-31T23:59:59.999Z");
	assert_string_equal(clock_rfc3339(out, INT64_MIN),
			    "0000-01-01T00:00:00.000Z");
}

static void good_times_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
	    {"1970-01-01T00:00:00Z", 0},
	    {"1970-01-01t00:00:00z", 0},
	    {"1970-01-01T00:00:00.5Z", 500},
	    {"1970-01-01T00:00:00.05Z", 50},
	    {"1970-01-01T00:00:00.123456789Z", 123},
	    {"1970-01-01T00:00:00.999999999Z", 999},
	    {"1970-01-01T01:00:00+01:00", 0},
	    {"1969-12-31T18:30:00-05:30", 0},
	    {"1970-01-01T00:00:00-00:00", 0},
	    {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
	    {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
	    {"2026-01-02T03:04:05.678Z", INT64_C(1767323045678)},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -1;

		if (clock_parse_rfc3339(cases[i].text, &ms) != 0 ||
		    ms != cases[i].ms)
			fail_msg("%s: %lld", cases[i].text, (long long)ms);
	}
}

static void bad_times_are_refused(void **state)
{
	static const char *const cases[] = {
	    "",
	    "2026",
	    "2026-01-02",
	    "2026-01-02T03:04Z",
	    "2026-01-02T03:04:05",
	    "2026-01-02 03:04:05Z",
	    "2026-1-2T03:04:05Z",
	    "2026-00-02T03:04:05Z",
	    "2026-13-02T03:04:05Z",
	    "2026-01-00T03:04:05Z",
	    "2026-01-32T03:04:05Z",
	    "2026-02-29T03:04:05Z",
	    "1900-02-29T03:04:05Z",
	    "2026-04-31T03:04:05Z",
	    "2026-01-02T24:00:00Z",
	    "2026-01-02T03:60:05Z",
	    "2026-01-02T03:04:61Z",
	    "2026-01-02T03:04:05.Z",
	    "2026-01-02T03:04:05.1234567890Z",
	    "2026-01-02T03:04:05,5Z",
	    "2026-01-02T03:04:05+0100",
	    "2026-01-02T03:04:05+24:00",
	    "2026-01-02T03:04:05+01:60",
	    "2026-01-02T03:04:05+01",
	    "2026-01-02T03:04:05Zx",
	    " 2026-01-02T03:04:05Z",
	    "+026-01-02T03:04:05Z",
	    "1767323045678",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = 4711;

		if (clock_parse_rfc3339(cases[i], &ms) != -1 || ms != 4711)
			fail_msg("taken: %s", cases[i]);
	}
}

static void clocks_run(void **state)
{
	int64_t mono = clock_mono_ns(), wall = clock_wall_ms();

	(void)state;
	assert_true(wall > INT64_C(1700000000000)); /* 2023 */
	while (clock_mono_ns() == mono)
		continue;
	assert_true(clock_mono_ns() > mono);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dates_are_those_of_libc),
	    cmocka_unit_test(far_times_are_clamped),
	    cmocka_unit_test(good_times_are_read),
	    cmocka_unit_test(bad_times_are_refused),
	    cmocka_unit_test(clocks_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
