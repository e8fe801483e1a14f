/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * With NBD_CFLAG_DESTROY_ON_DISCONNECT a device would leave nothing to its next user, but
 * /dev/nbd0 to 15, which exist from the start, would disappear after their first use, and
 * `qemu-nbd -c /dev/nbd0` needs them. So devices stay. Only one that has to be clean and
 * is not is destroyed: it is attached to a socket without a server, with that flag and
 * size 0, so that nobody reads from it, and detached. The driver creates a device of that
 * number again on request.
 */
#include <errno.h>
#include <sys/socket.h>

#include <linux/nbd-netlink.h>
#include <linux/nbd.h>

#include "common/log.h"
#include "common/scope.h"
#include "common/timeouts.h"
#include "kernel/clean-device.h"
#include "kernel/sysfs.h"

#define LEAST_SIZE 512

static int wait_gone(unsigned index, usec_t deadline, struct error *err)
{
	struct sysfs_device device;
	int r = 0;

	while (r == 0 && sysfs_read(index, &device) != -ENOENT)
		r = deadline_sleep(CLEAN_DEVICE_RETRY, deadline);
	if (r == -EINTR)
		return error_set(err, FAULT_OTHER, r, "interrupted");
	if (r < 0)
		return error_set(err, FAULT_KERNEL, r,
			"the kernel has not recreated /dev/nbd%u in time: something has it open; choose another --device or leave it out",
			index);
	return 0;
}

/* Meanwhile the device looks to others as if another program had attached it. */
static int destroy(unsigned index, usec_t deadline, struct error *err)
{
	int pair[2];
	struct nbd_settings settings = {
		.size = 0,
		.block_size = LEAST_SIZE,
		.timeout = 0,
		.dead_conn_timeout = 0,
		.server_flags = NBD_FLAG_HAS_FLAGS,
		.client_flags = NBD_CFLAG_DESTROY_ON_DISCONNECT,
		.fds = pair,
		.n_fds = 1,
	};
	int r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, FAULT_KERNEL, -errno,
			"cannot recreate /dev/nbd%u: %m", index);
	r = nbd_netlink_connect((int)index, &settings, deadline, &index, err);
	if (r == 0)
		r = nbd_netlink_disconnect(index, err);
	close(pair[0]);
	close(pair[1]);
	return r < 0 ? r : wait_gone(index, deadline, err);
}

/* It disappears from /sys before its number is free: -EINVAL until then. */
static int recreate_and_connect(unsigned index, const struct nbd_settings *settings,
	usec_t deadline, unsigned *ret_index, struct error *err)
{
	struct sysfs_device device;
	int r = destroy(index, deadline, err);

	if (r < 0)
		return r;
	log_debug("nbd%u: recreated, because it had limits of its last user", index);
	do
		r = nbd_netlink_connect((int)index, settings, deadline, ret_index, err);
	while (r == -EINVAL && sysfs_read(index, &device) == -ENOENT &&
		deadline_sleep(CLEAN_DEVICE_RETRY, deadline) == 0);
	return r;
}

struct found {
	int clean;  /* the first device that is free, clean and not open; -1: none */
	int unused; /* the first number without a device; -1: unknown */
	bool stale; /* a free one before those is not clean */
};

static bool is_configured(unsigned index)
{
	char pid[16];

	return sysfs_get(index, "pid", pid, sizeof(pid)) >= 0;
}

static bool is_open(unsigned index)
{
	struct error ignored;
	bool in_use = true;

	return nbd_netlink_status(index, &in_use, &ignored) < 0 || in_use;
}

/* From `first` up. Ends at the first that will do: there may be thousands of devices. */
static struct found find(const struct limits *l, unsigned first)
{
	struct found found = {.clean = -1, .unused = -1};
	uint64_t size;

	for (unsigned i = first;; i++) {
		int r = sysfs_get_number(i, "size", UINT64_MAX, &size);

		if (r == -ENOENT)
			found.unused = (int)i;
		if (r < 0)
			return found;
		if (size > 0 || is_configured(i))
			continue;
		if (limits_are_stale(i, l)) {
			found.stale = true;
		} else if (!is_open(i)) {
			found.clean = (int)i;
			return found;
		}
	}
}

/*
 * -EAGAIN: it cannot be prepared. -EBUSY: another attach or udev has it by now. (After
 * any other failure it may be connected, with the answer lost.)
 */
static int connect_prepared(unsigned index, unsigned io_timeout,
	const struct nbd_settings *settings, unsigned *ret_index, struct error *err)
{
	int r;

	if (io_timeout == 0 || sysfs_set_io_timeout(index, io_timeout, err) < 0)
		return -EAGAIN;
	r = nbd_netlink_connect((int)index, settings, deadline_now(), ret_index, err);
	return r == -EEXIST || r == -EINVAL ? -EBUSY : r;
}

/* Several attaches may choose the same device: all but one go on with the next. */
static int connect_clean(const struct limits *l, unsigned io_timeout,
	const struct nbd_settings *settings, unsigned *ret_index, struct error *err)
{
	int r = -EBUSY;

	for (unsigned first = 0; r == -EBUSY; first++) {
		const struct found found = find(l, first);

		if (found.clean < 0)
			return -EAGAIN;
		first = (unsigned)found.clean;
		r = connect_prepared(first, io_timeout, settings, ret_index, err);
	}
	return r;
}

static int connect_any(const struct limits *l, unsigned io_timeout,
	const struct nbd_settings *settings, usec_t deadline, unsigned *ret_index,
	struct error *err)
{
	int picked, r = connect_clean(l, io_timeout, settings, ret_index, err);

	if (r != -EAGAIN)
		return r;
	do {
		const struct found found = find(l, 0);

		picked = found.clean >= 0 ? found.clean
			: found.stale     ? found.unused
					  : -1; /* the kernel may pick */
		r = nbd_netlink_connect(picked, settings, deadline, ret_index, err);
	} while (r == -EBUSY && picked >= 0 && deadline_left(deadline) > 0);
	return r;
}

int clean_device_connect(int index, const struct limits *l, unsigned io_timeout,
	const struct nbd_settings *settings, usec_t deadline, unsigned *ret_index,
	struct error *err)
{
	struct sysfs_device device;
	bool is_free = index >= 0 && sysfs_read((unsigned)index, &device) == 0 &&
		!device.configured;
	int r = -EAGAIN;

	if (index < 0)
		return connect_any(l, io_timeout, settings, deadline, ret_index, err);
	if (is_free && limits_are_stale((unsigned)index, l))
		return recreate_and_connect(
			(unsigned)index, settings, deadline, ret_index, err);
	if (is_free)
		r = connect_prepared(
			(unsigned)index, io_timeout, settings, ret_index, err);
	return r == -EAGAIN || r == -EBUSY
		? nbd_netlink_connect(index, settings, deadline, ret_index, err)
		: r;
}
