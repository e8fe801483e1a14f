/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a relay's end says about the server's TLS alert. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/scope.h"
#include "link/alert.h"

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

static void test_passes(_unused_ void **state)
{
	static const int alerts[] = {ALERT_CLOSE_NOTIFY, 10, 20, 22, 40, 80, 120};

	for (size_t i = 0; i < ELEMENTSOF(alerts); i++) {
		pid_t relay = relay_that_exits(alert_to_exit_code(alerts[i]));

		assert_int_equal(alert_find(-1, relay), alerts[i]);
		assert_int_equal(waitpid(relay, NULL, WNOHANG), -1);
	}
}

/* No alert, failures of the relay's own, and what only a relay that was taken over says.
 */
static void test_nothing(_unused_ void **state)
{
	static const int codes[] = {0, EXIT_FAILURE, 127, 128 + 1, 128 + 127, 255};

	for (size_t i = 0; i < ELEMENTSOF(codes); i++)
		assert_int_equal(alert_find(-1, relay_that_exits(codes[i])), -ENODATA);
	assert_int_equal(alert_to_exit_code(-ENODATA), 0);
	assert_int_equal(alert_to_exit_code(128), 0);
	assert_int_equal(alert_find(-1, 0), -ENODATA);
}

/* The driver has ended the link, the relay does not know yet: it is killed. */
static void test_still_runs(_unused_ void **state)
{
	pid_t relay = fork();

	if (relay == 0)
		for (;;)
			pause();
	assert_int_equal(alert_find(-1, relay), -ENODATA);
	assert_int_equal(kill(relay, 0), -1);
}

static void test_text(_unused_ void **state)
{
	char text[ALERT_TEXT_SIZE];

	alert_text(22, text);
	assert_string_equal(text, ": the server sent the TLS alert 22 (Record overflow)");
	alert_text(99, text);
	assert_string_equal(text, ": the server sent the TLS alert 99 (unknown)");
	alert_text(-ENODATA, text);
	assert_string_equal(text, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passes),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_still_runs),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
