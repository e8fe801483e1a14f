/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Failures on the way to the kernel are reported with their reason. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>
#include <linux/nbd-netlink.h>
#include <netlink/errno.h>

#include "common/scope.h"
#include "kernel/module.h"
#include "kernel/nbd-events.h"
#include "kernel/nbd-netlink.h"
#include "kernel/netlink-error.h"
#include "kernel/netlink-socket.h"
#include "kernel/sysfs.h"

/* Whatever a system call fails with comes back as just that. */
static void test_system(void **state _unused_)
{
	static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EINTR, EPERM,
		EACCES, EINVAL, EFAULT, ENOENT, ESRCH, ENODEV, EBADF, ENOTSOCK, EBUSY,
		EEXIST, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EPROTONOSUPPORT,
		EOPNOTSUPP, ECONNREFUSED, EMSGSIZE, EPIPE, EIO, ERANGE, ENOPROTOOPT,
		ENOSPC, ETIMEDOUT, EOVERFLOW};

	for (size_t i = 0; i < ELEMENTSOF(errors); i++)
		assert_int_equal(netlink_error(-nl_syserr2nlerr(errors[i]), errors[i]),
			-errors[i]);
}

/* Without one, or with one that is of something else, the code counts. */
static void test_code(void **state _unused_)
{
	static const struct {
		int code, error;
	} rows[] = {
		{NLE_OBJ_NOTFOUND, ENOENT},
		{NLE_NOMEM, ENOMEM},
		{NLE_PERM, EPERM},
		{NLE_NOACCESS, EACCES},
		{NLE_INVAL, EINVAL},
		{NLE_INTR, EINTR},
		{NLE_BUSY, EBUSY},
		{NLE_EXIST, EEXIST},
		{NLE_NODEV, ENODEV},
		{NLE_MSGSIZE, EMSGSIZE},
		{NLE_FAILURE, EIO},
		{NLE_MSG_TRUNC, EPROTO},
		{NLE_SEQ_MISMATCH, EPROTO},
		{NLE_DUMP_INTR, EPROTO},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		assert_int_equal(netlink_error(-rows[i].code, 0), -rows[i].error);
		if (rows[i].code != NLE_FAILURE)
			assert_int_equal(
				netlink_error(-rows[i].code, EMFILE), -rows[i].error);
	}
	/* An empty queue is an answer that is missing, and not to be asked again. */
	assert_int_equal(netlink_error(-NLE_AGAIN, EAGAIN), -EPROTO);
}

static int no_attributes(struct nl_msg *message _unused_, const void *userdata _unused_)
{
	return 0;
}

/* Each that opens something, with no descriptor left. */
static void test_no_descriptor(void **state _unused_)
{
	_cleanup_(nbd_events_closep) struct nbd_events *events = NULL;
	struct rlimit all, none;
	struct error err = {0};
	bool connected;
	struct sysfs_device device;
	int r[4];

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = (struct rlimit){.rlim_cur = 3, .rlim_max = all.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r[0] = netlink_transact(NBD_CMD_STATUS, no_attributes, NULL, NULL, NULL);
	r[1] = nbd_netlink_status(0, &connected, &err);
	r[2] = sysfs_read(0, &device);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_int_equal(r[0], -EMFILE);
	assert_int_equal(r[1], -EMFILE);
	assert_non_null(strstr(err.text, strerror(EMFILE)));
	assert_int_equal(r[2], -EMFILE);

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r[3] = nbd_events_open(&events, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_int_equal(r[3], -EMFILE);
	assert_non_null(strstr(err.text, strerror(EMFILE)));

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r[3] = module_load("nbd-attach-test", &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_int_equal(r[3], -EMFILE);
	assert_non_null(strstr(err.text, strerror(EMFILE)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
