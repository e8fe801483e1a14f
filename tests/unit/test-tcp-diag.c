/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection of this machine with itself, seen and ended without its descriptor. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fd.h"
#include "common/scope.h"
#include "kernel/tcp-diag.h"
#include "link/tls-records.h"

#define MOST  (UINT64_C(1) << 23)
#define LEAST 22

static int ends[2] = {-1, -1};

static int tcp_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

static void connect_to(struct sockaddr *address, socklen_t size)
{
	int listener = tcp_socket(address->sa_family);

	if (bind(listener, address, size) < 0 || listen(listener, 1) < 0 ||
		getsockname(listener, address, &size) < 0) {
		closep(&listener);
		skip(); /* no such network here */
	}
	ends[0] = tcp_socket(address->sa_family);
	assert_int_equal(connect(ends[0], address, size), 0);
	ends[1] = accept(listener, NULL, NULL);
	assert_true(ends[1] >= 0);
	closep(&listener);
}

static void connect_ends(int family)
{
	struct sockaddr_in v4 = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

	if (family == AF_INET)
		connect_to((struct sockaddr *)&v4, sizeof(v4));
	else
		connect_to((struct sockaddr *)&v6, sizeof(v6));
}

static int drop(_unused_ void **state)
{
	for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
		closep(&ends[i]);
		ends[i] = -1;
	}
	return 0;
}

/* Containers may have kernels that do not tell, or that do not let root do it. */
static void skip_unless(int r)
{
	if (r == -ENOENT || r == -EOPNOTSUPP || r == -EPERM || r == -EPROTONOSUPPORT)
		skip();
	assert_int_equal(r, 0);
}

static void test_traffic(void **state _unused_)
{
	static const char bytes[700];
	struct tcp_traffic traffic;

	connect_ends(AF_INET);
	assert_int_equal(write(ends[0], bytes, 700), 700);
	assert_int_equal(write(ends[1], bytes, 300), 300);
	skip_unless(tcp_diag_read(fd_inode(ends[0]), &traffic));
	assert_true(traffic.sent >= 700 && traffic.sent <= 701);
	assert_int_equal(traffic.received, 300);
	assert_int_equal(traffic.cipher, 0);
	assert_false(traffic.half_closed);
	assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
	assert_int_equal(tcp_diag_read(fd_inode(ends[0]), &traffic), 0);
	assert_true(traffic.half_closed);
}

static void test_none_such(void **state _unused_)
{
	struct tcp_traffic ignored;
	uint64_t inode;
	int pair[2];

	assert_int_equal(tcp_diag_read(0, &ignored), -ENOENT);
	assert_int_equal(tcp_diag_end(0), -ENOENT);
	assert_int_equal(tcp_diag_can_end(0), -ENOENT);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	inode = fd_inode(pair[0]);
	assert_true(tcp_diag_read(inode, &ignored) < 0);
	assert_true(tcp_diag_end(inode) < 0);
	closep(&pair[0]);
	closep(&pair[1]);
}

static void assert_alive(void)
{
	char byte = 0;

	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
}

static void end_one(int family)
{
	struct tcp_traffic ignored;
	uint64_t inode;
	char byte;
	int r;

	connect_ends(family);
	inode = fd_inode(ends[0]);
	r = tcp_diag_can_end(inode);
	assert_alive();
	skip_unless(r);
	assert_int_equal(tcp_diag_end(inode), 0);
	assert_int_equal(read(ends[0], &byte, 1), -1);
	assert_int_equal(errno, ECONNABORTED);
	assert_int_equal(read(ends[1], &byte, 1), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(tcp_diag_read(inode, &ignored), -ENOENT);
}

static void test_end(void **state _unused_)
{
	end_one(AF_INET);
}

static void test_end_ipv6(void **state _unused_)
{
	end_one(AF_INET6);
}

/* Without the privilege to end it, that is reported before it is tried. */
static void test_may_not_end(void **state _unused_)
{
	uint64_t inode;
	int r;

	connect_ends(AF_INET);
	inode = fd_inode(ends[0]);
	skip_unless(tcp_diag_can_end(inode));
	assert_int_equal(seteuid(65534), 0);
	r = tcp_diag_can_end(inode);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, -EPERM);
	assert_alive();
}

static const struct row {
	const char *name;
	struct tcp_traffic traffic;
	bool may;
} rows[] = {
	{"nothing", {0, 0, TLS_CIPHER_AES_GCM_128, false}, false},
	{"just less", {MOST * LEAST - 1, 5, TLS_CIPHER_AES_GCM_128, false}, false},
	{"enough was sent", {MOST * LEAST, 5, TLS_CIPHER_AES_GCM_128, false}, true},
	{"… received", {5, MOST *LEAST, TLS_CIPHER_AES_GCM_256, false}, true},
	{"neither alone",
		{MOST * LEAST / 2, MOST *LEAST / 2, TLS_CIPHER_AES_CCM_128, false},
		false},
	{"a cipher that is not told", {MOST * LEAST, 5, 0, false}, true},
	{"one that does not wear out",
		{UINT64_MAX, UINT64_MAX, TLS_CIPHER_CHACHA20_POLY1305, false}, false},
};

static void test_records(void **state _unused_)
{
	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		if (tls_records_may_be_near_limit(&rows[i].traffic) != rows[i].may)
			fail_msg("%s", rows[i].name);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_traffic, drop),
		cmocka_unit_test(test_none_such),
		cmocka_unit_test_teardown(test_end, drop),
		cmocka_unit_test_teardown(test_end_ipv6, drop),
		cmocka_unit_test_teardown(test_may_not_end, drop),
		cmocka_unit_test(test_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
