/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>

#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include "common/scope.h"
#include "kernel/socket-table.h"

#define TCP_IS_ESTABLISHED 1 /* include/net/tcp_states.h */
#define UNIX_IS_CONNECTED  3 /* SS_CONNECTED, include/uapi/linux/net.h */

DEFINE_CLEANUP(struct nl_sock *, nl_socket_free)

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
 * (net/unix/diag.c), if the kernel has it. The reply is queued when the request was sent.
 */
static bool unix_is_shut(uint64_t inode)
{
	const struct unix_diag_req request = {.sdiag_family = AF_UNIX,
		.udiag_states = ~0U,
		.udiag_ino = (uint32_t)inode,
		.udiag_cookie = {~0U, ~0U}};
	_cleanup_(nl_socket_freep) struct nl_sock *sock = nl_socket_alloc();
	bool shut = false;

	if (!sock || nl_connect(sock, NETLINK_SOCK_DIAG) < 0 ||
		nl_socket_set_nonblocking(sock) < 0)
		return false;
	nl_socket_disable_auto_ack(sock);
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, take_shutdown, &shut);
	if (nl_send_simple(
		    sock, SOCK_DIAG_BY_FAMILY, 0, (void *)&request, sizeof(request)) >= 0)
		(void)nl_recvmsgs_default(sock);
	return shut;
}

bool socket_table_has(uint64_t inode)
{
	if (inode == 0)
		return false;
	return is_in(&tables[0], inode) || is_in(&tables[1], inode) ||
		(is_in(&tables[2], inode) && !unix_is_shut(inode));
}
