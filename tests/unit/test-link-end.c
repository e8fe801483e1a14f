/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a link has ended, by its socket or by its relay's exit code. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/deadline.h"
#include "common/fd.h"
#include "common/scope.h"
#include "common/timeouts.h"
#include "link/link-end.h"

/* A relay that exits with this code. */
static pid_t relay_that_exits(int code)
{
	pid_t pid = fork();
	siginfo_t info;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(code);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	return pid;
}

static void test_alerts(_unused_ void **state)
{
	static const int alerts[] = {ALERT_CLOSE_NOTIFY, 10, 20, 22, 40, 80, 120};

	for (size_t i = 0; i < ELEMENTSOF(alerts); i++) {
		pid_t relay =
			relay_that_exits(link_end_exit_code(-ECONNRESET, alerts[i]));
		struct link_end end = link_end_find(-1, relay);

		assert_int_equal(end.alert, alerts[i]);
		assert_true(end.by_server);
		assert_int_equal(waitpid(relay, NULL, WNOHANG), -1);
	}
}

static void assert_no_alert(int code, bool by_server)
{
	struct link_end end = link_end_find(-1, relay_that_exits(code));

	assert_int_equal(end.alert, -ENODATA);
	assert_int_equal(end.by_server, by_server);
}

/* No alert, failures of the relay's own, and what only a relay that was taken over says.
 */
static void test_no_alerts(_unused_ void **state)
{
	static const int codes[] = {0, EXIT_FAILURE, 127, 128 + 1, 128 + 127, 255};

	for (size_t i = 0; i < ELEMENTSOF(codes); i++)
		assert_no_alert(codes[i], false);
	assert_no_alert(link_end_exit_code(0, -ENODATA), false);
	assert_no_alert(link_end_exit_code(-EPIPE, -ENODATA), false);
	assert_no_alert(link_end_exit_code(-ECONNRESET, -ENODATA), true);
	assert_no_alert(link_end_exit_code(-EPROTO, 128), true);
}

/* The driver has ended the link, the relay does not know yet: it is killed. */
static void test_still_runs(_unused_ void **state)
{
	struct link_end end;
	pid_t relay = fork();

	if (relay == 0)
		for (;;)
			pause();
	end = link_end_find(-1, relay);
	assert_int_equal(end.alert, -ENODATA);
	assert_false(end.by_server);
	assert_int_equal(kill(relay, 0), -1);
}

static void test_text(_unused_ void **state)
{
	char text[ALERT_TEXT_SIZE];

	link_end_text(22, text);
	assert_string_equal(text, ": the server sent the TLS alert 22 (Record overflow)");
	link_end_text(99, text);
	assert_string_equal(text, ": the server sent the TLS alert 99 (unknown)");
	link_end_text(-ENODATA, text);
	assert_string_equal(text, "");
}

static void connect_ends(int ends[2])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
		listen(listener, 1) < 0 ||
		getsockname(listener, (struct sockaddr *)&address, &size) < 0) {
		closep(&listener);
		skip(); /* no such network here */
	}
	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(ends[0], (struct sockaddr *)&address, size), 0);
	ends[1] = accept(listener, NULL, NULL);
	assert_true(ends[1] >= 0);
	closep(&listener);
}

enum end {
	NOBODY,
	THIS_SIDE,
	THIS_SIDE_LONG_AFTER,
	SERVER,
	SERVER_THEN_THIS_SIDE,
	RESET
};

/* A request is sent, and then: */
static void end(int ends[2], enum end how)
{
	const struct linger reset = {.l_onoff = 1};

	assert_int_equal(write(ends[0], "request", 7), 7);
	switch (how) {
	case NOBODY: return;
	case THIS_SIDE_LONG_AFTER:
		usleep(LINK_RESET_WITHIN + 100 * USEC_PER_MSEC);
		shutdown(ends[0], SHUT_RDWR);
		closep(&ends[1]); /* at once */
		break;
	case THIS_SIDE: shutdown(ends[0], SHUT_RDWR); return;
	case RESET:
		setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		closep(&ends[1]);
		break;
	case SERVER:
	case SERVER_THEN_THIS_SIDE:
		shutdown(ends[1], SHUT_WR);
		deadline_wait(ends[0], POLLRDHUP, deadline_after(USEC_PER_SEC));
		if (how == SERVER_THEN_THIS_SIDE)
			shutdown(ends[0], SHUT_RDWR);
		return;
	}
	ends[1] = -1;
	deadline_wait(ends[0], POLLHUP, deadline_after(USEC_PER_SEC));
}

static void test_who_has_ended_it(_unused_ void **state)
{
	static const bool by_server[] = {
		[SERVER] = true, [SERVER_THEN_THIS_SIDE] = true, [RESET] = true};

	for (enum end how = NOBODY; how <= RESET; how++) {
		int ends[2];

		connect_ends(ends);
		end(ends, how);
		if (link_end_find(ends[0], 0).by_server != by_server[how])
			fail_msg("end %d", how);
		closep(&ends[0]);
		closep(&ends[1]);
	}
	assert_false(link_end_find(-1, 0).by_server);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alerts),
		cmocka_unit_test(test_no_alerts),
		cmocka_unit_test(test_still_runs),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_who_has_ended_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
