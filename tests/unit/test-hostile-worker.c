/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whatever a worker that was taken over reports, its parent must not trust it, and must
 * not leak a descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fd.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "link/sandbox.h"
#include "link/worker-exec.h"
#include "sandbox-world.h"
#include "villain.h"

static void fill(void *data, size_t size)
{
	unsigned char *bytes = data;

	while (size-- > 0)
		*bytes++ = (unsigned char)rand();
}

static void send_garbage(_unused_ char *told)
{
	unsigned char bytes[sizeof(union report) + 64];

	fill(bytes, sizeof(bytes));
	report_put(bytes, (bytes[0] | (size_t)bytes[1] << 8) % sizeof(bytes));
	_exit(0);
}

static void send_too_much(_unused_ char *told)
{
	static char bytes[100000];

	report_put(bytes, sizeof(bytes));
	_exit(0);
}

static void random_facts(_unused_ char *told)
{
	struct report_done report = report_of_success();

	fill(&report.facts, sizeof(report.facts));
	report_put(&report, sizeof(report));
	_exit(0);
}

static void send_exports(_unused_ char *told)
{
	struct report_export report = {
		.head = {REPORT_MAGIC, REPORT_EXPORT}, .name_size = 1, .name = "x"};

	while (report_put(&report, REPORT_EXPORT_SIZE(1)) >= 0)
		;
	_exit(0);
}

/* A socket other than the one that it got. */
static void send_socket(char *told)
{
	struct report_done report = report_of_success();

	if (fd_send(REPORTS, &report, sizeof(report), REPORTS) >= 0)
		tell(told, "descriptor");
}

/* It claims that the keys are in the kernel. */
static void claim_tls(_unused_ char *told)
{
	struct report_done report = report_of_success();

	report.facts.tls = true;
	report_put(&report, sizeof(report));
	_exit(0);
}

static void flood_log(char *told)
{
	static const char line[] = "\033[2J\r\bhello";
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
	char byte;

	for (unsigned i = 0; i < 100000; i++) {
		poll(&fd, 1, 1);
		if (write(STDERR_FILENO, line, strlen(line)) < 0 && errno == EPIPE)
			break;
	}
	if (read(STDERR_FILENO, &byte, 1) > 0)
		tell(told, "read");
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

static void leave(_unused_ char *told)
{
	_exit(0);
}

/* As the dynamic linker, where a library is gone. */
static void leave_as_linker(_unused_ char *told)
{
	_exit(WORKER_EXEC_FAILED);
}

static void close_reports(char *told)
{
	close(REPORTS);
	say_nothing(told);
}

static void forget_export(_unused_ char *told)
{
	struct report_done report = report_of_success();

	report.facts.export = (struct nbd_export){0};
	report_put(&report, sizeof(report));
	_exit(0);
}

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

/* For info and for a link: each error has a message, and no descriptor stays open. */
static void suffer(void (*what)(char *))
{
	struct link link = {.fd = -1};
	struct error err = {0};
	unsigned before = n_descriptors();
	int r;

	world.misdeed = what;
	r = link_info(&world.target, NULL, &link, &err);
	assert_true(r < 0 && err.fault != FAULT_NONE && *err.text);
	err = (struct error){0};
	assert_true(link_open(&world.target, NULL, NULL, 0, &link, &err) < 0);
	assert_true(err.fault != FAULT_NONE && *err.text);
	assert_int_equal(link.fd, -1);
	assert_int_equal(n_descriptors(), before);
}

static void test_reports(void **state _unused_)
{
	for (unsigned i = 0; i < 50; i++) {
		rand(); /* or each worker would get the same numbers */
		suffer(send_garbage);
		suffer(random_facts);
	}
	suffer(send_too_much);
	suffer(send_exports);
	achieves_nothing(send_socket);
}

/* error: whose words in the C library end the message; or 0 */
static void assert_says(const char *says, int error)
{
	const struct credentials none = {0};
	struct link link = {.fd = -1};
	char expected[ERROR_TEXT_SIZE];
	struct error err = {0};

	snprintf(expected, sizeof(expected), "%s%s", says, error ? strerror(error) : "");
	assert_true(link_open(&world.target, &none, NULL, 0, &link, &err) < 0);
	assert_string_equal(err.text, expected);
}

static void test_messages(void **state _unused_)
{
	static const struct {
		void (*misdeed)(char *);
		const char *says;
		int error;
	} rows[] = {
		{send_too_much, "cannot receive the link worker's report: ", EMSGSIZE},
		{send_exports, "the link worker sent an unexpected list of exports", 0},
		{leave, "the link worker exited without a report", 0},
		{leave_as_linker,
			"the link worker could not be executed (libraries may have been "
			"replaced): it is forked from now on",
			0},
		{close_reports, "the link worker hangs: ", ETIMEDOUT},
		{forget_export, "the link worker gave a bad report: no export", 0},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		world.misdeed = rows[i].misdeed;
		assert_says(rows[i].says, rows[i].error);
	}
}

/* Not even where the worker was taken over. */
static void test_without_tls(void **state _unused_)
{
	world.misdeed = succeed;
	world.target.tls = TLS_MODE_REQUIRE;
	assert_says("the link worker made a link without TLS", 0);
	world.target.tls = TLS_MODE_OFF;
}

/* No descriptor is left, or a signal comes. */
static void test_own_trouble(void **state _unused_)
{
	struct rlimit before, none;

	world.misdeed = say_nothing;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){STDERR_FILENO + 1, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_says("cannot start a link worker: ", EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

	interrupt_setup();
	raise(SIGTERM);
	assert_says("interrupted while connecting", 0);
	interrupt_reset();
}

static void test_root(void **state _unused_)
{
	const struct sandbox_user before = sandbox_user();

	if (geteuid() != 0)
		skip();
	sandbox_set_user((struct sandbox_user){0});
	assert_says("the user nbd-attach must not be root", 0);
	sandbox_set_user(before);
}

static void test_link(void **state _unused_)
{
	struct link link = {.fd = -1};
	struct error err = {0};
	unsigned before = n_descriptors();

	world.misdeed = claim_tls;
	assert_int_equal(link_open(&world.target, NULL, NULL, 0, &link, &err), -EPROTO);
	world.misdeed = succeed;
	assert_int_equal(link_open(&world.target, NULL, NULL, 0, &link, &err), 0);
	assert_int_equal(n_descriptors(), before + 1);
	link_done(&link);
	assert_int_equal(n_descriptors(), before);
}

/* A connector that was taken over connects elsewhere: the parent notices. */
static void test_elsewhere(void **state _unused_)
{
	struct link link = {.fd = -1};
	struct error err = {0};

	world.misdeed = succeed;
	world.connector_is_taken = true;
	assert_int_equal(link_open(&world.target, NULL, NULL, 0, &link, &err), -EPROTO);
	assert_int_equal(link_info(&world.target, NULL, &link, &err), -EPROTO);
	world.connector_is_taken = false;
}

/* Its descriptors to the worker and to the parent; both get a socket from an honest one.
 */
enum { TO_WORKER = 4, TO_PARENT };

static void connect_nothing(_unused_ char *told)
{
	_exit(0);
}

static void leave_parent_out(_unused_ char *told)
{
	struct peer peer = {0};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
		fd_sendto(TO_PARENT, "", 1, 0) == 1)
		fd_send(TO_WORKER, &peer, sizeof(peer), pair[0]);
	_exit(0);
}

static void succeed_alone(char *told)
{
	struct report_done report = report_of_success();

	report_put(&report, sizeof(report));
	say_nothing(told);
}

/* Before there is a worker. */
static void test_connector_report(void **state _unused_)
{
	struct link_attempt attempt = LINK_ATTEMPT_NONE;
	struct link link = {.fd = -1};
	struct error err = {0};

	world.on_the_way = succeed_alone;
	assert_int_equal(
		link_attempt_start(&world.target, NULL, NULL, 0, &attempt, &err), 0);
	assert_true(deadline_wait(attempt.socket, POLLIN, attempt.deadline) > 0);
	assert_int_equal(link_attempt_finish(&attempt, &link, &err), -EPROTO);
	assert_string_equal(
		err.text, "the connector gave a report that only a link worker may give");
	world.on_the_way = NULL;
}

static void test_no_connection(void **state _unused_)
{
	world.misdeed = succeed;
	world.on_the_way = connect_nothing;
	assert_says("the connector exited without a report", 0);
	world.on_the_way = leave_parent_out;
	assert_says("the connector did not hand over the link", 0);
	world.on_the_way = NULL;
}

/* Its log is passed on with --verbose: within limits, and without control characters.
 */
static void test_log(void **state _unused_)
{
	struct link link = {.fd = -1};
	struct error err = {0};
	int before = dup(STDERR_FILENO);
	FILE *told = tmpfile();
	char line[2048];
	unsigned n = 0;

	assert_non_null(told);
	dup2(fileno(told), STDERR_FILENO);
	log_setup("test", true);
	world.misdeed = flood_log;
	link_info(&world.target, NULL, &link, &err);
	log_setup("test", false);
	dup2(before, STDERR_FILENO);
	close(before);
	assert_string_equal(err.text, "achieved:");
	rewind(told);
	while (fgets(line, sizeof(line), told)) {
		assert_int_equal(strncmp(line, "test: link worker: ", 19), 0);
		assert_null(strpbrk(line, "\033\r\b"));
		n++;
	}
	assert_true(n >= 2);
	assert_true(n <= 1000);
	fclose(told);
}

/* Endless reports of a list, which may be long. */
static void test_endless_list(void **state _unused_)
{
	struct link link = {.fd = -1};
	struct error err = {0};
	unsigned n = 0;

	world.misdeed = send_exports;
	assert_int_equal(
		link_list(&world.target, NULL, count_exports, &n, &link, &err), -EPROTO);
	assert_string_equal(err.text, "the server's list of exports is too long");
	assert_true(n >= 1);
	assert_true(n <= REPLIES_MAX + 1);
}

/* A new connection begins as the worker says, but never in the same way again. */
static void test_another_way(void **state _unused_)
{
	static const struct {
		enum entry another[ENTRY_MAX + 1];
		const char *says;
		unsigned how;
	} rows[] = {
		{{ENTRY_ANY, ENTRY_ANY, ENTRY_ANY}, "asked in way 0", 0},
		{{ENTRY_NAME, ENTRY_ANY, ENTRY_ANY}, "asked in way 2", 0},
		{{ENTRY_GO, ENTRY_NAME, ENTRY_ANY}, "asked in way 2", 0},
		{{ENTRY_NAME, ENTRY_NAME, ENTRY_NAME}, "asked in way 2", 0},
		/* the first failure is reported, unless a later one is a refusal */
		{{ENTRY_GO, ENTRY_GO, ENTRY_GO}, "asked in way 0", 0},
		{{ENTRY_ANY, ENTRY_ANY, ENTRY_ANY}, "asked in way 2", LINK_BY_NAME},
		{{ENTRY_MAX + 1, ENTRY_ANY, ENTRY_ANY}, "bad report: retry", 0},
	};

	world.wants_another = true;
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct link link = {.fd = -1};
		struct error err = {0};

		memcpy(world.another, rows[i].another, sizeof(world.another));
		assert_true(link_open(&world.target, NULL, NULL, rows[i].how, &link,
				    &err) < 0);
		assert_non_null(strstr(err.text, rows[i].says));
	}
	world.target.no_go = true;
	memset(world.another, 0, sizeof(world.another));
	{
		struct link link = {.fd = -1};
		struct error err = {0};

		assert_true(link_open(&world.target, NULL, NULL, 0, &link, &err) < 0);
		assert_string_equal(err.text, "asked in way 2");
	}
	world.target.no_go = world.wants_another = false;
}

static void test_no_report(void **state _unused_)
{
	struct link link = {.fd = -1};
	struct error err = {0};
	usec_t start;

	suffer(crash);
	world.misdeed = crash;
	assert_int_equal(link_open(&world.target, NULL, NULL, 0, &link, &err), -ECHILD);
	assert_int_equal(err.fault, FAULT_PROTOCOL); /* which is not retried at once */
	world.target.connect_timeout = USEC_PER_SEC;
	start = deadline_now();
	suffer(say_nothing);
	assert_true(deadline_now() - start < SANDBOX_PATIENCE);
	assert_says("the server was not reached in time (--connect-timeout)", 0);
	world.target.connect_timeout = SANDBOX_PATIENCE;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_without_tls),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_own_trouble),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_no_connection),
		cmocka_unit_test(test_connector_report),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_endless_list),
		cmocka_unit_test(test_another_way),
		cmocka_unit_test(test_no_report),
	};

	return cmocka_run_group_tests(tests, sandbox_world_begin, sandbox_world_end);
}
