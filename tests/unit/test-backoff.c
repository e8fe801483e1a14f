/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The delay before the next attempt: its mean, and its jitter. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/scope.h"
#include "supervisor/backoff.h"

#define LEAST (100 * USEC_PER_MSEC)
#define MOST  (10 * USEC_PER_SEC)
#define DAY   (86400 * USEC_PER_SEC)

/* Of 1024 random numbers this one is in the middle: it changes nothing. */
#define MIDDLE 512

static const struct row {
	enum backoff_reason reason;
	unsigned tries;
	usec_t away, middle;
	unsigned disks; /* of the machine */
} rows[] = {
	/* a hundredth of the outage, whatever the tries */
	{BACKOFF_UNREACHED, 1, 0, LEAST, 1},
	{BACKOFF_UNREACHED, 1, 1, LEAST, 1},
	{BACKOFF_UNREACHED, 9, 10 * USEC_PER_SEC, LEAST, 1},
	{BACKOFF_UNREACHED, 1, 20 * USEC_PER_SEC, 200 * USEC_PER_MSEC, 1},
	{BACKOFF_UNREACHED, UINT_MAX, 20 * USEC_PER_SEC, 200 * USEC_PER_MSEC, 1},
	{BACKOFF_UNREACHED, 0, 60 * USEC_PER_SEC, 600 * USEC_PER_MSEC, 1},
	{BACKOFF_UNREACHED, 5, 500 * USEC_PER_SEC, 5 * USEC_PER_SEC, 1},
	{BACKOFF_UNREACHED, 5, 1000 * USEC_PER_SEC, MOST, 1},
	{BACKOFF_UNREACHED, 5, DAY, MOST, 1},
	{BACKOFF_UNREACHED, 0, UINT64_MAX, MOST, 1},
	{BACKOFF_UNREACHED, UINT_MAX, UINT64_MAX, MOST, 1},

	/* after the first second, 10 ms for each disk of the machine, up to 5 s */
	{BACKOFF_UNREACHED, 1, USEC_PER_SEC - 1, LEAST, 200},
	{BACKOFF_UNREACHED, 1, USEC_PER_SEC, 2 * USEC_PER_SEC, 200},
	{BACKOFF_UNREACHED, 1, 30 * USEC_PER_SEC, 2 * USEC_PER_SEC, 200},
	{BACKOFF_UNREACHED, 1, 300 * USEC_PER_SEC, 3 * USEC_PER_SEC, 200},
	{BACKOFF_UNREACHED, 1, 2 * USEC_PER_SEC, LEAST, 10},
	{BACKOFF_UNREACHED, 1, 2 * USEC_PER_SEC, 10 * LEAST, 100},
	{BACKOFF_UNREACHED, 1, 2 * USEC_PER_SEC, 5 * USEC_PER_SEC, 4096},
	{BACKOFF_UNREACHED, 1, DAY, MOST, UINT_MAX},
	{BACKOFF_FLAPPING, 0, 2 * USEC_PER_SEC, 2 * USEC_PER_SEC, 200},
	{BACKOFF_REFUSED, 0, 2 * USEC_PER_SEC, 2 * USEC_PER_SEC, 200},
	{BACKOFF_LOCAL, 0, 2 * USEC_PER_SEC, 2 * USEC_PER_SEC, 200},
	{BACKOFF_REFUSED, 9, 2 * USEC_PER_SEC, MOST, 200},

	/* doubled each time, whatever the outage */
	{BACKOFF_REFUSED, 0, 0, LEAST, 1},
	{BACKOFF_REFUSED, 1, 0, 2 * LEAST, 1},
	{BACKOFF_REFUSED, 1, DAY, 2 * LEAST, 1},
	{BACKOFF_REFUSED, 2, 0, 4 * LEAST, 1},
	{BACKOFF_REFUSED, 3, 0, 8 * LEAST, 1},
	{BACKOFF_REFUSED, 4, 0, 16 * LEAST, 1},
	{BACKOFF_REFUSED, 5, 0, 32 * LEAST, 1},
	{BACKOFF_REFUSED, 6, UINT64_MAX, 64 * LEAST, 1},
	{BACKOFF_REFUSED, 7, 0, MOST, 1},
	{BACKOFF_REFUSED, 10, 0, MOST, 1},
	{BACKOFF_REFUSED, 11, 0, MOST, 1},
	{BACKOFF_REFUSED, 31, 0, MOST, 1},
	{BACKOFF_REFUSED, 32, 0, MOST, 1},
	{BACKOFF_REFUSED, 63, 0, MOST, 1},
	{BACKOFF_REFUSED, 64, 0, MOST, 1},
	{BACKOFF_REFUSED, INT_MAX, 0, MOST, 1},
	{BACKOFF_REFUSED, UINT_MAX, UINT64_MAX, MOST, 1},

	/* the same, up to a second */
	{BACKOFF_LOCAL, 0, 0, LEAST, 1},
	{BACKOFF_LOCAL, 1, DAY, 2 * LEAST, 1},
	{BACKOFF_LOCAL, 3, 0, 8 * LEAST, 1},
	{BACKOFF_LOCAL, 4, 0, USEC_PER_SEC, 1},
	{BACKOFF_LOCAL, UINT_MAX, UINT64_MAX, USEC_PER_SEC, 1},

	/* the same, up to two seconds */
	{BACKOFF_FLAPPING, 0, 0, LEAST, 1},
	{BACKOFF_FLAPPING, 1, DAY, 2 * LEAST, 1},
	{BACKOFF_FLAPPING, 2, 0, 4 * LEAST, 1},
	{BACKOFF_FLAPPING, 3, 0, 8 * LEAST, 1},
	{BACKOFF_FLAPPING, 4, 0, 16 * LEAST, 1},
	{BACKOFF_FLAPPING, 5, 0, 2 * USEC_PER_SEC, 1},
	{BACKOFF_FLAPPING, 6, 0, 2 * USEC_PER_SEC, 1},
	{BACKOFF_FLAPPING, 64, 0, 2 * USEC_PER_SEC, 1},
	{BACKOFF_FLAPPING, UINT_MAX, UINT64_MAX, 2 * USEC_PER_SEC, 1},
};

static usec_t delay(const struct row *row, uint32_t random)
{
	return backoff_delay(row->reason, row->tries, row->away, row->disks, random);
}

static void test_middle(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		if (delay(&rows[i], MIDDLE) != rows[i].middle)
			fail_msg("row %zu: %ju", i, (uintmax_t)delay(&rows[i], MIDDLE));
}

static void check_range(const struct row *row, uint32_t random)
{
	usec_t found = delay(row, random), middle = row->middle;

	if (found < middle * 3 / 4 || found > middle * 5 / 4 || found > MOST)
		fail_msg("row %zu, random %u: %ju", (size_t)(row - rows), random,
			(uintmax_t)found);
}

static void test_range(void **state _unused_)
{
	static const uint32_t edges[] = {
		0, 1, 511, 1023, 1024, 1025, INT32_MAX, UINT32_MAX};

	srandom(1);
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		for (size_t n = 0; n < ELEMENTSOF(edges); n++)
			check_range(&rows[i], edges[n]);
		for (unsigned n = 0; n < 10000; n++)
			check_range(&rows[i], (uint32_t)random() ^ (uint32_t)n << 31);
	}
}

/* The jitter uses its whole range. */
static void test_spread(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		usec_t middle = rows[i].middle;

		assert_true(delay(&rows[i], 0) == middle * 3 / 4);
		if (middle < MOST)
			assert_true(delay(&rows[i], 1023) > middle * 6 / 5);
		else
			assert_true(delay(&rows[i], 1023) == MOST);
	}
}

/* The delay never falls while an outage lasts. */
static void test_rising(void **state _unused_)
{
	usec_t before = 0;

	for (usec_t away = 0; away < DAY; away += USEC_PER_SEC) {
		usec_t now = backoff_delay(BACKOFF_UNREACHED, 0, away, 1, MIDDLE);

		assert_true(now >= before);
		before = now;
	}
	assert_true(before == MOST);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_middle),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_rising),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
