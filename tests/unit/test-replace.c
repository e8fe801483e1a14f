/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links that are still up: when they are replaced, and when the timeout grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connection-steps.h"

static void test_renewed_when_quiet(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_RENEW, REPLACING, "start", LINK_UP},
		{EVENT, EVENT_RENEW, REPLACING, "", LINK_UP},
		{ANSWER, GOOD, DRAINING, "finish", LINK_UP},
		{PASS, 1000, DRAINING, "", LINK_UP},
		{FLYING, 0, DRAINING, "", LINK_UP},
		{PASS, 2, DRAINING, "shutdown", LINK_UP},
		{EVENT, EVENT_LOST, PENDING, "", LINK_UP},
		{EVENT, EVENT_MARKED_DEAD, PENDING, "", LINK_UP},
		{PASS, 20, UP, "give tell:replaced", LINK_UP},
		/* replaced just now, which does not make it ill */
		{PASS, 3000, UP, "", LINK_UP},
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
	};

	RUN(steps);
}

static void test_renewed_never_quiet(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_RENEW, REPLACING, "start", LINK_UP},
		{ANSWER, GOOD, DRAINING, "finish", LINK_UP},
		{PASS, 1999, DRAINING, "", LINK_UP},
		{PASS, 1, DRAINING, "shutdown", LINK_UP},
		/* and nobody tells that it has ended */
		{PASS, 2999, DRAINING, "", LINK_UP},
		{PASS, 1, PENDING, "", LINK_UP},
		{PASS, 250, UP, "give tell:replaced", LINK_UP},
	};

	RUN(steps);
}

static void test_renewed_in_vain(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_RENEW, REPLACING, "start", LINK_UP},
		{ANSWER, REFUSAL, UP, "finish tell:refused", LINK_UP},
		{PASS, 60000, UP, "", LINK_UP},
	};
	static const struct step stalled_after_that[] = {
		{EVENT, EVENT_RENEW, REPLACING, "start", LINK_UP},
		{ANSWER, REFUSAL, UP, "finish tell:refused", LINK_UP},
		{EVENT, EVENT_STALLED, PROBING, "tell:stalled start", LINK_UP},
	};
	static const struct step lost_meanwhile[] = {
		{EVENT, EVENT_RENEW, REPLACING, "start", LINK_UP},
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost", GONE},
		{PASS, 300, CONNECTING, "", GONE},
		{ANSWER, GOOD, UP, "finish give tell:restored", LINK_UP},
	};
	static const struct step lost_while_draining[] = {
		{EVENT, EVENT_RENEW, REPLACING, "start", LINK_UP},
		{ANSWER, GOOD, DRAINING, "finish", LINK_UP},
		{EVENT, EVENT_LOST, PENDING, "tell:lost", GONE},
		{PASS, 250, UP, "give tell:restored", LINK_UP},
	};

	RUN(steps);
	assert_int_equal(world.s.renew_at, world.now); /* a minute later */
	assert_false(world.conn->stalled);
	RUN(stalled_after_that);
	assert_true(world.conn->stalled);
	RUN(lost_meanwhile);
	RUN(lost_while_draining);
}

static void test_stalled(void **state _unused_)
{
	static const struct step no_server[] = {
		{EVENT, EVENT_STALLED, PROBING, "tell:stalled start", LINK_UP},
		{PASS, 30000, PROBING, "", LINK_UP},
		{ANSWER, SILENCE, UP, "finish tell:retry", LINK_UP},
		{EVENT, EVENT_STALLED, PROBING, "start", LINK_UP},
		{ANSWER, SILENCE, UP, "finish", LINK_UP},
	};
	static const struct step slow_server[] = {
		{EVENT, EVENT_STALLED, PROBING, "tell:stalled start", LINK_UP},
		{COMPLETE, 1, PROBING, "", LINK_UP},
		{ANSWER, GOOD, UP, "finish disconnect", LINK_UP},
	};
	static const struct step hung_server[] = {
		{EVENT, EVENT_STALLED, PROBING, "tell:stalled start", LINK_UP},
		{PASS, 3000, PROBING, "", LINK_UP},
		{ANSWER, GOOD, DRAINING, "finish", LINK_UP},
		{PASS, 0, DRAINING, "shutdown", LINK_UP},
		{EVENT, EVENT_LOST, PENDING, "", LINK_UP},
		{EVENT, EVENT_MARKED_DEAD, PENDING, "", LINK_UP},
		{PASS, 20, UP, "give tell:replaced", LINK_UP},
	};

	RUN(no_server);
	assert_true(world.s.progress.effective_timeout == 30 * USEC_PER_SEC);
	RUN(slow_server);
	assert_true(world.s.progress.effective_timeout == 30 * USEC_PER_SEC);
	RUN(hung_server);
	assert_true(world.s.progress.effective_timeout == 60 * USEC_PER_SEC);
	assert_true(world.s.progress.since == world.now);
}

static void test_handover_fails(void **state _unused_)
{
	static const struct step steps[] = {
		{TAKING, 0, UP, "", LINK_UP},
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{ANSWER, GOOD, PENDING, "finish", GONE},
		{PASS, 250, BACKING_OFF, "give drop tell:retry shorten", GONE},
		{PASS, 74, BACKING_OFF, "", GONE},
		{PASS, 52, CONNECTING, "start", GONE},
		{ANSWER, GOOD, BACKING_OFF, "finish give drop", GONE},
		{TAKING, 1, BACKING_OFF, "", GONE},
		{PASS, 251, CONNECTING, "start", GONE},
		{ANSWER, GOOD, UP, "finish give tell:restored", LINK_UP},
	};
	/* what was to be a replacement is a loss then */
	static const struct step renewal[] = {
		{TAKING, 0, UP, "", LINK_UP},
		{FLYING, 0, UP, "", LINK_UP},
		{EVENT, EVENT_RENEW, REPLACING, "start", LINK_UP},
		{ANSWER, GOOD, DRAINING, "finish", LINK_UP},
		{PASS, 0, DRAINING, "shutdown", LINK_UP},
		{EVENT, EVENT_LOST, PENDING, "", LINK_UP},
		{PASS, 250, BACKING_OFF, "give drop tell:retry shorten", GONE},
		{TAKING, 1, BACKING_OFF, "", GONE},
		{PASS, 126, CONNECTING, "start", GONE},
		{ANSWER, GOOD, UP, "finish give tell:restored", LINK_UP},
	};

	RUN(steps);
	RUN(renewal);
}

/* The server has closed its side: the driver notices it, or the link is shut down. */
static void test_half_closed(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_HALF_CLOSED, UP, "", LINK_UP},
		{PASS, 99, UP, "", LINK_UP},
		{PASS, 1, UP, "shutdown", LINK_UP},
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{EVENT, EVENT_HALF_CLOSED, CONNECTING, "", GONE},
	};
	static const struct step by_itself[] = {
		{EVENT, EVENT_HALF_CLOSED, UP, "", LINK_UP},
		{PASS, 50, UP, "", LINK_UP},
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{PASS, 1000, CONNECTING, "", GONE},
	};

	RUN(steps);
	RUN(by_itself);
}

/* Other events do not make it forget the half-closed link. */
static void test_half_closed_and_more(void **state _unused_)
{
	static const struct step renewed[] = {
		{EVENT, EVENT_HALF_CLOSED, UP, "", LINK_UP},
		{EVENT, EVENT_RENEW, REPLACING, "start", LINK_UP},
		{PASS, 100, REPLACING, "shutdown", LINK_UP},
	};
	static const struct step stalled[] = {
		{EVENT, EVENT_HALF_CLOSED, UP, "", LINK_UP},
		{EVENT, EVENT_STALLED, PROBING, "tell:stalled start", LINK_UP},
		{PASS, 100, PROBING, "shutdown", LINK_UP},
	};

	RUN(renewed);
	RUN(stalled);
}

struct slow {
	usec_t silent, away;        /* seconds without a reply; until the next link */
	unsigned before, in_flight; /* at the last check; when it is lost */
	uint64_t completed;         /* between these two */
	bool extends;
};

/* One of two links is lost. */
static bool extends_now(const struct slow *slow)
{
	bool extended;

	world.s.progress.last.in_flight = slow->before;
	world.io.in_flight = slow->in_flight;
	world.io.completed += slow->completed;
	step_pass(slow->silent * USEC_PER_SEC);
	step_event(EVENT_LOST);
	step_event(EVENT_MARKED_DEAD);
	step_pass(slow->away * USEC_PER_SEC);
	world.calls[0] = 0;
	step_answer(GOOD);
	extended = strstr(world.calls, "extend");
	assert_int_equal(world.conn->phase, UP);
	assert_false(world.conn->timed_out);
	connection_world_end();
	return extended;
}

static bool extends(const struct slow *slow)
{
	connection_world_begin(2);
	return extends_now(slow);
}

/* A server that answers at once on a new link was slow, not away (timeout: 15 s). */
static void test_slow(void **state _unused_)
{
	static const struct slow rows[] = {
		{15, 1, 1, 1, 0, true}, {10, 1, 3, 3, 0, true}, {9, 1, 1, 1, 0, false},
		{15, 4, 1, 1, 0, false}, {15, 1, 0, 0, 0, false},
		{15, 1, 1, 0, 0, true}, /* it waits for a link */
		{15, 1, 0, 1, 0, true},
		{15, 1, 1, 1, 1, false}, /* the last check was long ago */
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		if (extends(&rows[i]) != rows[i].extends)
			fail_msg("row %zu", i);
}

/* It is no sign of a slow server if that ends the link itself, each time it gets a
 * request.
 */
static void test_not_slow(void **state _unused_)
{
	static const struct slow slow = {15, 1, 1, 1, 0, true};

	connection_world_begin(2);
	world.reset = true;
	assert_false(extends_now(&slow));
}

/* All links end at the same time: the timeout becomes twice as long, once. */
static void test_slow_together(void **state _unused_)
{
	connection_world_begin(3);
	world.io.in_flight = 3;
	step_pass(15 * USEC_PER_SEC);
	step_event(EVENT_LOST);
	for (unsigned i = 0; i < 2; i++)
		world.s.conns[i].timed_out = true;
	step_event(EVENT_MARKED_DEAD);
	step_pass(USEC_PER_SEC);
	world.calls[0] = 0;
	step_answer(GOOD);
	assert_non_null(strstr(world.calls, "extend"));
	for (unsigned i = 0; i < 3; i++)
		assert_false(world.s.conns[i].timed_out);
	connection_world_end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_renewed_when_quiet),
		cmocka_unit_test(test_renewed_never_quiet),
		cmocka_unit_test(test_renewed_in_vain),
		cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_handover_fails),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_half_closed_and_more),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_not_slow),
		cmocka_unit_test(test_slow_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
