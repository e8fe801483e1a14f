/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's tables of sockets, for those of which only the kernel has a descriptor
 * left: /proc/net/tcp, tcp6 and unix.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether there is a socket with that inode number whose both sides are open still. Of a
 * unix socket the tables tell only that it exists.
 */
bool socket_table_has(uint64_t inode);
