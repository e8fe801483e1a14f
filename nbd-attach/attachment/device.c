/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "attachment/device.h"
#include "common/process.h"
#include "common/timeouts.h"
#include "kernel/nbd-netlink.h"

const char *attachment_name(const struct sysfs_device *device)
{
	size_t prefix = strlen(BACKEND_PREFIX);

	if (strncmp(device->backend, BACKEND_PREFIX, prefix) != 0)
		return NULL;
	return target_name_is_valid(device->backend + prefix) ? device->backend + prefix
							      : NULL;
}

void attachment_backend(const char *name, char out[BACKEND_SIZE])
{
	snprintf(out, BACKEND_SIZE, BACKEND_PREFIX "%s", name);
}

bool attachment_is(const struct sysfs_device *device, const char *name)
{
	const char *found = attachment_name(device);

	return found && strcmp(found, name) == 0;
}

static int reconfigure_nothing(const void *userdata)
{
	const struct sysfs_device *device = userdata;
	struct nbd_settings nothing = NBD_NOTHING;
	struct error ignored;

	nothing.backend = device->backend;
	return nbd_netlink_reconfigure(device->index, &nothing, &ignored);
}

/* In a child: a disconnection that hangs blocks every request to the driver. */
bool attachment_is_disconnected(const struct sysfs_device *device)
{
	return geteuid() == 0 &&
		process_run(reconfigure_nothing, device,
			deadline_after(DRIVER_TIMEOUT)) == -EINVAL;
}

int attachment_find(const char *name, struct sysfs_device *ret, struct error *err)
{
	_cleanup_free_ struct sysfs_device *list = NULL;
	size_t n = 0;
	int r = sysfs_list(&list, &n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (attachment_is(&list[i], name) &&
			!attachment_is_disconnected(&list[i])) {
			*ret = list[i];
			return 0;
		}
	return -ENOENT;
}

int attachment_check_root(struct error *err)
{
	if (geteuid() == 0)
		return 0;
	return error_set(err, FAULT_KERNEL, -EPERM,
		"attaching and detaching require root: try again with sudo");
}
