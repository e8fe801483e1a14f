/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel handles a generic netlink request inside our sendmsg(): that call may block
 * for long, and when it returns, the replies and the ACK, or the error, are already in
 * the socket's queue. So nothing here waits for a reply, and no timeout can interrupt a
 * request that the kernel has accepted: the queue is read, without blocking, up to the
 * ACK. Not with libnl's nl_send_sync(), because that reads one message only, and CONNECT
 * and STATUS return a reply and the ACK.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <linux/nbd-netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "common/log.h"
#include "common/scope.h"
#include "kernel/netlink-error.h"
#include "kernel/netlink-socket.h"

struct transaction {
	netlink_reply_fn reply;
	void *reply_data;
	bool finished; /* by the ACK or by the kernel's error */
	int result;
};

DEFINE_CLEANUP(struct nl_sock *, nl_socket_free)
DEFINE_CLEANUP(struct nl_msg *, nlmsg_free)
DEFINE_CLEANUP(struct nl_cb *, nl_cb_put)

static int take_reply(struct nl_msg *msg, void *userdata)
{
	static struct nla_policy policy[NBD_ATTR_MAX + 1] = {
		[NBD_ATTR_INDEX] = {.type = NLA_U32},
		[NBD_ATTR_DEVICE_LIST] = {.type = NLA_NESTED},
	};
	struct nlattr *attrs[NBD_ATTR_MAX + 1];
	struct transaction *t = userdata;

	if (t->reply &&
		genlmsg_parse(nlmsg_hdr(msg), 0, attrs, NBD_ATTR_MAX, policy) >= 0)
		t->reply(attrs, t->reply_data);
	return NL_OK;
}

static int take_ack(struct nl_msg *msg _unused_, void *userdata)
{
	struct transaction *t = userdata;

	t->finished = true;
	return NL_OK;
}

static int take_error(
	struct sockaddr_nl *from _unused_, struct nlmsgerr *error, void *userdata)
{
	struct transaction *t = userdata;

	t->finished = true;
	t->result = error->error;
	return NL_SKIP;
}

/* Each round reads messages from the queue and fails when it is empty, so this ends. */
static int receive_all(struct nl_sock *sock, struct transaction *t)
{
	_cleanup_(nl_cb_putp) struct nl_cb *callbacks = nl_socket_get_cb(sock);
	int n;

	while (!t->finished) {
		errno = 0;
		n = nl_recvmsgs_report(sock, callbacks);
		if (n < 0)
			return netlink_error(n, errno);
		if (n == 0)
			return -EPROTO;
	}
	return t->result;
}

/* Returns the number of the nbd family, or -errno. */
static int open_socket(struct nl_sock *sock, struct transaction *t)
{
	int family, r;

	errno = 0;
	r = genl_connect(sock);
	if (r < 0)
		return netlink_error(r, errno);
	errno = 0;
	family = genl_ctrl_resolve(sock, NBD_GENL_FAMILY_NAME);
	if (family < 0)
		return netlink_error(family, errno);
	errno = 0;
	r = nl_socket_set_nonblocking(sock);
	if (r < 0)
		return netlink_error(r, errno);

	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, take_reply, t);
	nl_socket_modify_cb(sock, NL_CB_ACK, NL_CB_CUSTOM, take_ack, t);
	nl_socket_modify_err_cb(sock, NL_CB_CUSTOM, take_error, t);
	return family;
}

int netlink_transact(uint8_t command,
	int (*fill)(struct nl_msg *msg, const void *userdata), const void *fill_data,
	netlink_reply_fn reply, void *reply_data)
{
	struct transaction t = {.reply = reply, .reply_data = reply_data};
	_cleanup_(nl_socket_freep) struct nl_sock *sock = nl_socket_alloc();
	_cleanup_(nlmsg_freep) struct nl_msg *msg = nlmsg_alloc();
	int family, r;

	if (!sock || !msg)
		return -ENOMEM;
	family = open_socket(sock, &t);
	if (family < 0)
		return family;
	if (!genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0, command,
		    NBD_GENL_VERSION))
		return -EMSGSIZE;
	r = fill(msg, fill_data);
	if (r < 0)
		return r;
	errno = 0;
	r = nl_send_auto(sock, msg);
	if (r < 0)
		return netlink_error(r, errno);
	r = receive_all(sock, &t);
	log_debug("netlink: nbd command %u: %s", command, r < 0 ? strerror(-r) : "done");
	return r;
}
