/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links that come up again and again and never work, and links that only look like it. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/timeouts.h"
#include "connection-steps.h"
#include "supervisor/failing.h"

#define ERROR (world.a.state.links[0].error)

static void begin(bool tls)
{
	connection_world_begin(1);
	world.conn->completed_before = FAILING_NOT_KNOWN;
	world.a.state.tls = tls;
	world.target.tls = tls ? TLS_MODE_REQUIRE : TLS_MODE_OFF;
	world.target.data_path = DATA_PATH_AUTO;
}

/* The link has lived for `span`. */
static void lose(usec_t span)
{
	step_pass(span);
	world.calls[0] = 0;
	step_event(EVENT_LOST);
	step_event(EVENT_MARKED_DEAD);
}

static usec_t wait_for_attempt(void)
{
	usec_t since = world.now;

	while (world.conn->phase == PHASE_BACKING_OFF)
		step_pass(world.conn->timer - world.now);
	return world.now - since;
}

static void waits_for_attempt(usec_t least, usec_t most)
{
	usec_t waited = wait_for_attempt();

	if (waited < least || waited > most)
		fail_msg("%" PRIu64 " µs", waited);
}

static void restore(void)
{
	(void)wait_for_attempt();
	step_pass(MARKED_DEAD_DELAY);
	step_answer(GOOD);
	assert_int_equal(world.conn->phase, PHASE_UP);
}

/* That many links, each of which is lost after a tenth of a second. */
static void lose_links(unsigned n, unsigned completed)
{
	for (unsigned i = 0; i < n; i++) {
		world.io.completed += completed;
		lose(100 * USEC_PER_MSEC);
		restore();
	}
}

static bool told(const char *kind)
{
	return strstr(world.calls, kind);
}

static void check(void)
{
	world.s.check_at = USEC_INFINITY;
	world.calls[0] = 0;
	failing_check(&world.s, &world.io, world.now);
}

static void test_reported_once(void **state _unused_)
{
	begin(false);
	lose(USEC_PER_SEC); /* it was up before */
	restore();
	lose_links(LINKS_FAILING_MIN - 2, 0);
	assert_string_equal(ERROR, "");
	lose(100 * USEC_PER_MSEC);
	assert_true(told("tell:lost") && !told("tell:failing"));
	restore();
	lose(100 * USEC_PER_MSEC);
	assert_true(told("tell:failing"));
	assert_non_null(strstr(ERROR, "5 connections in a row ended before a request"));
	restore();
	assert_false(told("tell:restored"));
	assert_int_not_equal(ERROR[0], 0); /* whenever `status` asks */
	lose(100 * USEC_PER_MSEC);
	assert_false(told("tell:"));
	assert_non_null(strstr(ERROR, "6 connections"));
	connection_world_end();
}

static void test_backs_off(void **state _unused_)
{
	begin(false);
	lose_links(1 + LINKS_FAILING_MIN + 8, 0);
	lose(100 * USEC_PER_MSEC);
	/* or requests would not see the reconnect timeout */
	assert_true(told("shorten"));
	waits_for_attempt(7 * USEC_PER_SEC, 10 * USEC_PER_SEC);
	connection_world_end();
}

static void test_works_again(void **state _unused_)
{
	begin(false);
	lose_links(1 + LINKS_FAILING_MIN, 0);
	world.s.reconnect_shortened = true;
	check();
	assert_string_equal(world.calls, "");
	assert_true(world.s.check_at <= world.now + PROGRESS_CHECK_MIN);
	/* that counts for the reconnect timeout at once … */
	world.io.completed++;
	check();
	assert_string_equal(world.calls, "restore");
	assert_int_equal(world.conn->fruitless, 0);
	assert_int_not_equal(ERROR[0], 0);
	/* … and is reported when it has lasted */
	step_pass(LINK_STABLE_AFTER);
	check();
	assert_string_equal(world.calls, "tell:restored");
	assert_string_equal(ERROR, "");
	check();
	assert_string_equal(world.calls, "");
	lose(0);
	assert_true(told("tell:lost start"));
	connection_world_end();
}

/* A proxy ends idle links: no request waits. */
static void test_idle(void **state _unused_)
{
	begin(false);
	world.io.in_flight = 0;
	world.s.progress.last = world.io;
	for (unsigned i = 0; i < 2 * LINKS_FAILING_MIN; i++) {
		lose(60 * USEC_PER_SEC);
		assert_true(told("start") && !told("tell:failing"));
		assert_int_equal(world.conn->fruitless, 0);
		restore();
	}
	connection_world_end();
}

/* Links that carry requests for a while may end as often as they like. */
static void test_cut_under_load(void **state _unused_)
{
	begin(false);
	for (unsigned i = 0; i < 2 * LINKS_FAILING_MIN; i++) {
		world.io.completed += 10;
		lose(LINK_STABLE_AFTER);
		assert_true(told("tell:lost start"));
		restore();
	}
	assert_false(world.conn->failing);
	connection_world_end();
}

/* One request ends each link, others are completed: reported, and retried as soon as. */
static void test_one_request(void **state _unused_)
{
	begin(false);
	lose_links(LINKS_FAILING_MIN, 1);
	world.io.completed++;
	lose(100 * USEC_PER_MSEC);
	assert_true(told("tell:failing"));
	assert_non_null(strstr(ERROR, "ended within 3 s"));
	assert_int_equal(world.conn->fruitless, 0);
	waits_for_attempt(0, BACKOFF_FLAPPING_MAX * 5 / 4);
	connection_world_end();
}

static void test_alert(void **state _unused_)
{
	begin(true);
	world.target.data_path = DATA_PATH_KERNEL;
	world.alert = 22;
	lose_links(1 + LINKS_FAILING_MIN, 0);
	assert_non_null(strstr(ERROR, ": alert 22"));
	assert_string_equal(world.a.state.relay, "");
	connection_world_end();
}

static void test_relay_helps(void **state _unused_)
{
	begin(true);
	lose_links(LINKS_FAILING_MIN, 0);
	assert_string_equal(world.a.state.relay, "");
	lose(100 * USEC_PER_MSEC);
	assert_true(told("tell:failing tell:relay"));
	assert_string_equal(world.a.state.relay, ERROR);
	waits_for_attempt(0, 125 * USEC_PER_MSEC);
	restore();
	world.io.completed++;
	step_pass(LINK_STABLE_AFTER);
	check();
	assert_true(told("tell:restored"));
	assert_int_not_equal(world.a.state.relay[0], 0);
	/* the server may have been replaced by then */
	lose(USEC_PER_SEC);
	assert_true(told("tell:no-relay"));
	assert_string_equal(world.a.state.relay, "");
	connection_world_end();
}

static void test_relay_does_not_help(void **state _unused_)
{
	begin(true);
	lose_links(1 + LINKS_FAILING_MIN, 0);
	assert_int_not_equal(world.a.state.relay[0], 0);
	lose_links(LINKS_FAILING_MIN - 1, 0);
	assert_int_not_equal(world.a.state.relay[0], 0);
	lose(100 * USEC_PER_MSEC);
	assert_true(told("tell:no-relay"));
	assert_string_equal(world.a.state.relay, "");
	restore();
	lose_links(2 * LINKS_FAILING_MIN, 0);
	assert_string_equal(world.a.state.relay, "");
	/* once it has worked, counting starts again */
	world.io.completed++;
	step_pass(LINK_STABLE_AFTER);
	check();
	lose_links(1 + LINKS_FAILING_MIN, 0);
	assert_int_not_equal(world.a.state.relay[0], 0);
	connection_world_end();
}

static void lose_and_try(unsigned fruitless, unsigned turn)
{
	lose(100 * USEC_PER_MSEC);
	assert_int_equal(world.conn->fruitless, fruitless);
	(void)wait_for_attempt();
	assert_false(world.conn->attempt.choice.only);
	if (world.conn->attempt.choice.turn != turn)
		fail_msg("after %u links: turn %u", fruitless,
			world.conn->attempt.choice.turn);
	restore();
}

/* Another address of the name may have a server that works. */
static void test_another_address(void **state _unused_)
{
	begin(false);
	lose(USEC_PER_SEC); /* it was up before */
	restore();
	for (unsigned i = 1; i <= 2 * LINKS_FAILING_MIN; i++)
		lose_and_try(i, i % LINKS_FAILING_MIN == 0);
	connection_world_end();
}

/* Another link would keep it there, although nothing works over that one either. */
static void test_another_address_for_several(void **state _unused_)
{
	struct connection *other;

	connection_world_begin(2);
	world.target.tls = TLS_MODE_OFF;
	world.conn->completed_before = FAILING_NOT_KNOWN;
	other = &world.s.conns[0];
	other->completed_before = FAILING_NOT_KNOWN;
	lose(USEC_PER_SEC);
	restore();
	lose_links(LINKS_FAILING_MIN - 1, 0);
	assert_false(told("shutdown"));
	lose(100 * USEC_PER_MSEC);
	assert_true(told("shutdown"));
	world.conn = other;
	step_event(EVENT_LOST);
	assert_false(other->timed_out);
	assert_false(other->attempt.choice.only);
	assert_int_equal(other->attempt.choice.turn, 1);
	connection_world_end();
}

/* … but first a relay is tried with the one that there is. */
static void test_relay_then_another_address(void **state _unused_)
{
	begin(true);
	lose(USEC_PER_SEC);
	restore();
	for (unsigned i = 1; i <= 2 * LINKS_FAILING_MIN; i++)
		lose_and_try(i, i == 2 * LINKS_FAILING_MIN);
	connection_world_end();
}

static int give_up(struct error *err)
{
	*err = (struct error){0};
	return failing_give_up(&world.s, err);
}

static void begin_new(bool tls, unsigned links)
{
	begin(tls);
	world.a.state.n_links = links;
	world.s.bring_up.child = 1;
	snprintf(world.a.state.server, sizeof(world.a.state.server), "nas:10809");
	failing_begin(&world.s, world.conn);
}

/* A disk that is being attached is given up when another address was tried, too. */
static void test_new_device(void **state _unused_)
{
	struct error err;

	begin_new(false, 1);
	lose_links(2 * LINKS_FAILING_MIN - 1, 0);
	assert_int_equal(give_up(&err), 0);
	lose(100 * USEC_PER_MSEC);
	assert_int_equal(give_up(&err), -ECONNABORTED);
	assert_int_equal(err.fault, FAULT_UNREACHED);
	assert_string_equal(err.text,
		"cannot read from nas:10809: 10 connections in a row ended before a request was "
		"completed");
	restore();
	world.io.completed++; /* this one works */
	check();
	assert_int_equal(give_up(&err), 0);
	connection_world_end();
}

/* … or a relay, which gets as much time as the kernel. */
static void test_new_device_by_relay(void **state _unused_)
{
	struct error err;

	begin_new(true, 1);
	world.alert = 22;
	lose_links(LINKS_FAILING_MIN, 0);
	assert_int_not_equal(world.a.state.relay[0], 0);
	assert_true(world.now - world.s.bring_up.progress.since <= USEC_PER_SEC);
	lose_links(LINKS_FAILING_MIN - 1, 0);
	assert_int_equal(give_up(&err), 0);
	lose(100 * USEC_PER_MSEC);
	assert_int_equal(give_up(&err), -ECONNABORTED);
	assert_int_equal(err.fault, FAULT_TLS);
	assert_non_null(strstr(err.text, "was completed: alert 22"));
	connection_world_end();
}

/* With several links each of them takes long to fail. */
static void test_new_device_with_several_links(void **state _unused_)
{
	struct error err;

	begin_new(true, 2);
	lose_links(LINKS_FAILING_MIN_SLOW, 0);
	assert_int_not_equal(world.a.state.relay[0], 0);
	lose_links(LINKS_FAILING_MIN_SLOW - 1, 0);
	assert_int_equal(give_up(&err), 0);
	lose(100 * USEC_PER_MSEC);
	assert_int_equal(give_up(&err), -ECONNABORTED);
	connection_world_end();
}

/* What the end of --io-timeout says of the links before it. */
static void test_reason(void **state _unused_)
{
	char why[ERROR_TEXT_SIZE];

	begin_new(false, 1);
	failing_reason(&world.s, why);
	assert_string_equal(why, "");
	lose_links(1, 0);
	failing_reason(&world.s, why);
	assert_string_equal(why, "a connection ended before a request was completed");
	lose_links(1, 0);
	failing_reason(&world.s, why);
	assert_string_equal(
		why, "2 connections in a row ended before a request was completed");
	snprintf(ERROR, sizeof(ERROR), "nobody is there");
	failing_reason(&world.s, why);
	assert_string_equal(why, "nobody is there");
	connection_world_end();
}

/* If the counters cannot be read, the link counts as one that worked. */
static void test_blind(void **state _unused_)
{
	begin(false);
	world.blind = true;
	for (unsigned i = 0; i < 2 * LINKS_FAILING_MIN; i++) {
		lose(LINK_STABLE_AFTER);
		restore();
	}
	assert_false(world.conn->failing);
	connection_world_end();
}

/* Planned replacements are no failures. */
static void test_replaced(void **state _unused_)
{
	begin(false);
	for (unsigned i = 0; i < 2 * LINKS_FAILING_MIN; i++) {
		world.calls[0] = 0;
		step_pass(LINK_STABLE_AFTER);
		step_event(EVENT_RENEW);
		step_answer(GOOD);
		step_pass(DRAIN_TIMEOUT);
		step_event(EVENT_LOST);
		step_event(EVENT_MARKED_DEAD);
		step_pass(MARKED_DEAD_DELAY);
		assert_int_equal(world.conn->phase, PHASE_UP);
	}
	assert_int_equal(world.conn->fruitless, 0);
	assert_false(world.conn->failing);
	connection_world_end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reported_once),
		cmocka_unit_test(test_backs_off),
		cmocka_unit_test(test_works_again),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_cut_under_load),
		cmocka_unit_test(test_one_request),
		cmocka_unit_test(test_alert),
		cmocka_unit_test(test_relay_helps),
		cmocka_unit_test(test_relay_does_not_help),
		cmocka_unit_test(test_another_address),
		cmocka_unit_test(test_another_address_for_several),
		cmocka_unit_test(test_relay_then_another_address),
		cmocka_unit_test(test_new_device),
		cmocka_unit_test(test_new_device_by_relay),
		cmocka_unit_test(test_new_device_with_several_links),
		cmocka_unit_test(test_reason),
		cmocka_unit_test(test_blind),
		cmocka_unit_test(test_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
