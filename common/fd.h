/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Passing descriptors between processes. */
#pragma once

#include <stddef.h>
#include <stdint.h>
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

/* The inode's number, which tells a socket from all others; 0 if there is none. */
uint64_t fd_inode(int fd);
