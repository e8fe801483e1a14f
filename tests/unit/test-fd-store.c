/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of the sockets that a service manager passes become whose. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "attachment/fd-store.h"
#include "common/fd.h"

#define FIRST  (STDERR_FILENO + 1)
#define PASSED 3

static uint64_t inodes[PASSED];

/* As a process is started: these are its descriptors from 3 on. */
static int pass(_unused_ void **state)
{
	char number[16];
	int fds[PASSED];

	for (int i = 0; i < PASSED; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, FIRST + PASSED);
		assert_true(fds[i] >= 0);
		close(fd);
	}
	for (int i = 0; i < PASSED; i++) {
		assert_int_equal(dup2(fds[i], FIRST + i), FIRST + i);
		close(fds[i]);
		inodes[i] = fd_inode(FIRST + i);
	}
	snprintf(number, sizeof(number), "%d", getpid());
	setenv("LISTEN_PID", number, 1);
	snprintf(number, sizeof(number), "%d", PASSED);
	return setenv("LISTEN_FDS", number, 1);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Also one that the kernel may have got just before the last supervisor died. */
static void test_places(_unused_ void **state)
{
	struct attachment a = ATTACHMENT_NONE;

	a.state.n_links = 3;
	a.state.links[0].socket = 1;
	a.state.links[1].socket = inodes[2];
	a.state.links[2].socket = 2;
	a.state.links[2].candidate = inodes[0];
	fd_store_take(&a);
	assert_int_equal(a.sockets[0], -1);
	assert_int_equal(a.sockets[1], FIRST + 2);
	assert_int_equal(a.sockets[2], FIRST);
	assert_false(is_open(FIRST + 1));
	assert_int_equal(fcntl(FIRST, F_GETFD), FD_CLOEXEC);
	assert_null(getenv("LISTEN_FDS"));
	attachment_done(&a);
	assert_false(is_open(FIRST));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_places, pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
