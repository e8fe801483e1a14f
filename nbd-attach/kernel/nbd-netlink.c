/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include <linux/nbd-netlink.h>
#include <netlink/attr.h>

#include "common/scope.h"
#include "common/timeouts.h"
#include "kernel/nbd-netlink.h"
#include "kernel/netlink-socket.h"
#include "kernel/sysfs.h"

struct request {
	int index;                           /* -1: the kernel picks */
	const struct nbd_settings *settings; /* may be NULL */
};

static int fill_sockets(struct nl_msg *msg, const struct nbd_settings *s)
{
	struct nlattr *list, *item;

	if (s->n_fds == 0)
		return 0;
	list = nla_nest_start(msg, NBD_ATTR_SOCKETS);
	if (!list)
		return -EMSGSIZE;
	for (size_t i = 0; i < s->n_fds; i++) {
		item = nla_nest_start(msg, NBD_SOCK_ITEM);
		if (!item || nla_put_u32(msg, NBD_SOCK_FD, (uint32_t)s->fds[i]) < 0)
			return -EMSGSIZE;
		nla_nest_end(msg, item);
	}
	nla_nest_end(msg, list);
	return 0;
}

static int fill_settings(struct nl_msg *msg, const struct nbd_settings *s)
{
	const struct {
		int type;
		uint64_t value;
	} numbers[] = {
		{NBD_ATTR_SIZE_BYTES, s->size},
		{NBD_ATTR_BLOCK_SIZE_BYTES, s->block_size},
		{NBD_ATTR_TIMEOUT, s->timeout},
		{NBD_ATTR_DEAD_CONN_TIMEOUT, s->dead_conn_timeout},
		{NBD_ATTR_SERVER_FLAGS, s->server_flags},
		{NBD_ATTR_CLIENT_FLAGS, s->client_flags},
	};

	for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
		if (numbers[i].value != NBD_UNSET &&
			nla_put_u64(msg, numbers[i].type, numbers[i].value) < 0)
			return -EMSGSIZE;
	if (s->backend &&
		nla_put_string(msg, NBD_ATTR_BACKEND_IDENTIFIER, s->backend) < 0)
		return -EMSGSIZE;
	return fill_sockets(msg, s);
}

static int fill_request(struct nl_msg *msg, const void *userdata)
{
	const struct request *request = userdata;

	if (request->index >= 0 &&
		nla_put_u32(msg, NBD_ATTR_INDEX, (uint32_t)request->index) < 0)
		return -EMSGSIZE;
	return request->settings ? fill_settings(msg, request->settings) : 0;
}

/* The messages for failures that all commands may have. */
static int explain(int r, const char *what, struct error *err)
{
	switch (r) {
	case -ENOENT:
		return error_set(err, FAULT_KERNEL, r,
			"this kernel has no nbd driver (or this is not the initial network namespace): modprobe nbd");
	case -EPERM:
		return error_set(
			err, FAULT_KERNEL, r, "%s needs root (CAP_SYS_ADMIN)", what);
	case -ENOMEM: return error_memory(err);
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -EPROTONOSUPPORT:
	case -EPROTO:
		/* none of these comes from the driver: the command may have succeeded */
		return error_set(err, FAULT_KERNEL, r,
			"%s: cannot talk to the kernel's nbd driver: %m", what);
	default:
		return error_set(err, FAULT_KERNEL, r,
			"%s failed in the kernel's nbd driver: %m", what);
	}
}

static void take_index(struct nlattr *attrs[], void *userdata)
{
	int64_t *index = userdata;

	if (attrs[NBD_ATTR_INDEX])
		*index = nla_get_u32(attrs[NBD_ATTR_INDEX]);
}

/*
 * The driver returns EBUSY both for a configured device and for one that somebody, mostly
 * udev, has open for a moment. Only the latter is worth waiting for.
 */
static int wait_while_open(int index, int r, usec_t deadline, struct error *err)
{
	struct sysfs_device device;
	int k;

	if (index >= 0 && sysfs_read((unsigned)index, &device) == 0 && device.configured)
		return error_set(err, FAULT_KERNEL, r,
			"/dev/nbd%d is attached already (see nbd-attach list): choose another "
			"--device or leave it out",
			index);

	k = deadline_sleep(NETLINK_BUSY_RETRY, deadline);
	if (k == -EINTR)
		return error_set(err, FAULT_OTHER, k, "interrupted");
	if (k < 0 && index >= 0)
		return error_set(err, FAULT_KERNEL, r,
			"/dev/nbd%d is kept open by a process; choose another --device or leave it out",
			index);
	if (k < 0)
		return error_set(
			err, FAULT_KERNEL, r, "no nbd device became free in time");
	return 0;
}

static int explain_connect(int r, struct error *err)
{
	switch (r) {
	case -EINVAL:
		return error_set(err, FAULT_KERNEL, r,
			"the kernel's nbd driver refused the device (no such index, or it is being removed) or its sockets (not TCP or unix, or several where the server does not allow it)");
	case -ENOTCONN:
		return error_set(err, FAULT_KERNEL, r,
			"the connection was gone when the kernel's nbd driver was to take it over: try again");
	case -EPROTO:
		return error_set(err, FAULT_KERNEL, r,
			"the kernel's nbd driver did not say which device it attached");
	default: return explain(r, "attaching", err);
	}
}

int nbd_netlink_connect(int index, const struct nbd_settings *settings, usec_t deadline,
	unsigned *ret_index, struct error *err)
{
	const struct request request = {.index = index, .settings = settings};
	int64_t got = -1;
	int r;

	for (;;) {
		r = netlink_transact(
			NBD_CMD_CONNECT, fill_request, &request, take_index, &got);
		if (r != -EBUSY && r != -EEXIST)
			break;
		r = wait_while_open(index, r, deadline, err);
		if (r < 0)
			return r;
	}
	if (r == 0 && got < 0)
		r = -EPROTO;
	if (r < 0)
		return explain_connect(r, err);
	*ret_index = (unsigned)got;
	return 0;
}

int nbd_netlink_reconfigure(
	unsigned index, const struct nbd_settings *settings, struct error *err)
{
	const struct request request = {.index = (int)index, .settings = settings};
	int r;

	r = netlink_transact(NBD_CMD_RECONFIGURE, fill_request, &request, NULL, NULL);
	if (r == -EINVAL)
		return error_set(err, FAULT_KERNEL, r,
			"the kernel refused to change /dev/nbd%u: it is detached, or attached by another program",
			index);
	return r < 0 ? explain(r, "changing an attachment", err) : 0;
}

int nbd_netlink_disconnect(unsigned index, struct error *err)
{
	const struct request request = {.index = (int)index};
	int r;

	r = netlink_transact(NBD_CMD_DISCONNECT, fill_request, &request, NULL, NULL);
	if (r == -EINVAL)
		return error_set(err, FAULT_KERNEL, r,
			"the kernel has no device /dev/nbd%u", index);
	return r < 0 ? explain(r, "detaching", err) : 0;
}

struct status {
	unsigned index;
	bool connected;
};

static void take_status(struct nlattr *attrs[], void *userdata)
{
	static struct nla_policy policy[NBD_DEVICE_ATTR_MAX + 1] = {
		[NBD_DEVICE_INDEX] = {.type = NLA_U32},
		[NBD_DEVICE_CONNECTED] = {.type = NLA_U8},
	};
	struct nlattr *item, *fields[NBD_DEVICE_ATTR_MAX + 1];
	struct status *status = userdata;
	int left;

	if (!attrs[NBD_ATTR_DEVICE_LIST])
		return;
	nla_for_each_nested(item, attrs[NBD_ATTR_DEVICE_LIST], left)
	{
		if (nla_parse_nested(fields, NBD_DEVICE_ATTR_MAX, item, policy) < 0 ||
			!fields[NBD_DEVICE_INDEX] || !fields[NBD_DEVICE_CONNECTED])
			continue;
		if (nla_get_u32(fields[NBD_DEVICE_INDEX]) == status->index)
			status->connected = nla_get_u8(fields[NBD_DEVICE_CONNECTED]) != 0;
	}
}

int nbd_netlink_status(unsigned index, bool *ret_connected, struct error *err)
{
	const struct request request = {.index = (int)index};
	struct status status = {.index = index};
	int r;

	r = netlink_transact(
		NBD_CMD_STATUS, fill_request, &request, take_status, &status);
	if (r < 0)
		return explain(r, "asking for the status", err);
	*ret_connected = status.connected;
	return 0;
}
