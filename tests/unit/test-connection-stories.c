/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a link goes through: connection.c while time passes and attempts come to an end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "connection-steps.h"

static void test_refused_then_restored(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{EVENT, EVENT_MARKED_DEAD, CONNECTING, "", GONE},
		{ANSWER, SILENCE, BACKING_OFF, "finish tell:retry shorten", GONE},
		{PASS, 74, BACKING_OFF, "", GONE}, /* 100 ms, a quarter more or less */
		{PASS, 52, CONNECTING, "start", GONE},
		{ANSWER, SILENCE, BACKING_OFF, "finish", GONE}, /* told once */
		{PASS, 126, CONNECTING, "start", GONE},
		{PASS, 60000, CONNECTING, "", GONE},
		{ANSWER, SILENCE, BACKING_OFF, "finish", GONE},
		{PASS, 449, BACKING_OFF, "", GONE}, /* 602.5 ms after a minute */
		{PASS, 305, CONNECTING, "start", GONE},
		{ANSWER, REFUSAL, BACKING_OFF, "finish tell:refused", BAD},
		{PASS, 10000, CONNECTING, "start", BAD},
		{ANSWER, REFUSAL, BACKING_OFF, "finish", BAD},
		{PASS, 10000, CONNECTING, "start", BAD},
		{ANSWER, OTHER_EXPORT, BACKING_OFF, "finish disconnect tell:refused",
			BAD},
		{PASS, 10000, CONNECTING, "start", BAD},
		{ANSWER, SILENCE, BACKING_OFF, "finish tell:retry", GONE},
		{PASS, 10000, CONNECTING, "start", GONE},
		{ANSWER, GOOD, UP, "finish give tell:restored", LINK_UP},
		/* the next outage is a new one: 200 ms */
		{PASS, 3000, UP, "", LINK_UP},
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{ANSWER, REFUSAL, BACKING_OFF, "finish tell:refused shorten", BAD},
		{PASS, 149, BACKING_OFF, "", BAD},
		{PASS, 102, CONNECTING, "start", BAD},
	};

	RUN(steps);
}

/* An outage before a refusal does not make the delays after the refusal longer. */
static void test_refused_after_silence(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{ANSWER, SILENCE, BACKING_OFF, "finish tell:retry shorten", GONE},
		{PASS, 126, CONNECTING, "start", GONE},
		{ANSWER, SILENCE, BACKING_OFF, "finish", GONE},
		{PASS, 126, CONNECTING, "start", GONE},
		{ANSWER, SILENCE, BACKING_OFF, "finish", GONE},
		{PASS, 126, CONNECTING, "start", GONE},
		{ANSWER, REFUSAL, BACKING_OFF, "finish tell:refused", BAD},
		{PASS, 149, BACKING_OFF, "", BAD}, /* 200 ms, as for the first try */
		{PASS, 102, CONNECTING, "start", BAD},
		{ANSWER, REFUSAL, BACKING_OFF, "finish", BAD},
		{PASS, 299, BACKING_OFF, "", BAD},
		{PASS, 202, CONNECTING, "start", BAD},
		{ANSWER, SILENCE, BACKING_OFF, "finish tell:retry", GONE},
		{PASS, 126, CONNECTING, "start", GONE},
		{ANSWER, REFUSAL, BACKING_OFF, "finish tell:refused", BAD},
		{PASS, 251, CONNECTING, "start", BAD},
	};

	RUN(steps);
}

/* If a file of ours is invalid, the server is not to blame: it may be valid in a moment.
 */
static void test_own_file(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{ANSWER, OWN_FILE, BACKING_OFF, "finish tell:retry shorten", GONE},
		{PASS, 149, BACKING_OFF, "", GONE}, /* 200 ms */
		{PASS, 102, CONNECTING, "start", GONE},
		{ANSWER, OWN_FILE, BACKING_OFF, "finish", GONE}, /* told once */
		{PASS, 60000, CONNECTING, "start", GONE},
		{ANSWER, OWN_FILE, BACKING_OFF, "finish", GONE},
		{PASS, 1002, CONNECTING, "start", GONE}, /* 800 ms */
		{ANSWER, OWN_FILE, BACKING_OFF, "finish", GONE},
		{PASS, 1252, CONNECTING, "start", GONE}, /* 1 s, and never more */
		{ANSWER, OWN_FILE, BACKING_OFF, "finish", GONE},
		{PASS, 1252, CONNECTING, "start", GONE},
		{ANSWER, GOOD, UP, "finish give tell:restored", LINK_UP},
	};

	RUN(steps);
}

/* Something listens in place of a server that is away, which will soon be back. */
static void test_cut(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{ANSWER, CUT, BACKING_OFF, "finish tell:retry shorten", GONE},
		{PASS, 149, BACKING_OFF, "", GONE}, /* 200 ms */
		{PASS, 102, CONNECTING, "start", GONE},
		{ANSWER, CUT, BACKING_OFF, "finish", GONE},
		{PASS, 502, CONNECTING, "start", GONE},
		{ANSWER, CUT, BACKING_OFF, "finish", GONE},
		{PASS, 1002, CONNECTING, "start", GONE},
		{ANSWER, CUT, BACKING_OFF, "finish", GONE},
		{PASS, 2002, CONNECTING, "start", GONE},
		{ANSWER, CUT, BACKING_OFF, "finish", GONE},
		{PASS, 1499, BACKING_OFF, "", GONE}, /* 2 s, and never more */
		{PASS, 1002, CONNECTING, "start", GONE},
		{ANSWER, CUT_IN_TLS, BACKING_OFF, "finish tell:refused", BAD},
		{PASS, 1499, BACKING_OFF, "", BAD},
		{PASS, 1002, CONNECTING, "start", BAD},
		{ANSWER, GOOD, UP, "finish give tell:restored", LINK_UP},
	};

	RUN(steps);
}

/* A proxy whose server is away does not count as a server: the delay stays short. */
static void test_no_greeting(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{ANSWER, NO_GREETING, BACKING_OFF, "finish tell:retry shorten", GONE},
		{PASS, 127, CONNECTING, "start", GONE}, /* 100 ms, and no longer */
		{ANSWER, NO_GREETING, BACKING_OFF, "finish", GONE},
		{PASS, 127, CONNECTING, "start", GONE},
		{ANSWER, NO_GREETING, BACKING_OFF, "finish", GONE},
		{PASS, 127, CONNECTING, "start", GONE},
		{ANSWER, NO_GREETING, BACKING_OFF, "finish", GONE},
		{PASS, 127, CONNECTING, "start", GONE},
		{ANSWER, GOOD, UP, "finish give tell:restored", LINK_UP},
	};

	RUN(steps);
}

/* A server that is killed in the handshake has not refused; one that always closes has.
 */
static void test_cut_in_tls(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{ANSWER, CUT_IN_TLS, BACKING_OFF, "finish tell:retry shorten", GONE},
		{PASS, 252, CONNECTING, "start", GONE},
		{ANSWER, CUT_IN_TLS, BACKING_OFF, "finish tell:refused", BAD},
		{PASS, 502, CONNECTING, "start", BAD},
		{ANSWER, GOOD, UP, "finish give tell:restored", LINK_UP},
	};

	RUN(steps);
}

#define IDLE_FOR(milliseconds, lost, restored)                       \
	{PASS, milliseconds, UP, "", LINK_UP},                       \
		{EVENT, EVENT_LOST, CONNECTING, lost "start", GONE}, \
		{PASS, 300, CONNECTING, "", GONE},                   \
	{                                                            \
		ANSWER, GOOD, UP, "finish give" restored, LINK_UP    \
	}
#define IDLE_TOLD(milliseconds)  IDLE_FOR(milliseconds, "tell:lost ", " tell:restored")
#define IDLE_FOUND(milliseconds) IDLE_FOR(milliseconds, "tell:idle ", "")
#define IDLE_QUIET(milliseconds) IDLE_FOR(milliseconds, "", "")

/* clang-format off */

/* A proxy ends connections that are idle for a minute. */
static void test_idle_losses(void **state _unused_)
{
	static const struct step steps[] = {
		{FLYING, 0, UP, "", LINK_UP},
		IDLE_TOLD(1000), /* of the first link's age nothing is known */
		IDLE_TOLD(60000), IDLE_TOLD(61000), IDLE_FOUND(60000),
		IDLE_QUIET(60000), IDLE_QUIET(59500),
		IDLE_QUIET(600000), /* it was used in between */
		IDLE_QUIET(60000),
		/* a failed attempt is reported, and then its end */
		{PASS, 60000, UP, "", LINK_UP},
		{EVENT, EVENT_LOST, CONNECTING, "start", GONE},
		{ANSWER, SILENCE, BACKING_OFF, "finish tell:retry shorten", GONE},
		{PASS, 300, CONNECTING, "start", GONE},
		{ANSWER, GOOD, UP, "finish give tell:restored", LINK_UP},
		IDLE_QUIET(60000),
		/* sooner than that: something else */
		IDLE_TOLD(20000), IDLE_TOLD(60000), IDLE_TOLD(60000), IDLE_FOUND(60000),
		/* with a request under way as well */
		{FLYING, 1, UP, "", LINK_UP},
		IDLE_TOLD(60000),
		{FLYING, 0, UP, "", LINK_UP},
		IDLE_TOLD(60000), IDLE_TOLD(60000), IDLE_FOUND(60000),
	};

	RUN(steps);
}

/* clang-format on */

/* Links that are lost now and then, as at a server that is restarted. */
static void test_irregular_losses(void **state _unused_)
{
	static const struct step steps[] = {
		{FLYING, 0, UP, "", LINK_UP},
		IDLE_TOLD(60000),
		IDLE_TOLD(100000),
		IDLE_TOLD(4000),
		IDLE_TOLD(100000),
		IDLE_TOLD(100000),
		IDLE_TOLD(50000),
	};

	RUN(steps);
}

/* Reasons that take turns are told now and then only. */
static void test_reasons_in_turn(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{ANSWER, SILENCE, BACKING_OFF, "finish tell:retry shorten", GONE},
		{PASS, 126, CONNECTING, "start", GONE},
		{ANSWER, OTHER_SILENCE, BACKING_OFF, "finish", GONE},
		{PASS, 126, CONNECTING, "start", GONE},
		{ANSWER, SILENCE, BACKING_OFF, "finish", GONE},
		{PASS, 126, CONNECTING, "start", GONE},
		{PASS, 9700, CONNECTING, "", GONE},
		{ANSWER, OTHER_SILENCE, BACKING_OFF, "finish tell:retry", GONE},
	};

	RUN(steps);
}

static void test_flapping(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{PASS, 250, CONNECTING, "", GONE},
		{ANSWER, GOOD, UP, "finish give tell:restored", LINK_UP},
		{PASS, 2999, UP, "", LINK_UP},
		{EVENT, EVENT_LOST, BACKING_OFF, "tell:lost", GONE},
		{PASS, 149, BACKING_OFF, "", GONE}, /* 200 ms */
		{PASS, 102, CONNECTING, "start", GONE},
		{ANSWER, GOOD, UP, "finish give tell:restored", LINK_UP},
		{PASS, 1000, UP, "", LINK_UP},
		{EVENT, EVENT_LOST, BACKING_OFF, "tell:lost", GONE},
		{PASS, 299, BACKING_OFF, "", GONE}, /* 400 ms */
		{PASS, 202, CONNECTING, "start", GONE},
		{ANSWER, GOOD, UP, "finish give tell:restored", LINK_UP},
		{PASS, 3000, UP, "", LINK_UP},
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
	};

	RUN(steps);
}

/* A link that the kernel would drop is held until the driver knows of the loss … */
static void test_pending_until_marked(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{PASS, 10, CONNECTING, "", GONE},
		{ANSWER, GOOD, PENDING, "finish", GONE},
		{PASS, 100, PENDING, "", GONE},
		{EVENT, EVENT_MARKED_DEAD, PENDING, "", GONE},
		{PASS, 19, PENDING, "", GONE},
		{PASS, 1, UP, "give tell:restored", LINK_UP},
	};
	static const struct step marked_before[] = {
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{EVENT, EVENT_MARKED_DEAD, CONNECTING, "", GONE},
		{PASS, 15, CONNECTING, "", GONE},
		{ANSWER, GOOD, PENDING, "finish", GONE},
		{PASS, 4, PENDING, "", GONE},
		{PASS, 1, UP, "give tell:restored", LINK_UP},
	};

	RUN(steps);
	RUN(marked_before);
}

/* … or a quarter of a second has passed: the announcement may be lost, or late. */
static void test_pending_not_for_ever(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{ANSWER, GOOD, PENDING, "finish", GONE},
		{PASS, 249, PENDING, "", GONE},
		{PASS, 1, UP, "give tell:restored", LINK_UP},
	};
	static const struct step marked_late[] = {
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{ANSWER, GOOD, PENDING, "finish", GONE},
		{PASS, 240, PENDING, "", GONE},
		{EVENT, EVENT_MARKED_DEAD, PENDING, "", GONE},
		{PASS, 9, PENDING, "", GONE},
		{PASS, 1, UP, "give tell:restored", LINK_UP},
	};

	RUN(steps);
	RUN(marked_late);
}

/* A link that died before its supervisor was started: the driver knows that already. */
static void test_dead_when_adopted(void **state _unused_)
{
	connection_world_begin(1);
	closep(&world.a.sockets[0]);
	world.a.sockets[0] = -1;
	step_event(EVENT_LOST);
	step_answer(GOOD);
	step_pass(19 * USEC_PER_MSEC);
	assert_int_equal(world.conn->phase, PHASE_PENDING);
	step_pass(USEC_PER_MSEC);
	assert_int_equal(world.conn->phase, PHASE_UP);
	connection_world_end();
}

/* What is known of a link once it is back. */
static void test_facts(void **state _unused_)
{
	static const struct step steps[] = {
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
		{ANSWER, SILENCE, BACKING_OFF, "finish tell:retry shorten", GONE},
		{PASS, 400, CONNECTING, "start", GONE},
		{ANSWER, GOOD, UP, "finish give tell:restored", LINK_UP},
	};
	const struct state_link *link = &world.a.state.links[0];

	RUN(steps);
	assert_string_equal(link->error, "");
	assert_int_equal(link->reconnects, 1);
	assert_int_equal(world.conn->size, world.size);
	assert_int_equal(world.conn->up_since, world.now);
	assert_false(world.conn->half_closed);
	assert_int_equal(world.s.progress.since, world.now);
}

/* The driver may have ended it: old copies of requests must not follow the new ones. */
static void test_unsent(void **state _unused_)
{
	static const struct step busy[] = {
		{FLYING, 3, UP, "", LINK_UP},
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
	};
	/* the device may have been disconnected by another program, with NBD_CMD_DISC */
	static const struct step idle[] = {
		{FLYING, 0, UP, "", LINK_UP},
		{EVENT, EVENT_LOST, CONNECTING, "tell:lost start", GONE},
	};

	RUN(busy);
	assert_true(world.discarded);
	RUN(idle);
	assert_false(world.discarded);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_then_restored),
		cmocka_unit_test(test_refused_after_silence),
		cmocka_unit_test(test_own_file),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_no_greeting),
		cmocka_unit_test(test_cut_in_tls),
		cmocka_unit_test(test_idle_losses),
		cmocka_unit_test(test_irregular_losses),
		cmocka_unit_test(test_reasons_in_turn),
		cmocka_unit_test(test_flapping),
		cmocka_unit_test(test_pending_until_marked),
		cmocka_unit_test(test_pending_not_for_ever),
		cmocka_unit_test(test_dead_when_adopted),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_unsent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
