/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A worker or connector that was taken over must reach nothing but the descriptors that
 * it was given.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "link/isolation.h"
#include "link/sandbox.h"
#include "sandbox-world.h"
#include "villain.h"

#define MANY_FDS 200

static void look_around(char *told)
{
	struct pollfd fds[MANY_FDS];
	unsigned n = 0;

	for (int i = 0; i < MANY_FDS; i++)
		fds[i] = (struct pollfd){.fd = i};
	poll(fds, MANY_FDS, 0);
	for (int i = 0; i < MANY_FDS; i++)
		if (!(fds[i].revents & POLLNVAL))
			n |= i > SERVER ? ~0U : 1U << i;
	if (n != (1 << (SERVER + 1)) - 1)
		tell(told, "descriptors");
}

/* It cannot even ask who it is; its parent looks, while it waits for a word. */
static void be_root(char *told)
{
	char word;

	if (syscall(SYS_geteuid) >= 0)
		tell(told, "geteuid");
	/* and takes it: a word that is left would reset the socket, and the report with
	 * it */
	(void)!read(REPORTS, &word, sizeof(word));
}

static void test_kernel(void **state _unused_)
{
	achieves_nothing(call_kernel);
}

/* On i386 and s390x, too, where the C library would use socketcall(2). */
static void test_encryption(void **state _unused_)
{
	struct link link = {.fd = -1};
	struct error err = {0};

	world.misdeed = use_encryption;
	assert_int_equal(link_open(&world.target, NULL, NULL, 0, &link, &err), -EACCES);
	assert_string_equal(err.text, "achieved:");
}

static void test_memory(void **state _unused_)
{
	achieves_nothing(hoard);
}

static void test_descriptors(void **state _unused_)
{
	int extra = open("/etc/passwd", O_RDONLY); /* without close-on-exec */

	achieves_nothing(look_around);
	close(extra);
}

/* How many of the lines of /proc/PID/status are those of a process that may do nothing.
 */
static unsigned count_harmless(pid_t pid)
{
	static const char *const none[] = {"CapInh", "CapPrm", "CapEff", "CapAmb"};
	char path[64], line[256];
	unsigned n = 0, a, b, c, d;
	unsigned long long mask;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Uid: %u %u %u %u", &a, &b, &c, &d) == 4 ||
			sscanf(line, "Gid: %u %u %u %u", &a, &b, &c, &d) == 4)
			n += geteuid() != 0 || (a && b && c && d);
		for (size_t i = 0; i < ELEMENTSOF(none); i++)
			n += strncmp(line, none[i], strlen(none[i])) == 0 &&
				sscanf(line, "%*s %llx", &mask) == 1 && mask == 0;
		n += strcmp(line, "NoNewPrivs:\t1\n") == 0;
		n += strcmp(line, "Seccomp:\t2\n") == 0;
	}
	fclose(f);
	return n;
}

/* Of processor time; 0: none. */
static unsigned seconds_limit(pid_t pid)
{
	char path[64], line[256];
	unsigned seconds = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		(void)sscanf(line, "Max cpu time %u", &seconds);
	fclose(f);
	return seconds;
}

static void test_privileges(void **state _unused_)
{
	struct link_attempt attempt = LINK_ATTEMPT_NONE;
	struct link link = {.fd = -1};
	struct error err = {0};
	unsigned n = 0;

	world.misdeed = be_root;
	assert_int_equal(
		link_attempt_start(&world.target, NULL, NULL, 0, &attempt, &err), 0);
	/* the connector may have left since */
	assert_true(deadline_wait(attempt.connected, POLLIN, attempt.deadline) > 0);
	assert_true(link_attempt_proceed(&attempt, NULL));
	for (unsigned i = 0; n < 8 && i < 1000; i++) {
		usleep(10000); /* until it is in its sandbox */
		n = count_harmless(attempt.pid);
	}
	assert_int_equal(n, 8);
	n = seconds_limit(attempt.pid);
	assert_true(n >= 1);
	assert_true(n <= SANDBOX_PATIENCE / USEC_PER_SEC);
	send(attempt.socket, "", 1, MSG_NOSIGNAL);
	assert_int_equal(link_attempt_finish(&attempt, &link, &err), -EACCES);
	assert_string_equal(err.text, "achieved:");
}

static void test_connector(void **state _unused_)
{
	struct credentials c = {.psk_key = {strdup(SECRET), strlen(SECRET)}};
	struct link link = {.fd = -1};
	struct error err = {0};

	world.misdeed = succeed;
	world.secret = c.psk_key.data;
	assert_int_equal(link_info(&world.target, &c, &link, &err), 0);
	assert_memory_equal(c.psk_key.data, SECRET, strlen(SECRET));
	world.secret = NULL;
	credentials_done(&c);
}

/* On its way to a server that has a name; a unix socket's has nobody to ask. */
static void tells_nothing(void (*what)(char *))
{
	_cleanup_target_ struct target named;
	struct link link = {.fd = -1};
	struct error err = {0};

	target_init(&named);
	assert_int_equal(target_parse_uri(&named, "nbd://localhost/", &err), 0);
	assert_int_equal(target_check(&named, &err), 0);
	named.connect_timeout = SANDBOX_PATIENCE;
	world.on_the_way = what;
	assert_int_equal(link_info(&named, NULL, &link, &err), -EACCES);
	world.on_the_way = NULL;
	assert_string_equal(err.text, "told:");
}

static void test_names(void **state _unused_)
{
	tells_nothing(call_for_names);
	tells_nothing(use_names);
}

#if defined(__x86_64__)
static void is_killed(void (*what)(char *))
{
	struct link link = {.fd = -1};
	struct error err = {0};

	world.misdeed = what;
	assert_int_equal(link_info(&world.target, NULL, &link, &err), -ECHILD);
	assert_string_equal(
		err.text, "the link worker died of signal 31 (Bad system call)");
}

/* Numbers that mean something else there. */
static void test_other_abis(void **state _unused_)
{
	is_killed(call_i386);
	is_killed(call_x32);
}
#endif

/* In a child: goes behind the second barriers, without the first, and tries. */
static _Noreturn void try_walls(int port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = (in_port_t)port,
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd, failed = 0;

	isolation_leave_network();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	/* in the empty network even this host is down */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		failed |= 1;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	isolation_restrict_self();
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1U) >= 1 &&
		(open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES))
		failed |= 2;
	_exit(failed);
}

static bool may_have_network(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(unshare(CLONE_NEWNET) < 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return geteuid() == 0 && status == 0;
}

static void test_walls(void **state _unused_)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	_cleanup_close_ int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int status;
	pid_t child;

	assert_int_equal(bind(server, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&address, &size), 0);
	isolation_prepare();
	child = fork();
	if (child == 0)
		try_walls(address.sin_port);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!may_have_network())
		status &= ~(1 << 8);
	assert_int_equal(status, 0);
}

/* ---- a root that may do little, as in some containers ---- */

static void give_up(unsigned capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, sets) < 0)
		_exit(2);
	sets[0].effective &= ~(1U << capability);
	sets[0].permitted &= ~(1U << capability);
	if (syscall(SYS_capset, &header, sets) < 0)
		_exit(2);
}

static int drop_privileges(struct error *err)
{
	give_up(CAP_SETGID);
	return sandbox_drop_privileges(err);
}

static int lock_memory(struct error *err)
{
	const struct rlimit nothing = {0};

	setrlimit(RLIMIT_MEMLOCK, &nothing);
	give_up(CAP_IPC_LOCK);
	give_up(CAP_SYS_RESOURCE);
	if (mlockall(MCL_CURRENT) == 0) /* a sanitizer says so, too */
		_exit(0);
	return sandbox_prepare_relay(err);
}

/* In a child, which stays as it was made. */
static void assert_fails(int (*what)(struct error *), const char *says)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct error err = {0};

		_exit(what(&err) == 0 || strcmp(err.text, says) != 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_weak_root(void **state _unused_)
{
	if (geteuid() != 0)
		skip();
	assert_fails(
		drop_privileges, "cannot give up privileges: Operation not permitted");
	assert_fails(
		lock_memory, "cannot lock the relay's memory: Operation not permitted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_encryption),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_privileges),
		cmocka_unit_test(test_connector),
		cmocka_unit_test(test_names),
#if defined(__x86_64__)
		cmocka_unit_test(test_other_abis),
#endif
		cmocka_unit_test(test_walls),
		cmocka_unit_test(test_weak_root),
	};

	return cmocka_run_group_tests(tests, sandbox_world_begin, sandbox_world_end);
}
