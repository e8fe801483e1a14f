/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long the kernel's timer is for what is sent over a new link: handover.c and
 * deferred.c with a driver that keeps its timeouts as nbd_genl_reconfigure() does.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cmocka.h>

#include "attachment/claim.h"
#include "attachment/device.h"
#include "attachment/fd-store.h"
#include "attachment/state-file.h"
#include "common/fd.h"
#include "common/process.h"
#include "common/timeouts.h"
#include "supervisor/deferred.h"
#include "supervisor/driver-timeouts.h"
#include "supervisor/handover.h"

#define CHILD 4242
#define SHORT SUPERVISED_IO_TIMEOUT_MSEC
#define LONG  30000

static struct {
	usec_t now;
	uint64_t timeout; /* NBD_ATTR_TIMEOUT, seconds */
	unsigned msec;    /* queue/io_timeout */
	bool dead;        /* the driver knows that its link is */
	bool frozen;      /* nobody comes to write io_timeout */
	bool slow;        /* requests are in flight, and none is completed */
	bool no_child;
	bool kept; /* the manager has a duplicate of the link's socket */
	int r;     /* what the child returns */
	bool killed;
	usec_t flipped_for; /* how long the timeout was 1 with a link that lives */
	struct target target;
	struct attachment a;
	struct supervisor s;
} world;

usec_t deadline_now(void)
{
	return world.now;
}

usec_t deadline_after(usec_t span)
{
	return world.now + span;
}

usec_t deadline_left(usec_t deadline)
{
	return deadline > world.now ? deadline - world.now : 0;
}

static void pass(usec_t span)
{
	world.now += span;
	if (world.timeout == 1 && !world.dead)
		world.flipped_for += span;
}

int deadline_sleep(usec_t span, usec_t deadline)
{
	if (deadline_left(deadline) == 0)
		return -ETIMEDOUT;
	pass(span);
	return 0;
}

pid_t process_start(int (*work)(const void *userdata), const void *userdata)
{
	if (world.no_child)
		return -EAGAIN;
	world.r = work(userdata);
	return CHILD;
}

int process_poll(pid_t child, int *ret_result)
{
	assert_int_equal(child, CHILD);
	*ret_result = world.r;
	return world.frozen ? -EAGAIN : 0;
}

void process_kill(pid_t child)
{
	assert_int_equal(child, CHILD);
	world.killed = true;
}

int sysfs_read(_unused_ unsigned index, struct sysfs_device *ret)
{
	*ret = (struct sysfs_device){.configured = true};
	return 0;
}

int sysfs_read_io(_unused_ unsigned index, struct sysfs_io *ret)
{
	*ret = (struct sysfs_io){.completed = 7, .in_flight = world.slow};
	return 0;
}

int sysfs_io_timeout(_unused_ unsigned index, unsigned *ret_msec)
{
	*ret_msec = world.msec;
	return 0;
}

int sysfs_set_io_timeout(
	_unused_ unsigned index, unsigned msec, _unused_ struct error *err)
{
	if (!world.frozen)
		world.msec = msec;
	return 0;
}

bool attachment_is(_unused_ const struct sysfs_device *device, _unused_ const char *name)
{
	return true;
}

void attachment_backend(const char *name, char out[BACKEND_SIZE])
{
	snprintf(out, BACKEND_SIZE, "%s", name);
}

uint64_t attachment_seconds(usec_t span)
{
	return span / USEC_PER_SEC;
}

uint64_t attachment_timeout(
	_unused_ const struct target *t, unsigned links, _unused_ bool supervised)
{
	return links == 1 ? 0 : 30;
}

int state_write(_unused_ const struct claim *claim, _unused_ const struct state *state,
	_unused_ const struct target *t, _unused_ struct error *err)
{
	return 0;
}

/* Before the driver gets it. */
void encryption_begin(struct encryption *e, int fd)
{
	assert_true(fd >= 0);
	e->pending = true;
}

void fd_store_remove(_unused_ const struct attachment *a, _unused_ unsigned link)
{
	world.kept = false;
}

void state_set_tls(
	_unused_ struct state *state, _unused_ const struct server_facts *facts)
{
}

void supervisor_tell(_unused_ struct supervisor *s, _unused_ int link, const char *kind,
	_unused_ const char *format, ...)
{
	assert_string_equal(kind, "slow");
}

bool supervisor_all_up(const struct supervisor *s)
{
	return s->conns[0].phase == PHASE_UP;
}

/* The order is the driver's: the timeout first, and a link only for one that is dead. */
int nbd_netlink_reconfigure(_unused_ unsigned index, const struct nbd_settings *settings,
	_unused_ struct error *err)
{
	if (settings->timeout != NBD_UNSET) {
		world.timeout = settings->timeout;
		world.msec = world.timeout ? (unsigned)world.timeout * 1000 : LONG;
	}
	if (settings->n_fds == 0 || !world.dead)
		return 0;
	if (world.timeout > 0) {
		const struct timeval span = {.tv_sec = (time_t)world.timeout};

		setsockopt(
			settings->fds[0], SOL_SOCKET, SO_SNDTIMEO, &span, sizeof(span));
	}
	world.dead = false;
	return 0;
}

static int begin(_unused_ void **state)
{
	struct supervisor *s = &world.s;

	memset(&world, 0, sizeof(world));
	world.now = 1000 * USEC_PER_SEC;
	world.msec = SHORT;
	world.a = ATTACHMENT_NONE;
	world.a.state.n_links = 1;
	s->a = &world.a;
	s->target = &world.target;
	s->timeouts_at = s->check_at = USEC_INFINITY;
	s->conns[0] = (struct connection){.candidate = {.fd = -1}};
	return 0;
}

static int end(_unused_ void **state)
{
	closep(&world.a.sockets[0]);
	closep(&world.s.conns[0].candidate.fd);
	return 0;
}

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
	pass(world.s.timeouts_at - world.now);
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
	assert_true(world.flipped_for < USEC_PER_SEC / 2);
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

static void test_not_noted(void **state _unused_)
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
	pass(100 * USEC_PER_MSEC);
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_at_once, begin, end),
		cmocka_unit_test_setup_teardown(test_after_outage, begin, end),
		cmocka_unit_test_setup_teardown(test_not_noted, begin, end),
		cmocka_unit_test_setup_teardown(test_not_taken, begin, end),
		cmocka_unit_test_setup_teardown(test_died_young, begin, end),
		cmocka_unit_test_setup_teardown(test_again_before_tick, begin, end),
		cmocka_unit_test_setup_teardown(test_again_meanwhile, begin, end),
		cmocka_unit_test_setup_teardown(test_away_meanwhile, begin, end),
		cmocka_unit_test_setup_teardown(test_adopted, begin, end),
		cmocka_unit_test_setup_teardown(test_adopted_and_lost, begin, end),
		cmocka_unit_test_setup_teardown(test_adopted_dead, begin, end),
		cmocka_unit_test_setup_teardown(test_slow_server, begin, end),
		cmocka_unit_test_setup_teardown(test_no_child, begin, end),
		cmocka_unit_test_setup_teardown(test_cut, begin, end),
		cmocka_unit_test_setup_teardown(test_extended, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
