/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include <linux/nbd-netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "common/scope.h"
#include "kernel/nbd-events.h"
#include "kernel/netlink-error.h"

struct nbd_events {
	struct nl_sock *socket;
	unsigned index; /* of the current nbd_events_link_died() */
	bool died;
};

static int take_event(struct nl_msg *msg, void *userdata)
{
	static struct nla_policy policy[NBD_ATTR_MAX + 1] = {
		[NBD_ATTR_INDEX] = {.type = NLA_U32},
	};
	struct nlattr *attrs[NBD_ATTR_MAX + 1];
	struct nbd_events *events = userdata;
	const struct genlmsghdr *head = genlmsg_hdr(nlmsg_hdr(msg));

	if (head->cmd == NBD_CMD_LINK_DEAD &&
		genlmsg_parse(nlmsg_hdr(msg), 0, attrs, NBD_ATTR_MAX, policy) >= 0 &&
		attrs[NBD_ATTR_INDEX] &&
		nla_get_u32(attrs[NBD_ATTR_INDEX]) == events->index)
		events->died = true;
	return NL_OK;
}

static int join(struct nbd_events *events)
{
	int group, r;

	errno = 0;
	r = genl_connect(events->socket);
	if (r < 0)
		return netlink_error(r, errno);
	errno = 0;
	group = genl_ctrl_resolve_grp(
		events->socket, NBD_GENL_FAMILY_NAME, NBD_GENL_MCAST_GROUP_NAME);
	if (group < 0)
		return netlink_error(group, errno);
	/* Events have no sequence number of a request. */
	nl_socket_disable_seq_check(events->socket);
	nl_socket_modify_cb(
		events->socket, NL_CB_VALID, NL_CB_CUSTOM, take_event, events);
	errno = 0;
	r = nl_socket_set_nonblocking(events->socket);
	if (r >= 0)
		r = nl_socket_add_membership(events->socket, group);
	return r < 0 ? netlink_error(r, errno) : 0;
}

int nbd_events_open(struct nbd_events **ret, struct error *err)
{
	_cleanup_(nbd_events_closep) struct nbd_events *events =
		calloc(1, sizeof(*events));
	int r;

	if (!events)
		return error_memory(err);
	events->socket = nl_socket_alloc();
	if (!events->socket)
		return error_memory(err);
	r = join(events);
	if (r == -ENOENT)
		return error_set(err, FAULT_KERNEL, r,
			"this kernel has no nbd driver that reports dead links");
	if (r < 0)
		return error_set(err, FAULT_KERNEL, r,
			"cannot listen to events of the kernel's nbd driver: %m");
	*ret = TAKE_PTR(events);
	return 0;
}

void nbd_events_close(struct nbd_events *events)
{
	if (events->socket)
		nl_socket_free(events->socket);
	free(events);
}

int nbd_events_fd(const struct nbd_events *events)
{
	return nl_socket_get_fd(events->socket);
}

bool nbd_events_link_died(struct nbd_events *events, unsigned index)
{
	int r;

	events->index = index;
	events->died = false;
	do
		r = nl_recvmsgs_default(events->socket);
	while (r >= 0);
	/* All but an empty queue means that events may be missing. */
	return events->died || r != -NLE_AGAIN;
}
