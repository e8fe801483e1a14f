/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What attempts to reach a server that is away cost: processes are counted. A connector
 * stays for the next attempt, and a worker is started for a connection only.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/process.h"
#include "sandbox-world.h"

#define ATTEMPTS 250

static char folder[] = "/tmp/test-attempts.XXXXXX";
static struct target away;
static struct link_attempt attempt;
static unsigned n_forks;

pid_t __real_fork(void);
pid_t __wrap_fork(void);

pid_t __wrap_fork(void)
{
	n_forks++;
	return __real_fork();
}

static void await(void)
{
	struct pollfd fds[] = {{attempt.socket, POLLIN, 0},
		{attempt.pid == 0 ? attempt.connected : -1, POLLIN, 0}};

	assert_true(deadline_poll(fds, 2, attempt.deadline) > 0);
}

/* As the supervisor makes it. */
static int try_link(unsigned how, struct link *link, struct error *err)
{
	int r = link_attempt_start(&away, NULL, NULL, how, &attempt, err);

	*err = (struct error){0};
	link->fd = -1;
	assert_int_equal(r, 0);
	assert_int_equal(attempt.pid, 0);
	await();
	if (link_attempt_proceed(&attempt, NULL))
		await();
	assert_false(link_attempt_proceed(&attempt, NULL));
	r = link_attempt_finish(&attempt, link, err);
	assert_false(attempt.under_way);
	return r;
}

static void fails(unsigned how)
{
	struct link link;
	struct error err;

	assert_int_equal(try_link(how, &link, &err), -ENOENT);
	assert_int_equal(err.fault, FAULT_UNREACHED);
	assert_string_equal(link.address, "");
}

/* With one process for a hundred attempts, and no other. */
static void test_away(void **state _unused_)
{
	n_forks = 0;
	for (unsigned i = 0; i < ATTEMPTS; i++)
		fails(0);
	assert_int_equal(n_forks, (ATTEMPTS + 99) / 100);
}

/* One that has died is replaced, and one that dies meanwhile makes an attempt fail. */
static void test_killed(void **state _unused_)
{
	struct link link;
	struct error err;

	fails(0);
	process_kill(attempt.connector);
	n_forks = 0;
	fails(0);
	assert_int_equal(n_forks, 1);
	kill(attempt.connector, SIGSTOP);
	assert_int_equal(link_attempt_start(&away, NULL, NULL, 0, &attempt, &err), 0);
	assert_int_equal(n_forks, 1);
	process_kill(attempt.connector);
	await();
	assert_false(link_attempt_proceed(&attempt, NULL));
	assert_int_equal(link_attempt_finish(&attempt, &link, &err), -ECHILD);
	assert_string_equal(err.text, "the connector exited without a report");
	fails(0);
}

/* Not for a relay, whose sockets it does not have; and then not without one. */
static void test_relay(void **state _unused_)
{
	fails(0);
	n_forks = 0;
	fails(LINK_RELAY);
	fails(LINK_RELAY);
	assert_int_equal(n_forks, 1);
	fails(0);
	assert_int_equal(n_forks, 2);
}

/* The same connector reaches the server once it is there, for a worker of that moment. */
static void test_back(void **state _unused_)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct link link;
	struct error err;

	world.misdeed = succeed;
	strcpy(address.sun_path, away.socket);
	fails(0);
	n_forks = 0;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1000), 0);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(try_link(0, &link, &err), 0);
		/* the first one's connector is there; then both are new */
		assert_int_equal(n_forks, 1 + 2 * i);
		assert_int_equal(attempt.connector, 0);
		link_done(&link);
	}
	close(fd);
	unlink(away.socket);
}

static int begin(void **state)
{
	struct error err;
	char uri[128];

	if (sandbox_world_begin(state) < 0 || !mkdtemp(folder))
		return -1;
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s/socket", folder);
	attempt = LINK_ATTEMPT_NONE;
	target_init(&away);
	return target_parse_uri(&away, uri, &err) < 0 || target_check(&away, &err) < 0;
}

static int end(void **state)
{
	link_attempt_cancel(&attempt);
	target_done(&away);
	rmdir(folder);
	return sandbox_world_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_back),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
