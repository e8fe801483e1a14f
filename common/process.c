/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/interrupt.h"
#include "common/process.h"
#include "common/scope.h"

int process_close_from(unsigned first)
{
	/* by number: not every C library has a function for it */
	return syscall(SYS_close_range, first, ~0U, 0U) < 0 ? -errno : 0;
}

int process_wait(pid_t child, usec_t deadline, int *ret_status)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, child, 0U);
	int r, status;

	if (pidfd < 0)
		return -errno;
	r = deadline_wait(pidfd, POLLIN, deadline);
	if (r < 0)
		return r;
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	*ret_status = status;
	return 0;
}

int process_run(int (*work)(const void *userdata), const void *userdata, usec_t deadline)
{
	pid_t child = fork();
	int status = 0, r;

	if (child < 0)
		return -errno;
	if (child == 0) {
		interrupt_reset();
		/* It may stay long: it must not hold what others wait to see closed. */
		process_close_from(0);
		_exit(-work(userdata));
	}
	r = process_wait(child, deadline, &status);
	if (r < 0)
		return r;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}
