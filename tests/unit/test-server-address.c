/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All links go to one address, and to another one only when all are lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connection-world.h"
#include "supervisor/server-address.h"

#define A "192.0.2.1:10809"
#define B "192.0.2.2:10809"

/* Three links to A. world.conn is the last one. */
static int set_up(void **state _unused_)
{
	connection_world_begin(3);
	strcpy(world.a.state.address, A);
	for (unsigned i = 0; i < 3; i++)
		strcpy(world.a.state.links[i].address, A);
	return 0;
}

static int tear_down(void **state _unused_)
{
	connection_world_end();
	return 0;
}

static void lose_others(void)
{
	for (unsigned i = 0; i < 2; i++)
		world.s.conns[i].phase = PHASE_BACKING_OFF;
}

static void event(enum connection_event event)
{
	world.calls[0] = 0;
	connection_event(&world.s, world.conn, event);
}

/* The attempt leads there. */
static void reached(const char *address)
{
	world.calls[0] = 0;
	world.found = (struct error){0};
	strcpy(world.address, address);
	connection_attempt_ready(&world.s, world.conn);
}

static void may_go(const char *last, bool only)
{
	assert_true(world.conn->attempt.under_way);
	assert_string_equal(world.conn->attempt.choice.last, last);
	assert_int_equal(world.conn->attempt.choice.only, only);
}

static void test_planned(void **state _unused_)
{
	lose_others();
	event(EVENT_RENEW);
	may_go(A, true);
}

static void test_probe(void **state _unused_)
{
	lose_others();
	event(EVENT_STALLED);
	may_go(A, true);
}

/* The server accepts no second connection: we end the link first, so it is not lost. */
static void test_ended_first(void **state _unused_)
{
	lose_others();
	world.a.state.break_before_make = true;
	event(EVENT_RENEW);
	world.io.in_flight = 0;
	event(EVENT_TIMER);
	event(EVENT_LOST);
	may_go(A, true);
	world.found = (struct error){FAULT_UNREACHED, "nobody is there"};
	connection_attempt_ready(&world.s, world.conn);
	event(EVENT_TIMER);
	may_go(A, false);
}

static void test_one_of_several(void **state _unused_)
{
	event(EVENT_LOST);
	may_go(A, true);
	event(EVENT_MARKED_DEAD);
	reached(A);
	assert_null(strstr(world.calls, "warn"));
}

static void test_all(void **state _unused_)
{
	lose_others();
	event(EVENT_LOST);
	may_go(A, false);
	world.now = world.conn->accepts_at;
	reached(B);
	assert_int_equal(world.conn->phase, PHASE_UP);
	assert_non_null(strstr(world.calls, "warn:moved"));
	assert_string_equal(world.a.state.address, B);

	world.conn = &world.s.conns[0]; /* which A was the last address of */
	event(EVENT_TIMER);
	may_go(B, true);
}

/* Of two attempts at the same time the first one decides the address. */
static void test_elsewhere(void **state _unused_)
{
	lose_others();
	event(EVENT_LOST);
	world.s.conns[0].phase = PHASE_PENDING;
	world.s.conns[0].candidate.fd = some_descriptor();
	strcpy(world.s.conns[0].candidate.address, B);
	world.now = world.conn->accepts_at;
	reached(A);
	assert_int_equal(world.conn->phase, PHASE_BACKING_OFF);
	assert_non_null(strstr(world.calls, "disconnect"));
	event(EVENT_TIMER);
	may_go(B, true);
	reached(B);
	assert_int_equal(world.conn->phase, PHASE_UP);
}

/* An attempt to an address that turns out to be dead delays the others only briefly. */
static void test_hurry(void **state _unused_)
{
	struct connection *other = world.conn;

	event(EVENT_LOST);
	may_go(A, true);
	assert_true(deadline_left(other->attempt.deadline) > 20 * USEC_PER_SEC);
	world.s.conns[0].phase = PHASE_BACKING_OFF;
	world.conn = &world.s.conns[1];
	event(EVENT_LOST);
	may_go(A, false);
	assert_true(deadline_left(world.conn->attempt.deadline) > 20 * USEC_PER_SEC);
	assert_true(deadline_left(other->attempt.deadline) < 5 * USEC_PER_SEC);
}

static void test_adopted(void **state _unused_)
{
	world.calls[0] = 0;
	server_address_adopted(&world.s);
	assert_string_equal(world.calls, "");
	strcpy(world.a.state.links[1].address, B);
	world.a.state.links[1].state = LINK_RECONNECTING;
	server_address_adopted(&world.s);
	assert_string_equal(world.calls, "");
	world.a.state.links[1].state = LINK_UP;
	server_address_adopted(&world.s);
	assert_string_equal(world.calls, "warn:mixed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_planned),
		TEST(test_probe),
		TEST(test_ended_first),
		TEST(test_one_of_several),
		TEST(test_all),
		TEST(test_elsewhere),
		TEST(test_hurry),
		TEST(test_adopted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
