/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/process.h"
#include "kernel/nbd-netlink.h"
#include "kernel/udev.h"
#include "kernel/usage.h"
#include "session/attachment.h"

#define FORCED_PATIENCE (1 * USEC_PER_SEC)

const char *attachment_name(const struct sysfs_device *device)
{
	size_t prefix = strlen(BACKEND_PREFIX);

	if (strncmp(device->backend, BACKEND_PREFIX, prefix) != 0)
		return NULL;
	return target_name_is_valid(device->backend + prefix) ? device->backend + prefix
							      : NULL;
}

int attachment_find(const char *name, struct sysfs_device *ret, struct error *err)
{
	_cleanup_free_ struct sysfs_device *list = NULL;
	size_t n = 0;
	int r = sysfs_list(&list, &n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		const char *found = attachment_name(&list[i]);

		if (found && strcmp(found, name) == 0) {
			*ret = list[i];
			return 0;
		}
	}
	return -ENOENT;
}

int attachment_check_root(struct error *err)
{
	if (geteuid() == 0)
		return 0;
	return error_set(err, FAULT_KERNEL, -EPERM,
		"attaching and detaching need root: try again with sudo");
}

static int disconnect(const void *index)
{
	struct error ignored;

	return nbd_netlink_disconnect(*(const unsigned *)index, &ignored);
}

int attachment_take_down(unsigned index, usec_t patience, struct error *err)
{
	struct error ignored;
	/* The kernel may wait long for a dead server to take NBD_CMD_DISC: let a child
	 * wait. */
	int r = process_run(disconnect, &index, deadline_after(RELEASE_PATIENCE));

	if (r == -ETIMEDOUT)
		return error_set(err, FAULT_KERNEL, -EAGAIN,
			"the server of /dev/nbd%u does not take the disconnection; the kernel goes "
			"on trying",
			index);
	if (r < 0)
		return error_set(
			err, FAULT_KERNEL, r, "cannot disconnect /dev/nbd%u: %m", index);
	r = sysfs_wait_released(index, deadline_after(patience), err);
	if (r < 0)
		return r;
	/* The driver's own event comes while it still looks configured (nbd_config_put).
	 */
	(void)sysfs_announce(index, &ignored);
	(void)udev_settle(deadline_after(RELEASE_PATIENCE));
	return 0;
}

/*
 * The device's end. Forced upon a device in use, it is disconnected, and the kernel keeps
 * its number until the last user has closed it.
 */
static int end_device(const char *name, unsigned index, bool force, struct error *err)
{
	struct sysfs_device again;
	struct error used = {0};
	usec_t patience = RELEASE_PATIENCE;
	int r;

	/* udev looks at a device when a writer closes it: let it, or it sees I/O errors.
	 */
	(void)udev_settle(deadline_after(RELEASE_PATIENCE));
	r = usage_check(index, &used);
	if (r < 0 && !force) {
		*err = used;
		return r;
	}
	/* That took time: another program may have ended it and taken its number. */
	if (attachment_find(name, &again, err) < 0 || again.index != index)
		return error_set(err, FAULT_KERNEL, -EBUSY,
			"/dev/nbd%u was detached by another program meanwhile", index);
	if (r == -EBUSY)
		patience = FORCED_PATIENCE;
	r = attachment_take_down(index, patience, err);
	if (r != -ETIMEDOUT || !force)
		return r;
	log_warning(
		"/dev/nbd%u is disconnected, but still open: the kernel frees it after the "
		"last close",
		index);
	return 0;
}

int attachment_remove(const char *name, bool force, struct error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_NONE;
	struct sysfs_device device;
	struct state state;
	int r, found;

	r = attachment_check_root(err);
	if (r == 0)
		r = state_claim(name, &claim, err);
	if (r < 0)
		return r;
	found = attachment_find(name, &device, err);
	if (found < 0 && found != -ENOENT)
		return found;
	if (found == -ENOENT && state_read(name, &state, NULL, err) == -ENOENT)
		return -ENOENT;
	if (found == 0)
		r = end_device(name, device.index, force, err);
	if (r < 0)
		return r;
	if (found == -ENOENT)
		log_warning("%s had lost its device already", name);
	state_forget(&claim);
	return 0;
}
