/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What attempts to reach a server cost: processes, and what prepares them, are counted. A
 * connector stays for the next attempt, and a worker is started for a connection only.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

/* Of all processes: in memory that they share. */
static struct counts {
	atomic_uint filters, users;
} * counts;

void *__real_seccomp_init(uint32_t otherwise);
void *__wrap_seccomp_init(uint32_t otherwise);

void *__wrap_seccomp_init(uint32_t otherwise)
{
	counts->filters++;
	return __real_seccomp_init(otherwise);
}

struct passwd *__real_getpwnam(const char *name);
struct passwd *__wrap_getpwnam(const char *name);

struct passwd *__wrap_getpwnam(const char *name)
{
	counts->users++;
	return __real_getpwnam(name);
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

/* Filters are compiled once, however many processes get them, and the user looked up. */
static void test_prepared_once(void **state _unused_)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(address);
	_cleanup_target_ struct target refused;
	struct link link;
	struct error err;
	char uri[64];

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	snprintf(uri, sizeof(uri), "nbd://127.0.0.1:%u/", ntohs(address.sin_port));
	target_init(&refused);
	assert_int_equal(target_parse_uri(&refused, uri, &err), 0);
	assert_int_equal(target_check(&refused, &err), 0);
	world.misdeed = succeed;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(
			link_attempt_start(&refused, NULL, NULL, 0, &attempt, &err), 0);
		await();
		assert_int_equal(
			link_attempt_finish(&attempt, &link, &err), -ECONNREFUSED);
		link_attempt_cancel(&attempt);
		assert_int_equal(link_info(&world.target, NULL, &link, &err), 0);
	}
	assert_int_equal(counts->filters, 2); /* a connector's, and one for questions */
	assert_int_equal(counts->users, geteuid() == 0);
	close(fd);
}

static int begin(void **state)
{
	struct error err;
	char uri[128];

	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		return -1;
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
		cmocka_unit_test(test_prepared_once),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_back),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
