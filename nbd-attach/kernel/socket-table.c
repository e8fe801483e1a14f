/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>

#include "common/scope.h"
#include "kernel/socket-table.h"

#define TCP_IS_ESTABLISHED 1 /* include/net/tcp_states.h */
#define UNIX_IS_CONNECTED  3 /* SS_CONNECTED, include/uapi/linux/net.h */

static const struct {
	const char *path, *format; /* of a line: state, then inode */
	unsigned state;
} tables[] = {
	{"/proc/net/tcp", "%*u: %*s %*s %x %*s %*s %*s %*u %*u %" SCNu64,
		TCP_IS_ESTABLISHED},
	{"/proc/net/tcp6", "%*u: %*s %*s %x %*s %*s %*s %*u %*u %" SCNu64,
		TCP_IS_ESTABLISHED},
	{"/proc/net/unix", "%*s %*x %*x %*x %*x %x %" SCNu64, UNIX_IS_CONNECTED},
};

bool socket_table_has(uint64_t inode)
{
	for (size_t i = 0; i < ELEMENTSOF(tables); i++) {
		_cleanup_fclose_ FILE *file = fopen(tables[i].path, "re");
		char line[512];
		unsigned state;
		uint64_t found;

		while (file && fgets(line, sizeof(line), file)) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			if (sscanf(line, tables[i].format, &state, &found) == 2 &&
				found == inode && state == tables[i].state)
				return true;
#pragma GCC diagnostic pop
		}
	}
	return false;
}
