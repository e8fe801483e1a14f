/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A worker's order, through the file in memory that a fresh worker reads. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "link/report.h"
#include "link/sandbox.h"
#include "link/worker-exec.h"
#include "link/worker-input.h"

#define URI "nbds://localhost:1234/some%20disk?tls-verify-peer=0"

/* With a NUL inside, as a file may have it. */
static char key[] = "secret\0key";

static struct credentials given = {
	.ca = {.data = (char *)"authority", .size = 9},
	.distrusted = {.data = (char *)"villain", .size = 7},
	.key = {.data = key, .size = sizeof(key) - 1},
	.psk_username = (char *)"alice",
	.psk_key = {.data = (char *)"00ff", .size = 4},
};

static void make_target(struct target *t)
{
	struct error err;

	target_init(t);
	assert_int_equal(target_parse_uri(t, URI, &err), 0);
	assert_int_equal(target_set(t, "tls-priority", "NORMAL", &err), 0);
	assert_int_equal(target_set(t, "io-timeout", "7", &err), 0);
	assert_int_equal(target_check(t, &err), 0);
}

static int pack(const struct credentials *c, int log)
{
	struct target t;
	struct worker_order order = {.task = WORKER_LIST,
		.target = &t,
		.credentials = c,
		.deadline = 12345,
		.connected = log >= 0,
		.log = log};
	int fd;

	make_target(&t);
	fd = worker_input_pack(&order);
	target_done(&t);
	assert_true(fd >= 0);
	return fd;
}

static void same_blob(const struct blob *a, const struct blob *b)
{
	assert_int_equal(a->size, b->size);
	if (a->size > 0)
		assert_memory_equal(a->data, b->data, a->size);
}

static void test_whole(_unused_ void **state)
{
	struct credentials c = {0};
	struct worker_order order;
	struct target t;
	int fd;

	sandbox_set_user((struct sandbox_user){.uid = 11, .gid = 22});
	fd = pack(&given, 2);
	sandbox_set_user((struct sandbox_user){.uid = 1, .gid = 1});
	target_init(&t);
	assert_int_equal(worker_input_unpack(fd, &order, &t, &c), 0);
	close(fd);

	assert_int_equal(sandbox_user().uid, 11);
	assert_int_equal(sandbox_user().gid, 22);
	assert_int_equal(order.task, WORKER_LIST);
	assert_true(order.connected);
	assert_int_equal(order.deadline, 12345);
	assert_int_equal(order.log, ORDER_LOG);
	assert_int_equal(order.report, ORDER_REPORT);
	assert_ptr_equal(order.target, &t);
	assert_ptr_equal(order.credentials, &c);
	assert_string_equal(t.uri, URI);
	assert_string_equal(t.export_name, "some disk");
	assert_string_equal(t.tls_priority, "NORMAL");
	assert_int_equal(t.io_timeout, 7 * USEC_PER_SEC);
	assert_false(t.tls_verify_peer);
	same_blob(&c.ca, &given.ca);
	same_blob(&c.distrusted, &given.distrusted);
	same_blob(&c.cert, &given.cert);
	same_blob(&c.key, &given.key);
	same_blob(&c.psk_key, &given.psk_key);
	assert_string_equal(c.psk_username, given.psk_username);
	credentials_done(&c);
	target_done(&t);
}

static void test_no_credentials(_unused_ void **state)
{
	static const struct credentials none;
	struct credentials c = {0};
	struct worker_order order;
	struct target t;
	int fd = pack(NULL, -1);

	target_init(&t);
	assert_int_equal(worker_input_unpack(fd, &order, &t, &c), 0);
	assert_int_equal(order.log, -1);
	assert_memory_equal(&c, &none, sizeof(c));
	target_done(&t);
	close(fd);
}

/* Nothing of it stays in the file. */
static void test_wiped(_unused_ void **state)
{
	int fd = pack(&given, -1);
	struct credentials c = {0};
	struct worker_order order;
	struct target t;
	char bytes[4096], zeros[sizeof(bytes)] = {0};
	ssize_t size = pread(fd, bytes, sizeof(bytes), 0);

	assert_true(size > 0);
	assert_true((size_t)size < sizeof(bytes));
	assert_non_null(memmem(bytes, (size_t)size, key, sizeof(key) - 1));
	target_init(&t);
	assert_int_equal(worker_input_unpack(fd, &order, &t, &c), 0);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), size);
	assert_memory_equal(bytes, zeros, (size_t)size);
	credentials_done(&c);
	target_done(&t);
	close(fd);
}

/* A truncated order is refused, wherever it ends. */
static void test_cut(_unused_ void **state)
{
	int fd = pack(&given, -1);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	for (off_t size = 0; size < st.st_size; size++) {
		struct credentials c = {0};
		struct worker_order order;
		struct target t;

		target_init(&t);
		fd = pack(&given, -1);
		assert_int_equal(ftruncate(fd, size), 0);
		assert_true(worker_input_unpack(fd, &order, &t, &c) < 0);
		credentials_done(&c);
		target_done(&t);
		close(fd);
	}
}

/* What a fresh worker says of an order that it cannot read. */
static _Noreturn void work_on_nothing(int report)
{
	static char name[] = "nbd-attach-link";
	char *const argv[] = {name, NULL};

	if (dup2(report, ORDER_REPORT) >= 0 &&
		dup2(open("/dev/null", O_RDWR), ORDER_FILE) >= 0)
		execv("/proc/self/exe", argv);
	_exit(1);
}

static void test_no_order(_unused_ void **state)
{
	struct report_failed report;
	int ends[2], status;
	pid_t child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	child = fork();
	if (child == 0)
		work_on_nothing(ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_int_equal(
		recv(ends[0], &report, sizeof(report), MSG_DONTWAIT), sizeof(report));
	assert_string_equal(report.error.text,
		"the link worker cannot read its order: Invalid argument");
	close(ends[0]);
	close(ends[1]);
}

int main(_unused_ int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_no_credentials),
		cmocka_unit_test(test_wiped),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_no_order),
	};

	worker_exec_init(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
