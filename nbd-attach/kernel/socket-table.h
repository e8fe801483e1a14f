/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's socket tables, for sockets that only the kernel still refers to:
 * /proc/net/tcp, tcp6 and unix, and sock_diag(7).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether there is a connected TCP or unix stream socket with that inode number, neither
 * side of which has been shut down. No socket has inode 0.
 */
bool socket_table_has(uint64_t inode);
