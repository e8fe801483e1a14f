/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TCP sockets of which only the kernel has a descriptor left, by sock_diag(7): what went
 * over them, and their end. A socket is named by its inode number.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tcp_traffic {
	uint64_t sent, received; /* bytes since it was connected, those of TLS included */
	unsigned cipher;  /* of kernel TLS: TLS_CIPHER_…; 0: it has none, or unknown */
	bool half_closed; /* the other side has shut it down */
};

/*
 * -ENOENT: there is no such connected TCP socket in this network namespace, or the kernel
 * has no such tables (CONFIG_INET_DIAG). Only CAP_NET_ADMIN sees the cipher.
 */
int tcp_diag_read(uint64_t inode, struct tcp_traffic *ret);

/*
 * Ends its connection (tcp_abort()): reads and writes fail with ECONNABORTED, the other
 * side gets a reset, and unsent data is discarded. Needs CAP_NET_ADMIN. -ENOENT: as
 * above; -EPERM; -EOPNOTSUPP: the kernel does not do that (CONFIG_INET_DIAG_DESTROY).
 */
int tcp_diag_end(uint64_t inode);

/* What tcp_diag_end() would return, as far as that can be known without doing it. */
int tcp_diag_can_end(uint64_t inode);
