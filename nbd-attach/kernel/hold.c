/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/fd.h"
#include "common/interrupt.h"
#include "common/process.h"
#include "common/timeouts.h"
#include "kernel/device-node.h"
#include "kernel/hold.h"
#include "kernel/sysfs.h"

/* The child's message before it opens the device; not a result of open(2). */
#define OPENING 1

/* A node of our own, for a /dev without the node, or with another one of that name. */
static int open_own_node(unsigned index, const char *partition, int flags)
{
	char path[48];
	dev_t number;
	int fd, r = sysfs_number(index, partition, &number);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/dev/.nbd-attach-%d", getpid());
	if (mknod(path, S_IFBLK | 0600, number) < 0)
		return -errno;
	fd = open(path, flags | O_CLOEXEC);
	r = fd < 0 ? -errno : fd;
	unlink(path);
	return r;
}

static int open_part(unsigned index, const char *partition, int flags)
{
	int r = device_node_open_part(index, partition, flags);

	if (r == -ENOENT || r == -ENOTBLK || r == -ENXIO)
		r = open_own_node(index, partition, flags);
	return r;
}

static int sync_cache(int fd)
{
	const unsigned all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
		SYNC_FILE_RANGE_WAIT_AFTER;

	return sync_file_range(fd, 0, 0, all) < 0 ? -errno : 0;
}

static int sync_partition(unsigned index, const char *name, void *first)
{
	_cleanup_close_ int fd = open_part(index, name, O_RDONLY);
	int *result = first, r;

	if (fd < 0)
		return 0; /* gone, or /dev cannot have a node of it */
	r = sync_cache(fd);
	if (*result == 0)
		*result = r;
	return 0;
}

/* Partitions have their own page caches. Returns the first failure, but writes all. */
static int sync_all(unsigned index, int fd)
{
	int first = sync_cache(fd);
	int r = sysfs_each_partition(index, sync_partition, &first);

	return first < 0 ? first : r;
}

static void send_result(int socket, int r)
{
	(void)fd_send(socket, &r, sizeof(r), -1);
}

/* The child. It exits when the other end of the socket is closed. */
static _Noreturn void run_child(unsigned index, int socket)
{
	int fd, r, passed = -1;

	interrupt_ignore(); /* the claim must outlast them */
	(void)prctl(PR_SET_NAME, HOLD_PROCESS, 0, 0, 0);
	dup2(socket, STDIN_FILENO);
	process_close_range(STDIN_FILENO + 1, PROCESS_FD_LAST);
	send_result(STDIN_FILENO, OPENING);
	fd = open_part(index, NULL, O_RDONLY | O_EXCL);
	send_result(STDIN_FILENO, fd < 0 ? fd : 0);
	/* on request it writes back the page cache */
	while (fd >= 0 && fd_receive(STDIN_FILENO, &r, sizeof(r), &passed) == sizeof(r))
		send_result(STDIN_FILENO, sync_all(index, fd));
	_exit(0);
}

/* The child's next result. */
static int receive_result(int socket, usec_t timeout, int *ret_result)
{
	int fd = -1, r = deadline_wait(socket, POLLIN, deadline_after(timeout));
	ssize_t size;

	if (r < 0)
		return r;
	size = fd_receive(socket, ret_result, sizeof(*ret_result), &fd);
	closep(&fd);
	return size == sizeof(*ret_result) ? 0 : -ECHILD;
}

/* A child that still runs, on a busy machine, may not have the claim yet. */
static int wait_until_open(struct hold *hold)
{
	usec_t end = deadline_after(HOLD_START_TIMEOUT);
	int result, r = receive_result(hold->socket, HOLD_START_TIMEOUT, &result);

	if (r < 0)
		return r;
	do
		r = receive_result(hold->socket, HOLD_OPEN_TIMEOUT, &result);
	while (r == -ETIMEDOUT && !process_sleeps(hold->child) && deadline_left(end) > 0);
	if (r == -ETIMEDOUT && process_sleeps(hold->child)) {
		/* it may have arrived just now */
		r = receive_result(hold->socket, 0, &result);
		hold->open_pending = r == -ETIMEDOUT;
	}
	if (hold->open_pending)
		return 0;
	return r < 0 ? r : result;
}

int hold_take(unsigned index, struct hold *ret)
{
	struct hold hold = {.index = index, .socket = -1};
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	hold.child = fork();
	if (hold.child == 0)
		run_child(index, pair[1]);
	r = -errno;
	close(pair[1]);
	hold.socket = pair[0];
	if (hold.child < 0) {
		close(pair[0]);
		return r;
	}
	r = wait_until_open(&hold);
	if (r < 0)
		hold_release(&hold);
	*ret = hold;
	return r;
}

/*
 * A last close also waits for the page cache to be written, and our open waits for it.
 * Newer kernels do not count requests that wait for a new link, so if none is seen they
 * may be writes.
 */
static bool may_write(unsigned index)
{
	struct sysfs_in_flight count;

	sysfs_read_in_flight(index, &count);
	return count.writes > 0 || count.reads == 0;
}

/* An open that waits for reads only may wait for a dead server: no data is at stake. */
static int wait_for_pending_open(struct hold *hold)
{
	usec_t end = deadline_after(HOLD_SYNC_TIMEOUT);
	bool waited = false;
	int result, r = -ETIMEDOUT;

	while (r == -ETIMEDOUT && may_write(hold->index)) {
		if (deadline_left(end) == 0)
			return r;
		r = receive_result(hold->socket, HOLD_WRITE_CHECK, &result);
		waited = true;
	}
	if (r == -ETIMEDOUT && waited)
		r = receive_result(hold->socket, HOLD_OPEN_TIMEOUT, &result);
	if (r == -ETIMEDOUT)
		return 0;
	hold->open_pending = false;
	return r < 0 ? r : result;
}

int hold_sync(struct hold *hold, bool unread)
{
	int result, r = 0;

	if (hold->open_pending && !unread)
		r = wait_for_pending_open(hold);
	if (r < 0 || hold->child == 0 || hold->open_pending)
		return r;
	send_result(hold->socket, 0);
	r = receive_result(hold->socket, HOLD_SYNC_TIMEOUT, &result);
	return r < 0 ? r : result;
}

void hold_release(struct hold *hold)
{
	int status;

	closep(&hold->socket);
	if (hold->child > 0 &&
		process_wait(hold->child, deadline_after(HOLD_CLOSE_TIMEOUT), &status) <
			0)
		process_abandon(hold->child);
	*hold = HOLD_NONE;
}
