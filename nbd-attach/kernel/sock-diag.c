/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include <netlink/netlink.h>

#include "common/scope.h"
#include "kernel/netlink-error.h"
#include "kernel/sock-diag.h"

DEFINE_CLEANUP(struct nl_sock *, nl_socket_free)

/* As with all of netlink, the answer is there when the question has been sent. */
int sock_diag_ask(int type, int flags, const void *request, size_t size,
	nl_recvmsg_msg_cb_t take, void *userdata)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sock = nl_socket_alloc();
	int r;

	if (!sock)
		return -ENOMEM;
	errno = 0;
	r = nl_connect(sock, NETLINK_SOCK_DIAG);
	if (r == 0)
		r = nl_socket_set_nonblocking(sock);
	if (r < 0)
		return netlink_error(r, errno);
	nl_socket_disable_auto_ack(sock);
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, take, userdata);
	r = nl_send_simple(sock, type, flags, (void *)request, size);
	if (r >= 0)
		r = nl_recvmsgs_default(sock);
	return r < 0 ? netlink_error(r, errno) : 0;
}
