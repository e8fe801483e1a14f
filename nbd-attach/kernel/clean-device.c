/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device made with NBD_CFLAG_DESTROY_ON_DISCONNECT would leave nothing to its next
 * user, but /dev/nbd0 to 15, which are there from the start, would be gone after their
 * first use, and `qemu-nbd -c /dev/nbd0` needs them. So devices stay; only one that has
 * to be clean and is not goes that way: it is attached to nothing, with that flag and no
 * size, so that nobody reads from it, and detached. The driver makes a device of that
 * number again when it is asked for it.
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
			"the kernel has not made /dev/nbd%u anew in time: something has it open; choose another --device or leave it out",
			index);
	return 0;
}

/* Between its two ends /dev/nbdN is another program's, for whoever looks. */
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
			"cannot make /dev/nbd%u anew: %m", index);
	r = nbd_netlink_connect((int)index, &settings, deadline, &index, err);
	if (r == 0)
		r = nbd_netlink_disconnect(index, err);
	close(pair[0]);
	close(pair[1]);
	return r < 0 ? r : wait_gone(index, deadline, err);
}

/* It has gone from /sys some time before its number is free: -EINVAL until then. */
static int connect_anew(unsigned index, const struct nbd_settings *settings,
	usec_t deadline, unsigned *ret_index, struct error *err)
{
	struct sysfs_device device;
	int r = destroy(index, deadline, err);

	if (r < 0)
		return r;
	log_debug("nbd%u: made anew, for it has limits of its last user", index);
	do
		r = nbd_netlink_connect((int)index, settings, deadline, ret_index, err);
	while (r == -EINVAL && sysfs_read(index, &device) == -ENOENT &&
		deadline_sleep(CLEAN_DEVICE_RETRY, deadline) == 0);
	return r;
}

/*
 * The first that is free, clean and not opened by anybody, or not there yet. -1: all that
 * are free are clean, and the kernel may pick.
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
		return connect_anew((unsigned)index, settings, deadline, ret_index, err);
	if (index >= 0)
		return nbd_netlink_connect(index, settings, deadline, ret_index, err);
	do {
		picked = pick(l);
		r = nbd_netlink_connect(picked, settings, deadline, ret_index, err);
	} while (r == -EBUSY && picked >= 0 && deadline_left(deadline) > 0);
	return r;
}
