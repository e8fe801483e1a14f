/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/scope.h"

/* More than the one expected, so that surplus ones arrive and are closed. */
#define PASSED_MAX 4

int fd_send(int socket, const void *message, size_t size, int passed_fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)message, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	if (passed_fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.space);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &passed_fd, sizeof(int));
	}
	do
		sent = sendmsg(socket, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* Keeps the first passed descriptor, closes all others. */
static int take_passed_fd(struct msghdr *msg)
{
	int kept = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (kept < 0)
				kept = fd;
			else
				close(fd);
		}
	}
	return kept;
}

static ssize_t receive(int socket, void *message, size_t size, int flags, int *ret_fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(PASSED_MAX * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = message, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space)};
	_cleanup_close_ int fd = -1;
	ssize_t received;

	do
		received = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | flags);
	while (received < 0 && errno == EINTR);
	if (received < 0)
		return -errno;
	fd = take_passed_fd(&msg);
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -EMSGSIZE;
	*ret_fd = TAKE_FD(fd);
	return received;
}

ssize_t fd_receive(int socket, void *message, size_t size, int *ret_fd)
{
	return receive(socket, message, size, 0, ret_fd);
}

ssize_t fd_peek(int socket, void *message, size_t size, int *ret_fd)
{
	return receive(socket, message, size, MSG_PEEK | MSG_DONTWAIT, ret_fd);
}

ssize_t fd_sendto(int socket, const void *data, size_t size, int flags)
{
	return syscall(SYS_sendto, socket, data, size, flags | MSG_NOSIGNAL, NULL, 0);
}

ssize_t fd_recvfrom(int socket, void *data, size_t size, int flags)
{
	return syscall(SYS_recvfrom, socket, data, size, flags, NULL, NULL);
}

int fd_set_option(int socket, int level, int name, const void *value, socklen_t size)
{
	return (int)syscall(SYS_setsockopt, socket, level, name, value, size);
}

int fd_shutdown(int socket, int how)
{
	return (int)syscall(SYS_shutdown, socket, how);
}

uint64_t fd_inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_ino;
}
