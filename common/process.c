/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "common/interrupt.h"
#include "common/parse.h"
#include "common/process.h"
#include "common/scope.h"
#include "common/timeouts.h"

/* For old kernels, and for sandboxes that do not know close_range(2). */
static int close_each(unsigned first, unsigned last)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint64_t fd;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (parse_u64(entry->d_name, first, last, &fd) == 0 &&
			(int)fd != dirfd(dir))
			close((int)fd);
	return 0;
}

int process_close_range(unsigned first, unsigned last)
{
	if (first > last)
		return 0;
	/* by number: not every C library has close_range() */
	if (syscall(SYS_close_range, first, last, 0U) == 0)
		return 0;
	return close_each(first, last);
}

int process_keep_only(const int *fds, unsigned n)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int moved[PROCESS_KEEP_MAX];

	if (null < 0 || n > PROCESS_KEEP_MAX)
		return null < 0 ? -errno : -EINVAL;
	/* above the numbers that are assigned below */
	for (unsigned i = 0; i < n; i++) {
		moved[i] = fcntl(fds[i] < 0 ? null : fds[i], F_DUPFD_CLOEXEC, (int)n);
		if (moved[i] < 0)
			return -errno;
	}
	for (unsigned i = 0; i < n; i++)
		if (dup2(moved[i], (int)i) < 0)
			return -errno;
	null = -1;
	return process_close_range(n, PROCESS_FD_LAST);
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

int process_wait_for_end(pid_t pid, usec_t deadline)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0U);
	int r;

	if (pidfd < 0)
		return errno == ESRCH ? 0 : -errno;
	r = deadline_wait(pidfd, POLLIN, deadline);
	return r < 0 ? r : 0;
}

/* Children that nobody waits for; 0: a free entry. */
static pid_t abandoned[64];

void process_reap(void)
{
	for (size_t i = 0; i < ELEMENTSOF(abandoned); i++)
		if (abandoned[i] > 0 && waitpid(abandoned[i], NULL, WNOHANG) != 0)
			abandoned[i] = 0;
}

/* Without a free entry it stays a zombie until we exit. */
void process_abandon(pid_t child)
{
	process_reap();
	for (size_t i = 0; i < ELEMENTSOF(abandoned); i++)
		if (abandoned[i] == 0) {
			abandoned[i] = child;
			return;
		}
}

int process_end(pid_t child, int *ret_status)
{
	struct timespec pause = {.tv_nsec = 1000000};
	usec_t deadline = deadline_after(PROCESS_KILL_TIMEOUT);
	pid_t ended;

	kill(child, SIGKILL);
	while ((ended = waitpid(child, ret_status, WNOHANG)) == 0) {
		if (deadline_left(deadline) == 0) {
			process_abandon(child);
			return -ETIMEDOUT;
		}
		nanosleep(&pause, NULL);
	}
	return ended < 0 ? -errno : 0;
}

void process_kill(pid_t child)
{
	int ignored;

	(void)process_end(child, &ignored);
}

static pid_t start(int (*work)(const void *userdata), const void *userdata,
	void (*set_signals)(void))
{
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (child == 0) {
		set_signals();
		/* It may live long, and others may wait for these to be closed. */
		(void)process_close_range(0, PROCESS_FD_LAST);
		_exit(-work(userdata));
	}
	return child;
}

pid_t process_start(int (*work)(const void *userdata), const void *userdata)
{
	return start(work, userdata, interrupt_reset);
}

pid_t process_start_uninterrupted(int (*work)(const void *userdata), const void *userdata)
{
	return start(work, userdata, interrupt_ignore);
}

int process_result(int status)
{
	if (WIFEXITED(status))
		return -WEXITSTATUS(status);
	switch (WTERMSIG(status)) {
	case SIGHUP:
	case SIGINT:
	case SIGTERM: return -EINTR;
	default: return -EIO;
	}
}

bool process_sleeps(pid_t pid)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[32], line[512], *name_end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file))
		return false;
	name_end = strrchr(line, ')'); /* the name may contain anything */
	return name_end && (name_end[2] == 'D' || name_end[2] == 'S');
}

int process_poll(pid_t child, int *ret_result)
{
	int status;
	pid_t ended = waitpid(child, &status, WNOHANG);

	if (ended == 0)
		return -EAGAIN;
	*ret_result = ended < 0 ? -errno : process_result(status);
	return 0;
}

int process_run(int (*work)(const void *userdata), const void *userdata, usec_t deadline)
{
	pid_t child = process_start(work, userdata);
	int status = 0, r;

	if (child < 0)
		return child;
	r = process_wait(child, deadline, &status);
	if (r < 0) {
		kill(child, SIGKILL); /* it may also hang where that helps */
		process_abandon(child);
		return r;
	}
	return process_result(status);
}
