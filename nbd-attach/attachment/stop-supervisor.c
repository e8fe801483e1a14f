/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "attachment/claim.h"
#include "attachment/state-file.h"
#include "attachment/stop-supervisor.h"
#include "common/deadline.h"
#include "common/fd.h"
#include "common/interrupt.h"
#include "common/timeouts.h"

#define FDS_MAX 256 /* a supervisor never has more */

void stopped_done(struct stopped *stopped)
{
	for (size_t i = 0; i < NBD_LINKS_MAX; i++)
		closep(&stopped->sockets[i]);
	*stopped = STOPPED_NONE;
}

static bool is_supervisor(pid_t pid)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[32], name[32] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	return file && fgets(name, sizeof(name), file) &&
		strcmp(name, SUPERVISOR_PROGRAM "\n") == 0;
}

static bool is_link(const struct state *state, uint64_t inode)
{
	for (unsigned i = 0; i < state->n_links; i++)
		if (inode != 0 && state->links[i].socket == inode)
			return true;
	return false;
}

/* By pidfd_getfd(2), which works even for a stopped process. Failures are ignored. */
static void duplicate_sockets(const char *name, int pidfd, struct stopped *stopped)
{
	struct state state;
	struct error ignored;
	size_t n = 0;

	if (state_read(name, &state, NULL, &ignored) < 0)
		return;
	for (int i = 0; i < FDS_MAX && n < NBD_LINKS_MAX; i++) {
		int fd = (int)syscall(SYS_pidfd_getfd, pidfd, i, 0U);

		if (fd >= 0 && is_link(&state, fd_inode(fd)))
			stopped->sockets[n++] = fd;
		else if (fd >= 0)
			close(fd);
	}
}

/* Not interruptible: a process that was told to exit does so. */
static int wait_for_exit(int pidfd, bool *ret_interrupted)
{
	usec_t deadline = deadline_after(SUPERVISOR_STOP_TIMEOUT);
	int r;

	while ((r = deadline_wait(pidfd, POLLIN, deadline)) == -EINTR) {
		interrupt_clear();
		*ret_interrupted = true;
	}
	return r;
}

/* 0 or -EINTR: it has exited. */
static int end_process(int pidfd)
{
	bool interrupted = false;
	int r = -ETIMEDOUT;

	if (syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0U) == 0)
		r = wait_for_exit(pidfd, &interrupted);
	if (r == -ETIMEDOUT &&
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0U) == 0)
		r = wait_for_exit(pidfd, &interrupted);
	if (r < 0)
		return r;
	return interrupted ? -EINTR : 0;
}

int stop_supervisor(const char *name, struct stopped *ret, struct error *err)
{
	_cleanup_close_ int pidfd = -1;
	pid_t pid, again;
	int r;

	if (!claim_is_held(name, &pid) || pid == 0 || !is_supervisor(pid))
		return 0;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0U);
	if (pidfd < 0 || !claim_is_held(name, &again) || again != pid)
		return 0; /* it has just exited */
	duplicate_sockets(name, pidfd, ret);
	ret->stopped = true;
	r = end_process(pidfd);
	if (r == -EINTR)
		return error_set(err, FAULT_OTHER, r, "interrupted");
	if (r < 0)
		return error_set(err, FAULT_KERNEL, r,
			"the supervisor of %s (pid %d) does not exit: %m", name, pid);
	return 0;
}
