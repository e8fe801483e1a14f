/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A slow server and a hung one: what looks at a device's counters make of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/param.h>

#include <cmocka.h>

#include "common/scope.h"
#include "kernel/progress.h"

#define NEVER UINT64_MAX
#define START (1000 * USEC_PER_SEC) /* the clock does not begin at zero */

/*
 * A server that has requests from `from` on and completes one every `period`, looked at
 * as often as progress_next() wants it. When patience is at an end; seconds.
 */
static const struct timeline {
	const char *name;
	unsigned timeout, from, period; /* period 0: it completes none */
	bool idle;
	usec_t stalls; /* milliseconds from the start */
} timelines[] = {
	{"slow, much patience", 30, 0, 5, false, NEVER},
	{"slow, little patience", 6, 0, 5, false, NEVER},
	{"slow, begins later", 6, 17, 5, false, NEVER},
	{"fast", 1, 0, 1, false, NEVER},
	{"hung, much patience", 30, 0, 0, false, 30000},
	{"hung, little patience", 6, 0, 0, false, 6000},
	{"hung, least patience", 1, 0, 0, false, 1000},
	/* what comes after a look is seen by the next one, five seconds later */
	{"hung later, seen late", 30, 1, 0, false, 35000},
	{"hung later, just seen", 30, 5, 0, false, 35000},
	{"hung after a while", 6, 101, 0, false, 111000},
	{"too slow", 30, 0, 40, false, 30000},
	{"idle", 30, 0, 0, true, NEVER},
	{"idle, little patience", 1, 0, 0, true, NEVER},
};

static struct sysfs_io counters(const struct timeline *t, usec_t now)
{
	usec_t begin = START + t->from * USEC_PER_SEC;
	bool begun = !t->idle && now >= begin;

	return (struct sysfs_io){
		.completed = 77 +
			(begun && t->period ? (now - begin) / (t->period * USEC_PER_SEC)
					    : 0),
		.in_flight = begun ? 3 : 0,
	};
}

/* Milliseconds from the start, NEVER: not within two hours. */
static usec_t watch(const struct timeline *t)
{
	struct progress p;

	progress_init(&p, t->timeout * USEC_PER_SEC);
	progress_restart(&p, START);
	for (usec_t now = START; now < START + 7200 * USEC_PER_SEC;) {
		struct sysfs_io io = counters(t, now);
		usec_t next;

		if (progress_check(&p, &io, now))
			return (now - START) / USEC_PER_MSEC;
		next = progress_next(&p, now);
		assert_true(next >= now + 250 * USEC_PER_MSEC);
		assert_true(next <= now + 5 * USEC_PER_SEC);
		now = next;
	}
	return NEVER;
}

static void test_timelines(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(timelines); i++) {
		usec_t stalls = watch(&timelines[i]);

		if (stalls != timelines[i].stalls)
			fail_msg("%s: %ju ms", timelines[i].name, (uintmax_t)stalls);
	}
}

/* What happens at a time (milliseconds), one after the other, with a timeout of 30 s. */
struct step {
	unsigned at;
	enum { LOOK, RESTART, REPLACED } what;
	unsigned completed, in_flight;
	bool stalls;
};

static void play(const struct step *steps, size_t n)
{
	struct progress p;

	progress_init(&p, 30 * USEC_PER_SEC);
	progress_restart(&p, START);
	for (size_t i = 0; i < n; i++) {
		const struct step *step = &steps[i];
		usec_t now = START + step->at * USEC_PER_MSEC;
		struct sysfs_io io = {step->completed, step->in_flight};

		switch (step->what) {
		case RESTART: progress_restart(&p, now); break;
		case REPLACED: progress_replaced(&p, now); break;
		case LOOK:
			if (progress_check(&p, &io, now) != step->stalls)
				fail_msg("step %zu, %u ms", i, step->at);
			break;
		}
	}
}
#define PLAY(steps) play(steps, ELEMENTSOF(steps))

static void test_first_look_counts(void **state _unused_)
{
	static const struct step steps[] = {
		{0, LOOK, 5, 0, false},
		{29999, LOOK, 5, 1, false}, /* they may have been sent just now */
		{59998, LOOK, 5, 1, false},
		{59999, LOOK, 5, 1, true},
		{60000, LOOK, 5, 0, false},
		{95000, LOOK, 5, 2, false},
		{124999, LOOK, 5, 2, false},
		{125000, LOOK, 5, 1, true},
	};

	PLAY(steps);
}

static void test_each_completion_counts(void **state _unused_)
{
	static const struct step steps[] = {
		{0, LOOK, 0, 1, false},
		{29000, LOOK, 1, 1, false},
		{58000, LOOK, 1, 9, false},
		{58999, LOOK, 2, 9, false},
		{88998, LOOK, 2, 9, false},
		{88999, LOOK, 2, 9, true},
		{88999, RESTART, 0, 0, false},
		{89000, LOOK, 3, 9, false},
		/* fewer than before: the device's number has a new device */
		{118000, LOOK, 1, 9, false},
		{147999, LOOK, 1, 9, false},
		{148000, LOOK, 1, 9, true},
	};

	PLAY(steps);
}

static void test_restart(void **state _unused_)
{
	static const struct step steps[] = {
		{0, LOOK, 0, 1, false},
		{20000, RESTART, 0, 0, false},
		{49999, LOOK, 0, 1, false},
		{50000, LOOK, 0, 1, true},
		{50000, RESTART, 0, 0, false},
		{50001, LOOK, 0, 1, false},
		{80000, LOOK, 0, 1, true},
	};

	PLAY(steps);
}

static void test_patience_doubles(void **state _unused_)
{
	static const struct step steps[] = {
		{0, LOOK, 0, 1, false},
		{30000, LOOK, 0, 1, true},
		{30000, REPLACED, 0, 0, false},
		{89999, LOOK, 0, 1, false},
		{90000, LOOK, 0, 1, true},
		{90000, REPLACED, 0, 0, false},
		{209999, LOOK, 0, 1, false},
		{210000, LOOK, 0, 1, true},
		/* a restart leaves it as it is */
		{210000, RESTART, 0, 0, false},
		{329999, LOOK, 0, 1, false},
		{330000, LOOK, 0, 1, true},
		/* it hung, and answers at once: as before */
		{340000, RESTART, 0, 0, false},
		{340001, LOOK, 1, 1, false},
		{370000, LOOK, 1, 1, false},
		{370001, LOOK, 1, 1, true},
	};

	PLAY(steps);
}

/*
 * A server that needs so many seconds for a request, and gets one after the other for six
 * hours. A link that is taken for dead is replaced, and what it carried sent again: how
 * often that was.
 */
static unsigned repetitions(usec_t timeout, unsigned needs)
{
	usec_t sent = START, end = START + 6 * 3600 * USEC_PER_SEC;
	struct sysfs_io io = {0, 1};
	struct progress p;
	unsigned n = 0;

	progress_init(&p, timeout * USEC_PER_SEC);
	progress_restart(&p, START);
	for (usec_t now = START; now < end; now = progress_next(&p, now)) {
		if (now >= sent + needs * USEC_PER_SEC) {
			io.completed++;
			sent = now;
		}
		if (progress_check(&p, &io, now)) {
			n++;
			sent = now;
			progress_replaced(&p, now);
		}
	}
	assert_true(io.completed > 6 * 3600 / 2 / (needs + 5)); /* it goes on */
	return n;
}

static void test_patience_learns(void **state _unused_)
{
	assert_int_equal(repetitions(30, 5), 0);
	assert_int_equal(repetitions(30, 25), 0);
	assert_int_equal(repetitions(30, 35), 1);
	assert_int_equal(repetitions(30, 50), 1);
	assert_int_equal(repetitions(30, 100), 2);
	assert_int_equal(repetitions(30, 400), 4);
	assert_int_equal(repetitions(3, 5), 1);
	assert_int_equal(repetitions(1, 10), 4);
}

/* A server that was slow long ago does not get more time now. */
static void test_patience_forgets(void **state _unused_)
{
	static const struct step steps[] = {
		{0, LOOK, 0, 1, false},
		{30000, LOOK, 0, 1, true},
		{30000, REPLACED, 0, 0, false},
		{65000, LOOK, 1, 1, false}, /* it took 35 s */
		{134999, LOOK, 1, 1, false},
		{135000, LOOK, 1, 1, true},
		{135000, RESTART, 0, 0, false},
		{136000, LOOK, 2, 0, false},
		{3600000, LOOK, 2, 0, false},
		{3600000, LOOK, 2, 1, false},
		{3664999, LOOK, 3, 1, false}, /* just before: an hour after that */
		{3734998, LOOK, 3, 1, false},
		{3734999, LOOK, 4, 0, false}, /* it took 70 s: another hour */
		{7334998, LOOK, 4, 0, false},
		{7335000, LOOK, 5, 1, false},
		{7364999, LOOK, 5, 1, false},
		{7365000, LOOK, 5, 1, true},
	};

	PLAY(steps);
}

static void test_patience_ends(void **state _unused_)
{
	struct progress p;

	progress_init(&p, USEC_PER_SEC);
	for (unsigned i = 0; i < 100; i++) {
		usec_t most = MIN(UINT64_C(1) << MIN(i, 4), 16) * USEC_PER_SEC;

		assert_int_equal(p.effective_timeout, most);
		/* several links at once count once */
		progress_replaced(&p, START + i);
		progress_replaced(&p, START + i);
		p.replaced = false; /* as a look does */
		assert_int_equal(p.since, START + i);
	}
}

/* When the next look is due, in milliseconds. */
static void test_next(void **state _unused_)
{
	static const struct {
		usec_t timeout; /* milliseconds */
		unsigned in_flight, replaced;
		usec_t next;
	} rows[] = {
		{30000, 0, 0, 5000},
		{1000, 0, 0, 5000},
		{3600000, 0, 0, 5000},
		{1000, 1, 0, 250},
		{500, 1, 0, 250},
		{6000, 1, 0, 1500},
		{6000, 200, 1, 3000},
		{6000, 1, 2, 5000},
		{20000, 1, 0, 5000},
		{30000, 1, 0, 5000},
		{3600000, 1, 4, 5000},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct sysfs_io io = {9, rows[i].in_flight};
		struct progress p;

		progress_init(&p, rows[i].timeout * USEC_PER_MSEC);
		(void)progress_check(&p, &io, START);
		for (unsigned n = 0; n < rows[i].replaced; n++) {
			p.replaced = false;
			progress_replaced(&p, START);
		}
		assert_int_equal(
			progress_next(&p, START), START + rows[i].next * USEC_PER_MSEC);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timelines),
		cmocka_unit_test(test_first_look_counts),
		cmocka_unit_test(test_each_completion_counts),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_patience_doubles),
		cmocka_unit_test(test_patience_learns),
		cmocka_unit_test(test_patience_forgets),
		cmocka_unit_test(test_patience_ends),
		cmocka_unit_test(test_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
