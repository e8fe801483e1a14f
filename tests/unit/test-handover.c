/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long the kernel's timer is for requests that are sent over a new link. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cmocka.h>

#include "common/fd.h"
#include "handover-world.h"

static void lose(void)
{
	closep(&world.a.sockets[0]);
	world.a.sockets[0] = -1;
	world.s.conns[0].phase = PHASE_CONNECTING;
	world.s.conns[0].marked_dead = true;
	world.dead = true;
	deferred_stop(&world.s);
}

static int give(void)
{
	struct connection *conn = &world.s.conns[0];
	struct error err = {0};
	int pair[2], r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(pair[1]);
	closep(&conn->candidate.fd);
	conn->candidate.fd = pair[0];
	r = handover_link(&world.s, conn, &err);
	if (r == 0)
		conn->phase = PHASE_UP;
	return r;
}

/* All that has waited is sent now. */
static void assert_given(void)
{
	struct timeval timeout = {0};
	socklen_t size = sizeof(timeout);

	assert_int_equal(give(), 0);
	assert_int_equal(world.msec, SHORT);
	assert_int_equal(
		getsockopt(world.a.sockets[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, &size),
		0);
	assert_true(timeout.tv_sec == 0 && timeout.tv_usec == 0);
}

static void tick(void)
{
	assert_true(
		world.s.timeouts_at >= world.now && world.s.timeouts_at != USEC_INFINITY);
	handover_world_pass(world.s.timeouts_at - world.now);
	deferred_timeouts(&world.s);
}

static void assert_settled(void)
{
	deferred_collect(&world.s);
	assert_int_equal(world.timeout, 0);
	assert_int_equal(world.msec, SHORT);
	assert_false(world.s.short_timeout);
	assert_int_equal(world.s.timeouts_child, 0);
	assert_true(world.s.timeouts_at == USEC_INFINITY);
	assert_true(world.short_for < USEC_PER_SEC / 2);
}

static void test_at_once(void **state _unused_)
{
	lose();
	assert_given();
	assert_settled();
}

static void test_after_outage(void **state _unused_)
{
	lose();
	driver_timeout_shorten(&world.s);
	assert_given();
	tick();
	assert_settled();
}

static void test_not_marked(void **state _unused_)
{
	lose();
	world.s.conns[0].marked_dead = false;
	assert_given();
	tick();
	assert_settled();
}

static void test_not_taken(void **state _unused_)
{
	lose();
	driver_timeout_shorten(&world.s);
	world.dead = false;
	assert_int_equal(give(), -EBUSY);
	world.dead = true;
	assert_given();
	tick();
	assert_settled();
}

/* The driver does not know yet, and what it said was about the link before. */
static void test_died_young(void **state _unused_)
{
	lose();
	world.s.conns[0].flaps = 1;
	world.dead = false;
	assert_int_equal(give(), -EBUSY);
	world.dead = true;
	assert_given();
	tick();
	assert_settled();
}

static void test_again_before_tick(void **state _unused_)
{
	lose();
	driver_timeout_shorten(&world.s);
	assert_given();
	handover_world_pass(100 * USEC_PER_MSEC);
	lose();
	assert_given();
	tick();
	assert_settled();
}

/* The one timeout is changed already, the other is not yet. */
static void test_again_meanwhile(void **state _unused_)
{
	lose();
	driver_timeout_shorten(&world.s);
	assert_given();
	world.frozen = true;
	tick();
	assert_int_equal(world.msec, LONG);
	lose();
	assert_true(world.killed);
	world.frozen = false;
	assert_given();
	tick();
	assert_settled();
}

/* Nobody knows whether the child that was killed had come to that. */
static void test_away_meanwhile(void **state _unused_)
{
	lose();
	driver_timeout_shorten(&world.s);
	assert_given();
	world.frozen = true;
	tick();
	lose();
	driver_timeout_shorten(&world.s);
	assert_int_equal(world.timeout, 1);
}

/* What another supervisor was about to put right is unknown. */
static void test_adopted(void **state _unused_)
{
	struct error ignored;

	for (uint64_t left = 0; left <= 1; left++) {
		world.timeout = left;
		assert_int_equal(driver_timeouts_set(&world.s, &ignored), 0);
		assert_int_equal(world.msec, SHORT);
		tick();
		assert_settled();
	}
}

static void test_adopted_and_lost(void **state _unused_)
{
	struct error ignored;

	assert_int_equal(driver_timeouts_set(&world.s, &ignored), 0);
	lose();
	driver_timeout_shorten(&world.s);
	assert_int_equal(world.timeout, 1);
	assert_given();
	tick();
	assert_settled();
}

static void test_adopted_dead(void **state _unused_)
{
	struct error ignored;

	lose();
	assert_int_equal(driver_timeouts_set(&world.s, &ignored), 0);
	assert_int_equal(world.timeout, 1);
	assert_given();
	tick();
	assert_settled();
}

/* No request of a slow server has a link ended for it. */
static void test_slow_server(void **state _unused_)
{
	world.slow = true;
	lose();
	driver_timeout_shorten(&world.s);
	assert_given();
	tick();
	deferred_collect(&world.s);
	assert_int_equal(world.timeout, 0);
	assert_false(world.s.short_timeout);
	world.slow = false;
	tick();
	assert_settled();
}

static void test_no_child(void **state _unused_)
{
	lose();
	driver_timeout_shorten(&world.s);
	assert_given();
	world.no_child = true;
	tick();
	assert_int_equal(world.timeout, 0);
	world.no_child = false;
	tick();
	assert_settled();
}

static unsigned number_of(int fd, int level, int name)
{
	unsigned number = 0;
	socklen_t size = sizeof(number);

	assert_int_equal(getsockopt(fd, level, name, &number, &size), 0);
	return number;
}

/* What a link has not sent is thrown away, unless nothing is under way. */
static void test_cut(void **state _unused_)
{
	struct connection *conn = &world.s.conns[0];

	for (int idle = 0; idle <= 1; idle++) {
		struct linger linger = {0};
		socklen_t size = sizeof(linger);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		assert_true(fd >= 0);
		world.a.sockets[0] = fd;
		world.kept = true;
		conn->idle = idle;
		handover_shut_down(&world.s, conn);
		assert_false(world.kept);
		assert_int_equal(
			getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size), 0);
		assert_int_equal(linger.l_onoff, !idle);
		assert_int_equal(
			number_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), idle ? 0 : 1);
		closep(&world.a.sockets[0]);
		world.a.sockets[0] = -1;
	}
}

/* Several links, a server that is too slow again and again, and another supervisor. */
static void test_extended(void **state _unused_)
{
	static const unsigned seconds[] = {6, 12, 24, 48, 48};
	struct supervisor *s = &world.s;
	struct error ignored;

	world.a.state.n_links = 2;
	world.target.io_timeout = 3 * USEC_PER_SEC;
	world.msec = 3000;
	assert_int_equal(driver_timeouts_set(s, &ignored), 0);
	assert_int_equal(world.timeout, 3);
	for (size_t i = 0; i < ELEMENTSOF(seconds); i++) {
		driver_timeout_extend(s);
		assert_int_equal(world.timeout, seconds[i]);
		assert_true(s->progress.timeout == 2 * seconds[i] * USEC_PER_SEC);
	}
	s->request_timeout = 3 * USEC_PER_SEC;
	assert_int_equal(driver_timeouts_set(s, &ignored), 0);
	assert_int_equal(world.timeout, 48);
	assert_true(s->request_timeout == 48 * USEC_PER_SEC);
	world.msec = SHORT; /* somebody's own choice */
	assert_int_equal(driver_timeouts_set(s, &ignored), 0);
	assert_int_equal(world.timeout, 3);
}

/* A link that another process made is ended by the kernel: at once, or by the timer. */
static void test_cut_adopted(void **state _unused_)
{
	struct connection *conn = &world.s.conns[0];

	world.a.state.links[0].socket = 4711;
	assert_int_equal(handover_can_shut_down(&world.s, conn), -ENOENT);
	handover_shut_down(&world.s, conn);
	assert_int_equal(world.timeout, 1);
	world.timeout = 0;
	world.s.short_timeout = false;
	world.endable = 4711;
	assert_int_equal(handover_can_shut_down(&world.s, conn), 0);
	handover_shut_down(&world.s, conn);
	assert_true(world.ended);
	assert_int_equal(world.timeout, 0);
}

/* What NBD_ATTR_DEAD_CONN_TIMEOUT becomes with the next link. */
static uint64_t give_after(usec_t failing_for, usec_t reconnect_timeout)
{
	struct connection *conn = &world.s.conns[0];

	lose();
	conn->lost_at = world.now;
	conn->fruitless = failing_for > 0;
	conn->failing_since = world.now - failing_for;
	world.target.reconnect_timeout = reconnect_timeout;
	world.reconnect = NBD_UNSET;
	assert_given();
	return world.reconnect;
}

/* The driver would start the timeout again with each link that does not work. */
static void test_reconnect_timeout(void **state _unused_)
{
	assert_true(give_after(0, 300 * USEC_PER_SEC) == NBD_UNSET);
	assert_false(world.s.reconnect_shortened);
	assert_int_equal(give_after(100 * USEC_PER_SEC, 300 * USEC_PER_SEC), 200);
	assert_int_equal(give_after(500 * USEC_PER_SEC, 300 * USEC_PER_SEC), 1);
	assert_true(world.s.reconnect_shortened);
	driver_reconnect_timeout_restore(&world.s);
	assert_int_equal(world.reconnect, 300);
	world.reconnect = NBD_UNSET;
	driver_reconnect_timeout_restore(&world.s);
	assert_true(world.reconnect == NBD_UNSET);
	assert_int_equal(give_after(USEC_PER_SEC, 0), 0);
	assert_true(give_after(500 * USEC_PER_SEC, USEC_INFINITY) == NBD_UNSET);
}

/* Since when I/O waits for a link that works. */
static void test_waiting_since(void **state _unused_)
{
	struct connection *conns = world.s.conns;

	world.a.state.n_links = 2;
	assert_true(driver_waiting_since(&world.s) == USEC_INFINITY);
	conns[0].phase = PHASE_CONNECTING;
	conns[0].lost_at = 7;
	assert_true(driver_waiting_since(&world.s) == USEC_INFINITY);
	conns[1].fruitless = 1; /* up, like the one before */
	conns[1].failing_since = 5;
	assert_true(driver_waiting_since(&world.s) == 7);
	conns[0].fruitless = 3;
	conns[0].failing_since = 2;
	assert_true(driver_waiting_since(&world.s) == 5);
	world.a.state.n_links = 1;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_at_once, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_after_outage, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_not_marked, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_not_taken, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_died_young, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_again_before_tick, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_again_meanwhile, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_away_meanwhile, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_adopted, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_adopted_and_lost, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_adopted_dead, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_slow_server, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_no_child, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_cut, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_extended, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_cut_adopted, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_reconnect_timeout, handover_world_begin, handover_world_end),
		cmocka_unit_test_setup_teardown(
			test_waiting_since, handover_world_begin, handover_world_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
