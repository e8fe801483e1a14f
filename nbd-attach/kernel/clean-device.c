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

/*
 * The first device that is free, clean and not open, or a new one. -1: all free ones are
 * clean, and the kernel may pick.
 */
static int pick(const struct limits *l)
{
	struct sysfs_device device;
	struct error ignored;
	bool stale = false, in_use;
	int clean = -1, r;

	for (unsigned i = 0;; i++) {
		r = sysfs_read(i, &device);
		if (r == -ENOENT)
			return !stale ? -1 : clean >= 0 ? clean : (int)i;
		if (r < 0)
			return -1;
		if (device.configured)
			continue;
		if (limits_are_stale(i, l))
			stale = true;
		else if (clean < 0 && nbd_netlink_status(i, &in_use, &ignored) == 0 &&
			!in_use)
			clean = (int)i;
	}
}

int clean_device_connect(int index, const struct limits *l,
	const struct nbd_settings *settings, usec_t deadline, unsigned *ret_index,
	struct error *err)
{
	struct sysfs_device device;
	int picked, r;

	if (index >= 0 && sysfs_read((unsigned)index, &device) == 0 &&
		!device.configured && limits_are_stale((unsigned)index, l))
		return recreate_and_connect(
			(unsigned)index, settings, deadline, ret_index, err);
	if (index >= 0)
		return nbd_netlink_connect(index, settings, deadline, ret_index, err);
	do {
		picked = pick(l);
		r = nbd_netlink_connect(picked, settings, deadline, ret_index, err);
	} while (r == -EBUSY && picked >= 0 && deadline_left(deadline) > 0);
	return r;
}
