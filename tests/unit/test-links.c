/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last look at the links before the kernel gets them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/scope.h"
#include "link/link-end.h"
#include "link/links.h"

/* Two links, and what the server does on the second. */
struct scene {
	struct links links;
	int servers[2];
};

static int set_up(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	for (size_t i = 0; i < ELEMENTSOF(s->servers); i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			return -1;
		strcpy(s->links.list[s->links.n].address, "192.0.2.7:10809");
		s->links.list[s->links.n++].fd = pair[0];
		s->servers[i] = pair[1];
	}
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	links_done(&s->links);
	for (size_t i = 0; i < ELEMENTSOF(s->servers); i++)
		closep(&s->servers[i]);
	free(s);
	return 0;
}

static void test_silent(void **state)
{
	struct scene *s = *state;
	struct error err = {0};

	assert_int_equal(links_check(&s->links, &err), 0);
	assert_int_equal(err.fault, FAULT_NONE);
}

static void test_byte(void **state)
{
	struct scene *s = *state;
	struct error err = {0};

	assert_int_equal(write(s->servers[1], "!", 1), 1);
	assert_int_equal(links_check(&s->links, &err), -EPROTO);
	assert_int_equal(err.fault, FAULT_PROTOCOL);
	assert_string_equal(
		err.text, "192.0.2.7:10809 sent unexpected data after its last reply");
	assert_int_equal(recv(s->links.list[1].fd, (char[1]){0}, 1, MSG_DONTWAIT), 1);
}

/* A byte before it or not: it is gone, which may be no fault of the server's program. */
static void test_end(void **state)
{
	struct scene *s = *state;
	struct error err = {0};

	assert_int_equal(write(s->servers[1], "!", 1), 1);
	assert_int_equal(shutdown(s->servers[1], SHUT_WR), 0);
	assert_int_equal(links_check(&s->links, &err), -ECONNRESET);
	assert_int_equal(err.fault, FAULT_UNREACHED);
	assert_string_equal(err.text,
		"192.0.2.7:10809 closed the connection right after the negotiation: try again");
}

/* A relay has heard an alert, and ended. */
static void test_alert(void **state)
{
	struct scene *s = *state;
	struct error err = {0};
	siginfo_t info;
	pid_t relay = fork();

	if (relay == 0)
		_exit(link_end_exit_code(-ECONNRESET, 42));
	assert_int_equal(waitid(P_PID, (id_t)relay, &info, WEXITED | WNOWAIT), 0);
	s->links.list[1].relay = relay;
	assert_int_equal(shutdown(s->servers[1], SHUT_WR), 0);
	assert_int_equal(links_check(&s->links, &err), -EPROTO);
	assert_int_equal(err.fault, FAULT_TLS);
	assert_string_equal(err.text,
		"192.0.2.7:10809 ended TLS right after the negotiation: the server sent the "
		"TLS alert 42 (Certificate is bad)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_silent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_byte, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_alert, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("links", tests, NULL, NULL);
}
