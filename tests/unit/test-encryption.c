/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the numbers of bytes and records tell of a kernel. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/scope.h"
#include "link/encryption.h"

#define REQUEST 28

static const struct row {
	const char *name;
	uint64_t bytes, records; /* from 1000 and 5 on */
	enum encryption_verdict verdict;
} rows[] = {
	{"nothing was sent", 1000, 5, ENCRYPTION_UNKNOWN},
	{"the connection has ended", 1001, 5, ENCRYPTION_UNKNOWN},
	{"less than a request", 1000 + REQUEST - 1, 5, ENCRYPTION_UNKNOWN},
	{"a request and no record", 1000 + REQUEST, 5, ENCRYPTION_MISSING},
	{"much and no record", 1000000, 5, ENCRYPTION_MISSING},
	{"a request in a record", 1000 + REQUEST + 22, 6, ENCRYPTION_SEEN},
	{"a record that is not sent yet", 1000, 6, ENCRYPTION_SEEN},
	{"much and many records", 1000000, 100, ENCRYPTION_SEEN},
};

static void test_judge(void **state _unused_)
{
	const struct encryption before = {.pending = true, .bytes = 1000, .records = 5};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		if (encryption_compare(&before, rows[i].bytes, rows[i].records) !=
			rows[i].verdict)
			fail_msg("%s", rows[i].name);
}

/* Relays' sockets and those without TLS are none of its business. */
static void test_other_sockets(void **state _unused_)
{
	struct encryption e = {.pending = true};
	struct error err = {0};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	encryption_begin(&e, pair[0]);
	assert_false(e.pending);
	e.pending = true;
	assert_int_equal(encryption_check(&e, pair[0], &err), 0);
	assert_int_equal(encryption_check(&e, -1, &err), 0);
	assert_true(e.pending);
	closep(&pair[0]);
	closep(&pair[1]);
}

/* ---- a kernel that has the keys, and does not use them ---- */

int __wrap_ktls_sent(int fd, uint64_t *ret_records);

int __wrap_ktls_sent(_unused_ int fd, uint64_t *ret_records)
{
	*ret_records = 5;
	return 0;
}

/* Two ends of a TCP connection, from the server's on. */
static void connect_to_self(int *ret_server, int *ret_client)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	_cleanup_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	*ret_client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		connect(*ret_client, (struct sockaddr *)&address, sizeof(address)), 0);
	*ret_server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(*ret_server >= 0);
}

static void test_plaintext(void **state _unused_)
{
	struct encryption e = {.pending = true, .records = 5};
	_cleanup_close_ int server = -1, client = -1;
	static const char request[REQUEST];
	struct error err = {0};

	connect_to_self(&server, &client);
	assert_int_equal(encryption_check(&e, client, &err), 0);
	assert_int_equal(send(client, request, sizeof(request), MSG_NOSIGNAL), REQUEST);
	assert_int_equal(encryption_check(&e, client, &err), -EPROTO);
	assert_int_equal(err.fault, FAULT_KERNEL);
	assert_string_equal(err.text,
		"this kernel sends data in plaintext although it has the TLS keys: do not use "
		"it, or let a process encrypt (--data-path relay)");
	e.records = 4;
	assert_int_equal(encryption_check(&e, client, &err), 0);
	assert_false(e.pending);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_other_sockets),
		cmocka_unit_test(test_plaintext),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
