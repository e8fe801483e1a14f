/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a link goes through: connection.c while time passes and attempts come to an end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connection-steps.h"

/* shorter words for the tables below */
#define UP          PHASE_UP
#define PROBING     PHASE_PROBING
#define REPLACING   PHASE_REPLACING
#define DRAINING    PHASE_DRAINING
#define BACKING_OFF PHASE_BACKING_OFF
#define CONNECTING  PHASE_CONNECTING
#define PENDING     PHASE_PENDING
#define GONE        LINK_RECONNECTING
#define BAD         LINK_REFUSED

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
		{PASS, 449, BACKING_OFF, "", GONE}, /* 600 ms after a minute */
		{PASS, 303, CONNECTING, "start", GONE},
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

/* That it was away before is nothing that a refusal has to be waited for longer for. */
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

/* A file of ours is no reason to call the server bad: it may be right in a moment. */
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

/* Something listens in the place of a server that is away: it will soon be back. */
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

/* A proxy whose server is away is no server: attempts cost little. */
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

/* The server has closed its side: the driver sees it, or it is made to see. */
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

/* What else happens meanwhile must not make it be forgotten. */
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

struct slow {
	usec_t silent, away;        /* seconds without a reply; until it is made anew */
	unsigned before, in_flight; /* at the last check; when it is lost */
	uint64_t completed;         /* between these two */
	bool extends;
};

/* One of two links is lost. */
static bool extends(const struct slow *slow)
{
	bool extended;

	connection_world_begin(2);
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

/* A server that answers at once on a new link was slow, and not away (15 s are its own).
 */
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
		cmocka_unit_test(test_renewed_when_quiet),
		cmocka_unit_test(test_renewed_never_quiet),
		cmocka_unit_test(test_renewed_in_vain),
		cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_handover_fails),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_half_closed_and_more),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_slow_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
