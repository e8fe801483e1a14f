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

/* Children that nobody waits for; 0: room for one more. */
static pid_t left[8];

void process_reap(void)
{
	for (size_t i = 0; i < ELEMENTSOF(left); i++)
		if (left[i] > 0 && waitpid(left[i], NULL, WNOHANG) != 0)
			left[i] = 0;
}

static pid_t *room(void)
{
	process_reap();
	for (size_t i = 0; i < ELEMENTSOF(left); i++)
		if (left[i] == 0)
			return &left[i];
	return NULL;
}

static pid_t start(int (*work)(const void *userdata), const void *userdata)
{
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (child == 0) {
		interrupt_reset();
		/* It may stay long: it must not hold what others wait to see closed. */
		process_close_from(0);
		_exit(-work(userdata));
	}
	return child;
}

int process_leave(int (*work)(const void *userdata), const void *userdata)
{
	pid_t *place = room(), child;

	if (!place)
		return -EAGAIN;
	child = start(work, userdata);
	if (child < 0)
		return child;
	*place = child;
	return 0;
}

int process_run(int (*work)(const void *userdata), const void *userdata, usec_t deadline)
{
	pid_t *place = room(), child;
	int status = 0, r;

	if (!place)
		return -EAGAIN;
	child = start(work, userdata);
	if (child < 0)
		return child;
	r = process_wait(child, deadline, &status);
	if (r < 0) {
		*place = child;
		return r;
	}
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}
