/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "attachment/stop-supervisor.h"
#include "common/deadline.h"
#include "common/fd.h"
#include "common/interrupt.h"
#include "common/limits.h"
#include "common/notify.h"
#include "common/parse.h"
#include "common/process.h"
#include "common/timeouts.h"
#include "supervisor/spawn.h"

/* The number of the descriptor for the report, a single message. */
#define REPORT_VARIABLE "NBD_ATTACH_REPORT_FD"

struct message {
	int r;
	unsigned index;
	struct error error;
};

static int supervisor_path(char path[PATH_MAX], struct error *err)
{
	ssize_t size = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (size < 0)
		return error_set(
			err, FAULT_OTHER, -errno, "cannot read /proc/self/exe: %m");
	path[size] = 0;
	slash = strrchr(path, '/');
	if (!slash || (size_t)(slash - path) + sizeof("/" SUPERVISOR_PROGRAM) > PATH_MAX)
		return error_set(
			err, FAULT_OTHER, -ENAMETOOLONG, "the path %s is too long", path);
	strcpy(slash + 1, SUPERVISOR_PROGRAM);
	if (access(path, X_OK) < 0) /* for nbd-attach-boot, which is elsewhere */
		strcpy(path, SUPERVISOR_PATH);
	return 0;
}

int spawn_become(char **argv, struct error *err)
{
	char path[PATH_MAX], name[] = SUPERVISOR_PROGRAM;
	int r = supervisor_path(path, err);

	if (r < 0)
		return r;
	interrupt_reset(); /* the mask would stay */
	argv[0] = name;
	execv(path, argv);
	return error_set(err, FAULT_OTHER, -errno, "cannot start %s: %m", path);
}

/* Drops the caller's session, signals, limits and priority: we outlive it. */
static void leave_caller(void)
{
	setsid();
	interrupt_unignore(true);
	limits_raise(true);
	limits_forbid_core();
	(void)sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
	(void)setpriority(PRIO_PROCESS, 0, 0);
	notify_forget();
}

static _Noreturn void run_child(char **argv, pid_t parent, int report)
{
	struct message message = {.r = -ECANCELED};
	char number[16];

	/* Until it has attached the device it ends with us, and undoes everything. */
	signal(SIGINT, SIG_DFL); /* shells have background jobs ignore it */
	prctl(PR_SET_PDEATHSIG, SIGINT);
	if (getppid() != parent)
		_exit(1);
	leave_caller();
	/* a duplicate is not closed on exec */
	snprintf(number, sizeof(number), "%d", dup(report));
	if (setenv(REPORT_VARIABLE, number, 1) == 0)
		message.r = spawn_become(argv, &message.error);
	(void)fd_send(report, &message, sizeof(message), -1);
	_exit(1);
}

/* The child's one message: 0, or -errno if there is none. */
static int receive_message(int socket, struct message *message)
{
	int fd = -1;
	ssize_t size = fd_receive(socket, message, sizeof(*message), &fd);

	closep(&fd);
	return size == sizeof(*message) ? 0 : -ECHILD;
}

/* Waits for the next message, and ignores signals meanwhile. */
static int await_message(int socket, usec_t deadline, struct message *message)
{
	int r;

	do {
		interrupt_clear();
		r = deadline_wait(socket, POLLIN, deadline);
	} while (r == -EINTR);
	return r < 0 ? r : receive_message(socket, message);
}

/*
 * Waits until the child has ended, which leaves nothing behind, or reports that it cannot
 * because the device is already in use.
 */
static int interrupted(pid_t child, int socket, struct error *err)
{
	usec_t deadline = deadline_after(SPAWN_UNDO_TIMEOUT);
	struct message message;
	int r;

	kill(child, SIGINT);
	while ((r = await_message(socket, deadline, &message)) == 0)
		if (message.r < 0) {
			*err = message.error;
			return message.r;
		}
	if (r == -ETIMEDOUT)
		return error_set(err, FAULT_OTHER, -EINTR,
			"interrupted, but the device may stay attached: see "
			"nbd-attach list");
	return error_set(err, FAULT_OTHER, -EINTR, "interrupted");
}

static int wait_for_message(
	pid_t child, int socket, usec_t patience, unsigned *ret_index, struct error *err)
{
	struct message message;
	int status, r = deadline_wait(socket, POLLIN, deadline_after(patience));

	if (r == -EINTR)
		return interrupted(child, socket, err);
	if (r == -ETIMEDOUT)
		return error_set(err, FAULT_OTHER, r,
			SUPERVISOR_PROGRAM " did not attach the device in time");
	r = receive_message(socket, &message);
	if (r == 0 && message.r == 0) {
		*ret_index = message.index;
		return 0;
	}
	(void)process_wait(child, deadline_after(SPAWN_KILL_TIMEOUT), &status);
	if (r < 0)
		return error_set(err, FAULT_OTHER, r,
			SUPERVISOR_PROGRAM " ended without a report");
	*err = message.error;
	return message.r;
}

void spawn_argv_freep(char ***argv)
{
	for (size_t i = 1; *argv && (*argv)[i]; i++)
		free((*argv)[i]);
	free(*argv);
}

int spawn_supervisor(char **argv, usec_t patience, unsigned *ret_index, struct error *err)
{
	_cleanup_close_ int ours = -1;
	pid_t parent = getpid(), child;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, FAULT_OTHER, -errno,
			"cannot start " SUPERVISOR_PROGRAM ": %m");
	ours = pair[0];
	child = fork();
	if (child == 0)
		run_child(argv, parent, pair[1]);
	close(pair[1]);
	if (child < 0)
		return error_set(err, FAULT_OTHER, -errno,
			"cannot start " SUPERVISOR_PROGRAM ": %m");
	return wait_for_message(child, ours, patience, ret_index, err);
}

/* The variable may be somebody else's, and name any descriptor. */
static bool is_report_socket(int fd)
{
	int type = 0;
	socklen_t size = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
		type == SOCK_SEQPACKET;
}

/* The report's socket; -1: we were not started by spawn_supervisor(). */
static int report_fd(void)
{
	const char *number = getenv(REPORT_VARIABLE);
	uint64_t fd;

	if (!number || parse_u64(number, 3, INT_MAX, &fd) < 0 ||
		!is_report_socket((int)fd))
		return -1;
	return (int)fd;
}

void spawn_close_inherited(void)
{
	unsigned first = STDERR_FILENO + 1 + notify_n_passed();
	_cleanup_close_ int null = -1;
	int report = report_fd();

	if (report >= (int)first) {
		(void)process_close_range(first, (unsigned)report - 1);
		first = (unsigned)report + 1;
	}
	(void)process_close_range(first, PROCESS_FD_LAST);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
}

bool spawn_report(int r, unsigned index, const struct error *err)
{
	struct message message = {.r = r, .index = index, .error = *err};
	int fd = report_fd();

	if (fd < 0)
		return false;
	unsetenv(REPORT_VARIABLE);
	prctl(PR_SET_PDEATHSIG, 0);
	(void)fd_send(fd, &message, sizeof(message), -1);
	close(fd);
	return true;
}
