/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link worker that a server has taken over. The linker puts our negotiation in place of
 * the real one, so that what runs in the real worker, in its real cage, is a villain: it
 * must reach nothing but the descriptors that it was given, and whatever it reports, its
 * parent must neither believe nor lose anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fd.h"
#include "session/link.h"
#include "villain.h"

#define REPORTS 3 /* a worker's descriptor for them */

#define MANY_FDS 200

/* What it does, and the socket that it connects to; set before it is forked. */
static void (*misdeed)(char *told);
static char server_path[] = "/tmp/test-cage.XXXXXX/socket";
static struct target target;

int __wrap_negotiate_info(struct negotiation *, const struct tls_credentials *,
	struct server_facts *, struct error *);
int __wrap_negotiate_go(struct negotiation *, const struct tls_credentials *,
	struct server_facts *, struct error *);
int __wrap_negotiate_list(struct negotiation *, const struct tls_credentials *,
	opt_list_fn, void *, struct server_facts *, struct error *);

int __wrap_connect_server(const struct target *, usec_t, int *, char *, struct error *);
int __real_connect_server(const struct target *, usec_t, int *, char *, struct error *);

/* Tells what it achieved by the error's text; without a word it failed. */
int __wrap_negotiate_info(_unused_ struct negotiation *n,
	_unused_ const struct tls_credentials *credentials,
	_unused_ struct server_facts *ret, struct error *err)
{
	char told[ERROR_TEXT_SIZE / 2] = "";

	misdeed(told);
	return error_set(err, FAULT_REFUSED, -EACCES, "achieved:%s", told);
}

int __wrap_negotiate_go(struct negotiation *n, const struct tls_credentials *credentials,
	struct server_facts *ret, struct error *err)
{
	return __wrap_negotiate_info(n, credentials, ret, err);
}

int __wrap_negotiate_list(struct negotiation *n,
	const struct tls_credentials *credentials, _unused_ opt_list_fn fn,
	_unused_ void *userdata, struct server_facts *ret, struct error *err)
{
	return __wrap_negotiate_info(n, credentials, ret, err);
}

/* A name service may leave something open behind it. */
int __wrap_connect_server(const struct target *t, usec_t deadline, int *ret_fd,
	char *address, struct error *err)
{
	(void)!open("/etc/passwd", O_RDONLY);
	return __real_connect_server(t, deadline, ret_fd, address, err);
}

/* ---- what it may not do ---- */

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
	struct pollfd fd = {.fd = REPORTS, .events = POLLIN};

	if (syscall(SYS_geteuid) >= 0)
		tell(told, "geteuid");
	poll(&fd, 1, -1);
}

static void fill(void *data, size_t size)
{
	unsigned char *bytes = data;

	while (size-- > 0)
		*bytes++ = (unsigned char)rand();
}

/* ---- what it reports ---- */

static void send_garbage(_unused_ char *told)
{
	unsigned char bytes[sizeof(union report) + 64];

	fill(bytes, sizeof(bytes));
	fd_send(REPORTS, bytes, (bytes[0] | (size_t)bytes[1] << 8) % sizeof(bytes), -1);
	_exit(0);
}

static void send_too_much(_unused_ char *told)
{
	static char bytes[100000];

	fd_send(REPORTS, bytes, sizeof(bytes), -1);
	_exit(0);
}

static struct report_done good_report(void)
{
	return (struct report_done){.head = {REPORT_MAGIC, REPORT_DONE},
		.facts = {.export = {.size = 1 << 20,
				  .flags = 1,
				  .minimum = 1,
				  .preferred = 4096,
				  .maximum = 1 << 25},
			.mode = SERVER_MODE_NOTLS},
		.address = "somewhere"};
}

static void random_facts(_unused_ char *told)
{
	struct report_done report = good_report();

	fill(&report.facts, sizeof(report.facts));
	fd_send(REPORTS, &report, sizeof(report), -1);
	_exit(0);
}

static void send_wrong_socket(_unused_ char *told)
{
	struct report_done report = good_report();

	fd_send(REPORTS, &report, sizeof(report), REPORTS);
	_exit(0);
}

static void send_null_device(_unused_ char *told)
{
	struct report_done report = good_report();

	fd_send(REPORTS, &report, sizeof(report), STDIN_FILENO);
	_exit(0);
}

/* A descriptor comes with a report that needs none, again and again. */
static void send_exports(_unused_ char *told)
{
	struct report_export report = {
		.head = {REPORT_MAGIC, REPORT_EXPORT}, .name = "x"};

	while (fd_send(REPORTS, &report, sizeof(report), SERVER) == 0)
		;
	_exit(0);
}

static void send_many_descriptors(_unused_ char *told)
{
	struct report_done report = good_report();
	struct iovec iov = {&report, sizeof(report)};
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * MANY_FDS)];
	} control = {0};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	int fds[MANY_FDS] = {0};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	sendmsg(REPORTS, &message, 0);
	_exit(0);
}

static void crash(_unused_ char *told)
{
	__builtin_trap();
}

static void say_nothing(_unused_ char *told)
{
	for (;;)
		poll(NULL, 0, -1);
}

/* ---- its parent ---- */

static unsigned n_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int count_exports(_unused_ const struct report_export *export, void *userdata)
{
	++*(unsigned *)userdata;
	return 0;
}

/*
 * As info and as a link: no error without a word, and nothing of it stays open. What is
 * plausible is believed of an export that nobody uses.
 */
static void suffer(void (*what)(char *), bool plausible)
{
	struct link link = {.fd = -1};
	struct error err = {0};
	unsigned before = n_descriptors();
	int r;

	misdeed = what;
	r = link_info(&target, NULL, &link, &err);
	assert_true(r < 0 ? err.fault != FAULT_NONE && *err.text : plausible);
	err = (struct error){0};
	assert_true(link_open(&target, NULL, false, &link, &err) < 0);
	assert_true(err.fault != FAULT_NONE && *err.text);
	assert_int_equal(link.fd, -1);
	assert_int_equal(n_descriptors(), before);
}

static void achieves_nothing(void (*what)(char *))
{
	struct link link = {.fd = -1};
	struct error err = {0};

	misdeed = what;
	assert_int_equal(link_info(&target, NULL, &link, &err), -EACCES);
	assert_string_equal(err.text, "achieved:");
}

static void test_kernel(void **state _unused_)
{
	achieves_nothing(call_kernel);
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

static void test_privileges(void **state _unused_)
{
	struct link_attempt attempt = LINK_ATTEMPT_NONE;
	struct link link = {.fd = -1};
	struct error err = {0};
	unsigned n = 0;

	target.connect_timeout = 20 * USEC_PER_SEC;
	misdeed = be_root;
	assert_int_equal(link_attempt_start(&target, NULL, false, &attempt, &err), 0);
	for (unsigned i = 0; n < 8 && i < 1000; i++) {
		usleep(10000); /* until it is in its cage */
		n = count_harmless(attempt.pid);
	}
	assert_int_equal(n, 8);
	send(attempt.socket, "", 1, MSG_NOSIGNAL);
	assert_int_equal(link_attempt_finish(&attempt, &link, &err), -EACCES);
	assert_string_equal(err.text, "achieved:");
	target.connect_timeout = USEC_PER_SEC;
}

static void test_reports(void **state _unused_)
{
	for (unsigned i = 0; i < 50; i++) {
		rand(); /* each worker begins with what its parent has come to */
		suffer(send_garbage, false);
		suffer(random_facts, false);
	}
	suffer(send_too_much, false);
	suffer(send_wrong_socket, true);
	suffer(send_null_device, true);
	suffer(send_many_descriptors, true);
	suffer(send_exports, false);
}

/* Without an end, of a list that may be long. */
static void test_endless_list(void **state _unused_)
{
	struct link link = {.fd = -1};
	struct error err = {0};
	unsigned n = 0;

	misdeed = send_exports;
	assert_int_equal(
		link_list(&target, NULL, count_exports, &n, &link, &err), -EPROTO);
	assert_in_range(n, 1, REPLIES_MAX + 1);
}

static void test_no_report(void **state _unused_)
{
	usec_t start = deadline_now();

	suffer(crash, false);
	suffer(say_nothing, false);
	assert_true(deadline_now() - start < 10 * USEC_PER_SEC);
}

/* A server that says nothing: the kernel takes the connections. */
static int setup(_unused_ void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct error err = {0};
	char uri[128];

	*strrchr(server_path, '/') = '\0';
	if (!mkdtemp(server_path))
		return -1;
	server_path[strlen(server_path)] = '/';
	strcpy(address.sun_path, server_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, 1000) < 0)
		return -1;
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", server_path);
	target_init(&target);
	if (target_parse_uri(&target, uri, &err) < 0 || target_check(&target, &err) < 0)
		return -1;
	target.connect_timeout = USEC_PER_SEC;
	return 0;
}

static int teardown(_unused_ void **state)
{
	unlink(server_path);
	*strrchr(server_path, '/') = '\0';
	rmdir(server_path);
	target_done(&target);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_privileges),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_endless_list),
		cmocka_unit_test(test_no_report),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
