/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each cell of connection.c's table by itself: in which phase what event leads to what.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connection-world.h"

enum situation {
	YOUNG = 1 << 0,        /* the link came up a second ago */
	NO_WORKER = 1 << 1,    /* no attempt can be started */
	NO_HANDOVER = 1 << 2,  /* the kernel takes no link */
	ADOPTED = 1 << 3,      /* the link's descriptor is not ours */
	SEVERAL = 1 << 4,      /* there are other links */
	COMPLETED = 1 << 5,    /* requests have been completed meanwhile */
	IDLE = 1 << 6,         /* nothing is in flight */
	NO_COUNTERS = 1 << 7,  /* the counters cannot be read */
	MAY_WAIT = 1 << 8,     /* waiting for a moment with nothing in flight */
	REPLACED = 1 << 9,     /* the old link has been cut */
	MARKED = 1 << 10,      /* the driver knows that the old link is dead */
	NO_KEYS = 1 << 11,     /* the credentials cannot be read */
	ON_DISK = 1 << 16,     /* what the program runs from lies on the disk */
	NONE_DEAD = 1 << 12,   /* the driver knows of no dead link */
	NO_GREETING = 1 << 13, /* the server gave no greeting */
	PLAINTEXT = 1 << 15,   /* the kernel does not encrypt */
	BREAK_FIRST = 1 << 14, /* … and is known for that: there is no candidate */
	ENDABLE = 1 << 17,     /* the kernel ends links without a descriptor */
};

#define NEVER   (-1)
#define BACKOFF (-2) /* at some moment within ten seconds */
#define SHORTLY (-3) /* … within a tenth of one, and a quarter */

static const struct cell {
	enum phase phase;
	enum connection_event event;
	unsigned when;
	enum phase then;
	const char *calls;
	int timer; /* milliseconds */
} cells[] = {
	{PHASE_UP, EVENT_HALF_CLOSED, 0, PHASE_UP, "", 100},
	{PHASE_UP, EVENT_LOST, 0, PHASE_CONNECTING, "tell:lost start", NEVER},
	{PHASE_UP, EVENT_LOST, YOUNG, PHASE_BACKING_OFF, "tell:lost", BACKOFF},
	{PHASE_UP, EVENT_LOST, NO_WORKER, PHASE_BACKING_OFF,
		"tell:lost start tell:retry shorten", SHORTLY},
	{PHASE_UP, EVENT_LOST, NO_KEYS, PHASE_BACKING_OFF,
		"tell:lost credentials tell:retry shorten", SHORTLY},
	{PHASE_UP, EVENT_LOST, PLAINTEXT, PHASE_BACKING_OFF,
		"tell:lost tell:refused shorten", SHORTLY},
	{PHASE_UP, EVENT_LOST, ADOPTED, PHASE_CONNECTING, "tell:lost start", NEVER},
	{PHASE_UP, EVENT_LOST, SEVERAL, PHASE_CONNECTING, "tell:lost start", NEVER},
	{PHASE_UP, EVENT_TIMER, 0, PHASE_UP, "shutdown", NEVER},
	{PHASE_UP, EVENT_STALLED, 0, PHASE_PROBING, "tell:stalled start", NEVER},
	{PHASE_UP, EVENT_STALLED, NO_WORKER, PHASE_UP, "tell:stalled start tell:retry",
		NEVER},
	{PHASE_UP, EVENT_STALLED, ADOPTED, PHASE_PROBING, "tell:stalled start", NEVER},
	{PHASE_UP, EVENT_STALLED, SEVERAL, PHASE_PROBING, "tell:stalled start", NEVER},
	{PHASE_UP, EVENT_STALLED, SEVERAL | ADOPTED, PHASE_UP, "", NEVER},
	{PHASE_UP, EVENT_STALLED, SEVERAL | ADOPTED | ENDABLE, PHASE_PROBING,
		"tell:stalled start", NEVER},
	{PHASE_UP, EVENT_RENEW, 0, PHASE_REPLACING, "start", NEVER},
	{PHASE_UP, EVENT_RENEW, NO_WORKER, PHASE_UP, "start tell:retry", NEVER},
	{PHASE_UP, EVENT_RENEW, ADOPTED, PHASE_UP, "tell:kept", NEVER},
	{PHASE_UP, EVENT_RENEW, ADOPTED | ENDABLE, PHASE_REPLACING, "start", NEVER},
	{PHASE_UP, EVENT_RENEW, ADOPTED | ENDABLE | BREAK_FIRST, PHASE_DRAINING, "", 0},
	{PHASE_UP, EVENT_RENEW, BREAK_FIRST, PHASE_DRAINING, "", 0},

	{PHASE_PROBING, EVENT_HALF_CLOSED, 0, PHASE_PROBING, "", 100},
	{PHASE_PROBING, EVENT_LOST, 0, PHASE_CONNECTING, "tell:lost", NEVER},
	{PHASE_PROBING, EVENT_LOST, YOUNG, PHASE_CONNECTING, "tell:lost", NEVER},
	{PHASE_PROBING, EVENT_CONNECTED, 0, PHASE_DRAINING, "", 0},
	{PHASE_PROBING, EVENT_CONNECTED, NO_COUNTERS, PHASE_DRAINING, "", 0},
	{PHASE_PROBING, EVENT_CONNECTED, COMPLETED, PHASE_UP, "disconnect", NEVER},
	{PHASE_PROBING, EVENT_CONNECTED, IDLE, PHASE_UP, "disconnect", NEVER},
	{PHASE_PROBING, EVENT_FAILED, 0, PHASE_UP, "tell:retry", NEVER},
	/* it may be stopped … */
	{PHASE_PROBING, EVENT_FAILED, NO_GREETING, PHASE_UP, "tell:retry", NEVER},
	{PHASE_PROBING, EVENT_FAILED, NO_GREETING | IDLE, PHASE_UP, "tell:retry", NEVER},
	{PHASE_PROBING, EVENT_FAILED, NO_GREETING | NO_COUNTERS, PHASE_UP, "tell:retry",
		NEVER},
	/* … and is not */
	{PHASE_PROBING, EVENT_FAILED, NO_GREETING | COMPLETED, PHASE_UP,
		"tell:full tell:retry", NEVER},
	{PHASE_PROBING, EVENT_FAILED, NO_GREETING | BREAK_FIRST, PHASE_DRAINING, "", 0},
	{PHASE_PROBING, EVENT_FAILED, NO_GREETING | BREAK_FIRST | COMPLETED, PHASE_UP,
		"tell:retry", NEVER},
	{PHASE_PROBING, EVENT_FAILED, BREAK_FIRST, PHASE_UP, "tell:retry", NEVER},
	{PHASE_PROBING, EVENT_TIMER, 0, PHASE_PROBING, "shutdown", NEVER},
	{PHASE_PROBING, EVENT_RENEW, 0, PHASE_PROBING, "", NEVER},

	{PHASE_REPLACING, EVENT_HALF_CLOSED, 0, PHASE_REPLACING, "", 100},
	{PHASE_REPLACING, EVENT_LOST, 0, PHASE_CONNECTING, "tell:lost", NEVER},
	{PHASE_REPLACING, EVENT_CONNECTED, 0, PHASE_DRAINING, "", 0},
	{PHASE_REPLACING, EVENT_CONNECTED, COMPLETED, PHASE_DRAINING, "", 0},
	{PHASE_REPLACING, EVENT_FAILED, 0, PHASE_UP, "tell:retry", NEVER},
	{PHASE_REPLACING, EVENT_FAILED, NO_GREETING, PHASE_UP, "tell:retry", NEVER},
	{PHASE_REPLACING, EVENT_FAILED, NO_GREETING | NO_COUNTERS, PHASE_UP, "tell:retry",
		NEVER},
	{PHASE_REPLACING, EVENT_FAILED, NO_GREETING | COMPLETED, PHASE_DRAINING,
		"tell:full", 0},
	{PHASE_REPLACING, EVENT_FAILED, NO_GREETING | IDLE, PHASE_DRAINING, "tell:full",
		0},
	{PHASE_REPLACING, EVENT_TIMER, 0, PHASE_REPLACING, "shutdown", NEVER},
	{PHASE_REPLACING, EVENT_RENEW, 0, PHASE_REPLACING, "", NEVER},

	{PHASE_DRAINING, EVENT_LOST, 0, PHASE_PENDING, "tell:lost", 250},
	{PHASE_DRAINING, EVENT_LOST, REPLACED, PHASE_PENDING, "", 250},
	{PHASE_DRAINING, EVENT_LOST, BREAK_FIRST, PHASE_CONNECTING, "tell:lost start",
		NEVER},
	{PHASE_DRAINING, EVENT_LOST, BREAK_FIRST | NO_WORKER, PHASE_BACKING_OFF,
		"tell:lost start tell:retry shorten", SHORTLY},
	{PHASE_DRAINING, EVENT_LOST, BREAK_FIRST | REPLACED, PHASE_CONNECTING,
		"tell:ended start", NEVER},
	{PHASE_DRAINING, EVENT_TIMER, BREAK_FIRST | IDLE, PHASE_DRAINING, "shutdown",
		3000},
	{PHASE_DRAINING, EVENT_TIMER, BREAK_FIRST | REPLACED, PHASE_CONNECTING,
		"tell:ended start", NEVER},
	{PHASE_DRAINING, EVENT_TIMER, BREAK_FIRST | REPLACED | NO_WORKER,
		PHASE_BACKING_OFF, "tell:ended start tell:retry shorten", SHORTLY},
	{PHASE_DRAINING, EVENT_TIMER, 0, PHASE_DRAINING, "shutdown", 3000},
	{PHASE_DRAINING, EVENT_TIMER, MAY_WAIT, PHASE_DRAINING, "", 2},
	{PHASE_DRAINING, EVENT_TIMER, MAY_WAIT | IDLE, PHASE_DRAINING, "shutdown", 3000},
	{PHASE_DRAINING, EVENT_TIMER, MAY_WAIT | NO_COUNTERS, PHASE_DRAINING, "", 2},
	{PHASE_DRAINING, EVENT_TIMER, REPLACED, PHASE_PENDING, "", 250},
	{PHASE_DRAINING, EVENT_RENEW, 0, PHASE_DRAINING, "", 1000},

	{PHASE_BACKING_OFF, EVENT_MARKED_DEAD, 0, PHASE_BACKING_OFF, "", 1000},
	{PHASE_BACKING_OFF, EVENT_TIMER, 0, PHASE_CONNECTING, "start", NEVER},
	{PHASE_BACKING_OFF, EVENT_TIMER, ON_DISK, PHASE_CONNECTING, "fork start", NEVER},
	{PHASE_BACKING_OFF, EVENT_TIMER, NO_WORKER, PHASE_BACKING_OFF,
		"start tell:retry shorten", SHORTLY},
	{PHASE_BACKING_OFF, EVENT_TIMER, NO_KEYS, PHASE_BACKING_OFF,
		"credentials tell:retry shorten", SHORTLY},
	{PHASE_BACKING_OFF, EVENT_RENEW, 0, PHASE_CONNECTING, "start", NEVER},
	{PHASE_BACKING_OFF, EVENT_RENEW, NO_WORKER, PHASE_BACKING_OFF,
		"start tell:retry shorten", SHORTLY},

	{PHASE_CONNECTING, EVENT_MARKED_DEAD, 0, PHASE_CONNECTING, "", NEVER},
	{PHASE_CONNECTING, EVENT_CONNECTED, 0, PHASE_PENDING, "", 250},
	{PHASE_CONNECTING, EVENT_CONNECTED, MARKED, PHASE_UP, "give tell:restored",
		NEVER},
	{PHASE_CONNECTING, EVENT_CONNECTED, MARKED | NO_HANDOVER, PHASE_BACKING_OFF,
		"give drop tell:retry shorten", BACKOFF},
	{PHASE_CONNECTING, EVENT_CONNECTED, MARKED | PLAINTEXT, PHASE_BACKING_OFF,
		"disconnect tell:refused shorten", SHORTLY},
	{PHASE_CONNECTING, EVENT_FAILED, 0, PHASE_BACKING_OFF, "tell:retry shorten",
		BACKOFF},
	{PHASE_CONNECTING, EVENT_RENEW, 0, PHASE_CONNECTING, "", NEVER},

	{PHASE_PENDING, EVENT_MARKED_DEAD, 0, PHASE_PENDING, "", 20},
	{PHASE_PENDING, EVENT_MARKED_DEAD, MARKED, PHASE_PENDING, "", 0},
	{PHASE_PENDING, EVENT_TIMER, 0, PHASE_PENDING, "", 250},
	{PHASE_PENDING, EVENT_TIMER, MARKED, PHASE_UP, "give tell:restored", NEVER},
	{PHASE_PENDING, EVENT_TIMER, MARKED | REPLACED, PHASE_UP, "give tell:replaced",
		NEVER},
	{PHASE_PENDING, EVENT_TIMER, MARKED | NO_HANDOVER, PHASE_BACKING_OFF,
		"give drop tell:retry shorten", BACKOFF},
	{PHASE_PENDING, EVENT_TIMER, MARKED | NONE_DEAD, PHASE_PENDING, "give tell:retry",
		250},
	{PHASE_PENDING, EVENT_TIMER, MARKED | NONE_DEAD | COMPLETED, PHASE_PENDING,
		"give tell:retry", 250},
	{PHASE_PENDING, EVENT_TIMER, MARKED | NONE_DEAD | ADOPTED, PHASE_PENDING,
		"give tell:retry", 250},
	{PHASE_PENDING, EVENT_TIMER, MARKED | NONE_DEAD | ADOPTED | COMPLETED, PHASE_UP,
		"give disconnect tell:alive", NEVER},
	{PHASE_PENDING, EVENT_RENEW, 0, PHASE_PENDING, "", 1000},
};

/* To be tried later, all of these and a link that found no worker. */
static bool renewal_is_scheduled(const struct cell *c)
{
	bool begun = c->phase == PHASE_UP &&
		(c->then == PHASE_REPLACING || c->then == PHASE_DRAINING);

	return c->event != EVENT_RENEW || begun || c->phase == PHASE_BACKING_OFF ||
		c->when & ADOPTED || world.s.renew_at != USEC_INFINITY;
}

static void arrange_world(unsigned when)
{
	struct connection *conn = world.conn;

	world.no_worker = when & NO_WORKER;
	world.no_handover = when & NO_HANDOVER;
	world.no_keys = when & NO_KEYS;
	world.busy = when & NONE_DEAD;
	world.plain = when & PLAINTEXT;
	world.endable = when & ENDABLE;
	if (world.plain && !connection_is_up(conn))
		error_set(&world.a.plaintext, FAULT_KERNEL, -EPROTO, "in plaintext");
	world.a.state.break_before_make = when & BREAK_FIRST;
	conn->no_greeting = when & NO_GREETING;
	world.blind = when & NO_COUNTERS;
	world.on_root_disk = when & ON_DISK;
	world.io.completed += when & COMPLETED ? 1 : 0;
	world.io.in_flight = when & IDLE ? 0 : 3;
	conn->up_since = when & YOUNG ? world.now - USEC_PER_SEC : 0;
	conn->drain_until = when & MAY_WAIT ? world.now + USEC_PER_SEC : 0;
	conn->being_replaced = when & REPLACED;
	conn->completed = 100;
	conn->no_descriptor = when & ADOPTED;
}

/* The connection as it is in that phase when that event comes. */
static void arrange(enum phase phase, enum connection_event event, unsigned when)
{
	struct connection *conn;

	connection_world_begin(when & SEVERAL ? 3 : 1);
	conn = world.conn;
	conn->phase = phase;
	arrange_world(when);
	if (!connection_is_up(conn)) {
		world.a.state.links[conn->number].state = LINK_RECONNECTING;
		conn->lost_at = world.now;
		conn->accepts_at = world.now + (when & MARKED ? 0 : 250 * USEC_PER_MSEC);
	}
	if (!connection_is_up(conn) || when & ADOPTED) {
		closep(&world.a.sockets[conn->number]);
		world.a.sockets[conn->number] = -1;
	}
	if (event == EVENT_FAILED)
		error_set(&conn->error, FAULT_UNREACHED, -EIO, "nobody is there");
	else if (connection_is_attempting() && event != EVENT_CONNECTED)
		conn->attempt.under_way = true;
	if ((connection_has_candidate() && !(when & BREAK_FIRST)) ||
		event == EVENT_CONNECTED)
		conn->candidate.fd = some_descriptor();
	if (phase == PHASE_BACKING_OFF ||
		(event == EVENT_RENEW && connection_has_candidate()))
		conn->timer = world.now + USEC_PER_SEC;
	if (event == EVENT_TIMER)
		conn->timer = USEC_INFINITY;
}

static bool timer_is(int expected)
{
	const struct connection *conn = world.conn;

	if (expected == NEVER)
		return conn->timer == USEC_INFINITY;
	if (expected == BACKOFF)
		return conn->timer > world.now &&
			conn->timer <= world.now + 10 * USEC_PER_SEC;
	if (expected == SHORTLY)
		return conn->timer > world.now &&
			conn->timer <= world.now + 125 * USEC_PER_MSEC;
	return conn->timer == world.now + (usec_t)expected * USEC_PER_MSEC;
}

static bool refusal_is_known(const struct cell *c)
{
	bool refused = world.a.state.links[world.conn->number].state == LINK_REFUSED;

	return refused == (strstr(c->calls, "tell:refused") != NULL);
}

static bool is_as_expected(const struct cell *c)
{
	const struct connection *conn = world.conn;
	bool soon = conn->accepts_at <= world.now + 20 * USEC_PER_MSEC;

	return conn->phase == c->then && strcmp(world.calls, c->calls) == 0 &&
		timer_is(c->timer) && refusal_is_known(c) &&
		(soon || c->event != EVENT_MARKED_DEAD) && renewal_is_scheduled(c) &&
		connection_is_consistent(c->when & ADOPTED);
}

static unsigned seen[PHASE_MAX][EVENT_MAX]; /* bits: the phases that came next */

static void test_cells(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(cells); i++) {
		const struct cell *c = &cells[i];

		arrange(c->phase, c->event, c->when);
		connection_event(&world.s, world.conn, c->event);
		seen[c->phase][c->event] |= 1U << world.conn->phase;
		if (!is_as_expected(c))
			fail_msg("phase %d, event %d, when %x: phase %d, \"%s\", timer "
				 "%jd us, accepted in %jd us%s",
				c->phase, c->event, c->when, world.conn->phase,
				world.calls, (intmax_t)(world.conn->timer - world.now),
				(intmax_t)(world.conn->accepts_at - world.now),
				connection_is_consistent(c->when & ADOPTED)
					? ""
					: ", inconsistent");
		connection_world_end();
	}
}

static bool is_filled(enum phase phase, enum connection_event event)
{
	for (size_t i = 0; i < ELEMENTSOF(cells); i++)
		if (cells[i].phase == phase && cells[i].event == event)
			return true;
	return false;
}

/* Whatever comes at a time when it means nothing changes nothing. */
static void test_empty_cells(void **state _unused_)
{
	static struct connection_world before;

	for (enum phase phase = 0; phase < PHASE_MAX; phase++)
		for (enum connection_event event = 0; event < EVENT_MAX; event++) {
			if (is_filled(phase, event))
				continue;
			arrange(phase, event, MARKED);
			memcpy(&before, &world, sizeof(world));
			connection_event(&world.s, world.conn, event);
			if (memcmp(&before, &world, sizeof(world)) != 0)
				fail_msg("phase %d, event %d", phase, event);
			connection_world_end();
		}
}

/* A connection is no link yet: its worker is started, once, and reports later. */
static void test_connected(void **state _unused_)
{
	arrange(PHASE_CONNECTING, EVENT_TIMER, MARKED);
	world.connected = true;
	connection_attempt_ready(&world.s, world.conn);
	assert_string_equal(world.calls, "proceed");
	assert_int_equal(world.conn->phase, PHASE_CONNECTING);
	connection_attempt_ready(&world.s, world.conn);
	assert_non_null(strstr(world.calls, "proceed finish"));
	assert_int_equal(world.conn->phase, PHASE_UP);
	connection_world_end();
}

/* A connector stays for the next attempt while the link is lost, but not when it is up.
 */
static void test_connector_stays(void **state _unused_)
{
	static const enum phase phases[] = {
		PHASE_CONNECTING, PHASE_PROBING, PHASE_REPLACING};

	for (size_t i = 0; i < ELEMENTSOF(phases); i++) {
		arrange(phases[i], EVENT_TIMER, MARKED);
		world.connector_stays = true;
		error_set(&world.found, FAULT_UNREACHED, -ECONNREFUSED, "refused");
		connection_attempt_ready(&world.s, world.conn);
		assert_int_equal(
			world.conn->attempt.connector > 0, phases[i] == PHASE_CONNECTING);
		connection_world_end();
	}
}

/* The table lists exactly the phases that can come next. */
static void test_next(void **state _unused_)
{
	for (size_t i = 0; i < connection_life_size; i++) {
		const struct transition *t = &connection_life[i];

		if (seen[t->phase][t->event] != t->next)
			fail_msg("phase %d, event %d: told %x, seen %x", t->phase,
				t->event, t->next, seen[t->phase][t->event]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_empty_cells),
		cmocka_unit_test(test_connected),
		cmocka_unit_test(test_connector_stays),
		cmocka_unit_test(test_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
