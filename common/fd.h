/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptor passing between processes, and the socket calls of a link worker. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * Sends one message on a SOCK_SEQPACKET socket, with a descriptor beside it where
 * passed_fd >= 0. 0 or -errno.
 */
int fd_send(int socket, const void *message, size_t size, int passed_fd);

/*
 * Receives one message of at most `size` bytes. *ret_fd becomes the descriptor that came
 * with it, close-on-exec, or -1; surplus ones are closed. Returns the message's size, 0
 * when the other end has closed, -EMSGSIZE for a longer one, or another -errno.
 */
ssize_t fd_receive(int socket, void *message, size_t size, int *ret_fd);

/*
 * The same without waiting, and the message stays there to be received; *ret_fd is a
 * duplicate. -EAGAIN: there is none.
 */
ssize_t fd_peek(int socket, void *message, size_t size, int *ret_fd);

/*
 * As send(2) with MSG_NOSIGNAL, recv(2), setsockopt(2) and shutdown(2), for what runs in
 * a link worker's sandbox: by the system calls of these names. On some architectures the
 * C library uses socketcall(2), whose arguments are in memory, where a seccomp filter
 * cannot see them.
 */
ssize_t fd_sendto(int socket, const void *data, size_t size, int flags);
ssize_t fd_recvfrom(int socket, void *data, size_t size, int flags);
int fd_set_option(int socket, int level, int name, const void *value, socklen_t size);
int fd_shutdown(int socket, int how);

/* The inode number, which identifies a socket; 0 if there is none. */
uint64_t fd_inode(int fd);
