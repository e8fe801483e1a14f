/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "cli/human.h"
#include "common/scope.h"

static void test_bytes(void **state _unused_)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{0, "0.0 KiB"},
		{512, "0.5 KiB"},
		{1024, "1.0 KiB"},
		{1024 * 1024, "1.0 MiB"},
		{UINT64_C(1536) * 1024 * 1024, "1.5 GiB"},
		{UINT64_MAX, "16.0 EiB"},
	};
	char out[HUMAN_SIZE];

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		assert_string_equal(human_bytes(rows[i].bytes, out), rows[i].text);
}

static void test_span(void **state _unused_)
{
	static const struct {
		usec_t span;
		const char *text;
	} rows[] = {
		{0, "0s"},
		{1, "1us"},
		{1500, "1ms 500us"},
		{USEC_PER_SEC, "1s"},
		{300 * USEC_PER_SEC, "5min"},
		{12000 * USEC_PER_SEC, "3h 20min"},
		{86400 * USEC_PER_SEC + 59 * USEC_PER_SEC, "1d"},
		{USEC_INFINITY, "infinity"},
		{USEC_INFINITY - 1, "213503982d 8h"},
	};
	char out[HUMAN_SIZE];

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		assert_string_equal(human_span(rows[i].span, out), rows[i].text);
}

static void test_age(void **state _unused_)
{
	char out[HUMAN_SIZE];

	assert_string_equal(human_age(time(NULL) - 3600, out), "1h");
	/* a clock that was set back, a file that lies */
	assert_string_equal(human_age(time(NULL) + 1000, out), "0s");
	assert_string_equal(human_age(INT64_MIN, out), "0s");
}

static void test_points(void **state _unused_)
{
	const int64_t second = (int64_t)USEC_PER_SEC;
	char out[HUMAN_SIZE];

	setenv("TZ", "XYZ-1:30", 1);
	tzset();
	assert_string_equal(human_local(0, out), "1970-01-01T01:30:00+01:30");
	assert_string_equal(human_clock(3600 * second + 999999, out), "02:30:00");
	assert_string_equal(human_utc(123, out), "1970-01-01T00:00:00.000123Z");
	assert_string_equal(human_utc(-1, out), "1969-12-31T23:59:59.999999Z");
	/* whatever a broken file says, it is a text that fits */
	assert_true(human_local(INT64_MAX, out)[0] != 0);
	assert_true(human_utc(INT64_MIN, out)[0] != 0);
	assert_true(human_clock(INT64_MAX, out)[0] != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_span),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
