/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "common/log.h"
#include "common/process.h"
#include "kernel/nbd-netlink.h"
#include "kernel/udev.h"
#include "kernel/usage.h"
#include "session/attachment.h"
#include "session/spawn.h"

#define FORCED_PATIENCE (1 * USEC_PER_SEC)
#define LET_GO_PATIENCE (3 * USEC_PER_SEC)

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

static bool is_supervisor(pid_t pid)
{
	char path[32];
	_cleanup_fclose_ FILE *file = NULL;
	char name[32] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	return file && fgets(name, sizeof(name), file) &&
		strcmp(name, SUPERVISOR_PROGRAM "\n") == 0;
}

/* Asked first; killed if it does not listen: nothing is lost with it. */
static int stop_process(int pidfd)
{
	int r = -ETIMEDOUT;

	if (syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0U) == 0)
		r = deadline_wait(pidfd, POLLIN, deadline_after(LET_GO_PATIENCE));
	if (r == -ETIMEDOUT &&
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0U) == 0)
		r = deadline_wait(pidfd, POLLIN, deadline_after(LET_GO_PATIENCE));
	return r;
}

/*
 * Ends the supervisor of `name`, if it has one. Who else holds the name, to attach or to
 * detach it, is soon done with that.
 */
static int stop_supervisor(const char *name, bool *ret_stopped, struct error *err)
{
	_cleanup_close_ int pidfd = -1;
	pid_t pid = state_holder(name);
	int r;

	if (pid <= 0 || !is_supervisor(pid))
		return 0;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0U);
	if (pidfd < 0 || state_holder(name) != pid)
		return 0; /* gone just now */
	r = stop_process(pidfd);
	if (r < 0)
		return error_set(err, FAULT_KERNEL, r,
			"the supervisor of %s (pid %d) does not end: %m", name, pid);
	*ret_stopped = true;
	return 0;
}

/* With the claim in hand. *ret_attached: the device stays. */
static int remove_claimed(
	const struct claim *claim, bool force, bool *ret_attached, struct error *err)
{
	struct sysfs_device device;
	struct state state;
	int r, found = attachment_find(claim->name, &device, err);

	if (found < 0 && found != -ENOENT)
		return found;
	if (found == -ENOENT && state_read(claim->name, &state, NULL, err) == -ENOENT)
		return -ENOENT;
	if (found == 0) {
		r = end_device(claim->name, device.index, force, err);
		*ret_attached = r < 0;
		if (r < 0)
			return r;
	} else {
		log_warning("%s had lost its device already", claim->name);
	}
	state_forget(claim);
	return 0;
}

/* A device in use keeps its supervisor: looked at before anything is done to that. */
static int refuse_if_used(const char *name, struct error *err)
{
	struct sysfs_device device;
	struct error ignored;

	if (attachment_find(name, &device, &ignored) < 0)
		return 0;
	(void)udev_settle(deadline_after(RELEASE_PATIENCE));
	return usage_check(device.index, err);
}

int attachment_remove(const char *name, bool force, bool *ret_let_go, struct error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_NONE;
	bool stopped = false, attached = false;
	int r = attachment_check_root(err);

	if (r == 0 && !force)
		r = refuse_if_used(name, err);
	if (r == 0)
		r = stop_supervisor(name, &stopped, err);
	if (r == 0)
		r = state_claim(name, &claim, err);
	if (r == 0)
		r = remove_claimed(&claim, force, &attached, err);
	if (ret_let_go)
		*ret_let_go = stopped && attached;
	return r;
}

int attachment_end(struct attachment *a, struct error *err)
{
	int r = end_device(a->claim.name, a->state.index, false, err);

	if (r == 0)
		state_forget(&a->claim);
	return r;
}
