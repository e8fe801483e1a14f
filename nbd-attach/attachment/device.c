/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "attachment/device.h"
#include "attachment/state-file.h"
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

static bool is_attachment(const struct sysfs_device *device, const char *name)
{
	return device->configured && attachment_is(device, name) &&
		!attachment_is_disconnected(device);
}

/* Where its state says: other disks need not be looked at. */
static bool find_by_state(const char *name, struct sysfs_device *ret)
{
	struct error ignored;
	struct state state;

	return state_read(name, &state, NULL, &ignored) == 0 &&
		sysfs_read(state.index, ret) == 0 && is_attachment(ret, name);
}

int attachment_find(const char *name, struct sysfs_device *ret, struct error *err)
{
	_cleanup_free_ struct sysfs_device *list = NULL;
	size_t n = 0;
	int r;

	if (find_by_state(name, ret))
		return 0;
	r = sysfs_list(&list, &n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (is_attachment(&list[i], name)) {
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
