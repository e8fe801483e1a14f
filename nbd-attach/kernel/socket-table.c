/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>

#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "common/scope.h"
#include "kernel/sock-diag.h"
#include "kernel/socket-table.h"

#define TCP_IS_ESTABLISHED 1 /* include/net/tcp_states.h */
#define UNIX_IS_CONNECTED  3 /* SS_CONNECTED, include/uapi/linux/net.h */

static const struct table {
	const char *path, *format; /* of a line: state, then inode */
	unsigned state;
} tables[] = {
	{"/proc/net/tcp", "%*u: %*s %*s %x %*s %*s %*s %*u %*u %" SCNu64,
		TCP_IS_ESTABLISHED},
	{"/proc/net/tcp6", "%*u: %*s %*s %x %*s %*s %*s %*u %*u %" SCNu64,
		TCP_IS_ESTABLISHED},
	{"/proc/net/unix", "%*s %*x %*x %*x %*x %x %" SCNu64, UNIX_IS_CONNECTED},
};

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static bool is_in(const struct table *table, uint64_t inode)
{
	_cleanup_fclose_ FILE *file = fopen(table->path, "re");
	char line[512];
	unsigned state;
	uint64_t found;

	/* A lack of descriptors or memory does not make a socket dead. */
	if (!file)
		return errno != ENOENT;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, table->format, &state, &found) == 2 && found == inode)
			return state == table->state;
	return false;
}

static int take_shutdown(struct nl_msg *msg, void *userdata)
{
	struct nlattr *attrs[UNIX_DIAG_MAX + 1];

	if (nlmsg_parse(nlmsg_hdr(msg), sizeof(struct unix_diag_msg), attrs,
		    UNIX_DIAG_MAX, NULL) >= 0 &&
		attrs[UNIX_DIAG_SHUTDOWN])
		*(bool *)userdata = nla_get_u8(attrs[UNIX_DIAG_SHUTDOWN]) != 0;
	return NL_OK;
}

/*
 * /proc/net/unix does not show whether a socket's peer is gone, but sock_diag(7) does
 * (net/unix/diag.c), if the kernel has it.
 */
static bool unix_is_shut(uint64_t inode)
{
	const struct unix_diag_req request = {.sdiag_family = AF_UNIX,
		.udiag_states = ~0U,
		.udiag_ino = (uint32_t)inode,
		.udiag_cookie = {~0U, ~0U}};
	bool shut = false;

	(void)sock_diag_ask(
		SOCK_DIAG_BY_FAMILY, 0, &request, sizeof(request), take_shutdown, &shut);
	return shut;
}

bool socket_table_has(uint64_t inode)
{
	if (inode == 0)
		return false;
	return is_in(&tables[0], inode) || is_in(&tables[1], inode) ||
		(is_in(&tables[2], inode) && !unix_is_shut(inode));
}
