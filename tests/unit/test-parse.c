/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/parse.h"
#include "common/scope.h"

#define UNTOUCHED UINT64_C(0xdeadbeef)

struct row {
	const char *text;
	int r;
	uint64_t value; /* if r is 0 */
};

static void check_row(const struct row *row, int r, uint64_t value)
{
	if (r != row->r || value != (row->r == 0 ? row->value : UNTOUCHED))
		fail_msg("\"%s\": %d, %ju", row->text, r, (uintmax_t)value);
}

static void test_u64(void **state _unused_)
{
	static const struct row rows[] = {
		{"0", 0, 0},
		{"1", 0, 1},
		{"0010", 0, 10},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"99999999999999999999999999", -ERANGE, 0},
		{"", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"\n1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"1e3", -EINVAL, 0},
		{"1.0", -EINVAL, 0},
		{"a", -EINVAL, 0},
		{"\xd9\xa1", -EINVAL, 0},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		uint64_t value = UNTOUCHED;
		int r = parse_u64(rows[i].text, 0, UINT64_MAX, &value);

		check_row(&rows[i], r, value);
	}
}

static void test_u64_range(void **state _unused_)
{
	static const struct row rows[] = {
		{"4", -ERANGE, 0},
		{"5", 0, 5},
		{"7", 0, 7},
		{"8", -ERANGE, 0},
		{"8x", -EINVAL, 0},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		uint64_t value = UNTOUCHED;
		int r = parse_u64(rows[i].text, 5, 7, &value);

		check_row(&rows[i], r, value);
	}
}

static void test_bool(void **state _unused_)
{
	static const char *const no[] = {"0", "no", "false", "off"};
	static const char *const yes[] = {"1", "yes", "true", "on"};
	static const char *const bad[] = {"", "2", "Yes", "y", "01", "true ", "-1"};

	for (size_t i = 0; i < ELEMENTSOF(no); i++) {
		bool value = true;

		assert_int_equal(parse_bool(no[i], &value), 0);
		assert_false(value);
	}
	for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
		bool value = false;

		assert_int_equal(parse_bool(yes[i], &value), 0);
		assert_true(value);
	}
	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		bool value = true;

		assert_int_equal(parse_bool(bad[i], &value), -EINVAL);
		assert_true(value);
	}
}

static void test_span(void **state _unused_)
{
	static const struct row rows[] = {
		{"0", 0, 0},
		{"90", 0, 90 * USEC_PER_SEC},
		{"90s", 0, 90 * USEC_PER_SEC},
		{"500ms", 0, 500 * USEC_PER_MSEC},
		{"5min", 0, 300 * USEC_PER_SEC},
		{"2h", 0, 7200 * USEC_PER_SEC},
		{"1d", 0, 86400 * USEC_PER_SEC},
		{"infinity", 0, USEC_INFINITY},
		{"18446744073709", 0, UINT64_C(18446744073709000000)},
		{"18446744073710", -ERANGE, 0},
		{"18446744073709551615d", -ERANGE, 0},
		{"18446744073709551616ms", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"5m", -EINVAL, 0},
		{"5 s", -EINVAL, 0},
		{"5S", -EINVAL, 0},
		{"5s5s", -EINVAL, 0},
		{"1.5s", -EINVAL, 0},
		{"-5s", -EINVAL, 0},
		{"+5s", -EINVAL, 0},
		{"Infinity", -EINVAL, 0},
		{"infinity ", -EINVAL, 0},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		uint64_t value = UNTOUCHED;
		int r = parse_span(rows[i].text, &value);

		check_row(&rows[i], r, value);
	}
}

static void test_size(void **state _unused_)
{
	static const struct row rows[] = {
		{"0", 0, 0},
		{"512", 0, 512},
		{"4K", 0, 4096},
		{"1M", 0, 1 << 20},
		{"2G", 0, UINT64_C(2) << 30},
		{"1T", 0, UINT64_C(1) << 40},
		{"16777215T", 0, UINT64_C(16777215) << 40},
		{"16777216T", -ERANGE, 0},
		{"18446744073709551616", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"K", -EINVAL, 0},
		{"4KB", -EINVAL, 0},
		{"4KiB", -EINVAL, 0},
		{"4 K", -EINVAL, 0},
		{"4k", -EINVAL, 0},
		{"0x4K", -EINVAL, 0},
		{"-4K", -EINVAL, 0},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		uint64_t value = UNTOUCHED;
		int r = parse_size(rows[i].text, &value);

		check_row(&rows[i], r, value);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_u64_range),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_span),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
