/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

#include "attachment/attachment.h"
#include "attachment/claim.h"
#include "attachment/detach.h"
#include "attachment/device.h"
#include "attachment/state-file.h"
#include "attachment/stop-supervisor.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/process.h"
#include "common/timeouts.h"
#include "kernel/nbd-netlink.h"
#include "kernel/udev.h"
#include "kernel/usage.h"

/* Runs in a child. */
static int disconnect(const void *index)
{
	struct error ignored;

	return nbd_netlink_disconnect(*(const unsigned *)index, &ignored);
}

/* Not interruptible: a disconnection cannot be undone half-way. */
static int wait_uninterrupted(pid_t child, usec_t patience, int *ret_status)
{
	usec_t deadline = deadline_after(patience);
	int r = process_wait(child, deadline, ret_status);

	while (r == -EINTR) {
		interrupt_clear();
		r = process_wait(child, deadline, ret_status);
	}
	return r;
}

/*
 * The driver sends NBD_CMD_DISC before it shuts down the links, and a server that does
 * not read blocks it, and all other nbd devices: then the links are shut down first.
 * -EINPROGRESS: the disconnection is not finished yet, and continues.
 */
static int disconnect_device(
	unsigned index, const int sockets[NBD_LINKS_MAX], struct error *err)
{
	pid_t child = process_start_uninterrupted(disconnect, &index);
	int status = 0, r = child;

	if (r > 0)
		r = wait_uninterrupted(child, DISCONNECT_TIMEOUT, &status);
	if (r == -ETIMEDOUT) {
		for (size_t i = 0; sockets && i < NBD_LINKS_MAX; i++)
			if (sockets[i] >= 0)
				shutdown(sockets[i], SHUT_RDWR);
		r = wait_uninterrupted(child, RELEASE_TIMEOUT, &status);
	}
	if (r < 0 && child > 0) {
		process_abandon(child);
		return error_set(err, FAULT_KERNEL, -EINPROGRESS,
			"the server of /dev/nbd%u does not accept the disconnection; the kernel "
			"keeps trying",
			index);
	}
	if (r == 0)
		r = process_result(status);
	return r < 0 ? error_set(err, FAULT_KERNEL, r, "cannot disconnect /dev/nbd%u: %m",
			       index)
		     : 0;
}

/* Not interruptible either: the device is disconnected already. */
static int wait_for_release(
	const char *name, unsigned index, usec_t patience, struct error *err)
{
	usec_t deadline = deadline_after(patience);
	char backend[BACKEND_SIZE];
	int r;

	attachment_backend(name, backend);
	while ((r = sysfs_wait_released(index, backend, deadline, err)) == -EINTR)
		interrupt_clear();
	return r;
}

/* The driver's own event comes while the device looks configured (nbd_config_put). */
static void announce_free(unsigned index)
{
	_cleanup_(udev_event_done) struct udev_event event = UDEV_EVENT_NONE;
	struct error ignored;

	if (udev_trigger(index, "change", &event, &ignored) == 0)
		(void)udev_await(&event, deadline_after(RELEASE_TIMEOUT));
}

static int announce_partition(unsigned index, const char *partition, void *none _unused_)
{
	char attribute[NAME_MAX + sizeof("/uevent")];

	snprintf(attribute, sizeof(attribute), "%s/uevent", partition);
	(void)sysfs_set(index, attribute, "change");
	return 0;
}

/*
 * The driver shows the device as before, so tell udev that its names are free. The disk
 * comes first, because the names of partitions are made from its name.
 */
static void announce_disconnected(unsigned index)
{
	static const char over[] = "change 00000000-0000-0000-0000-000000000000 OVER=1";
	struct error ignored;

	(void)sysfs_trigger_uevent(index, over, &ignored);
	(void)sysfs_each_partition(index, announce_partition, NULL);
	(void)udev_settle(deadline_after(RELEASE_TIMEOUT));
}

/* It is disconnected, but still open. */
static void warn_of_user(unsigned index)
{
	struct usage_user user = {.how = "something has it open"};

	(void)usage_find(index, &user);
	log_warning(
		"/dev/nbd%u is disconnected, but still open: %s; the kernel frees it after "
		"the last close",
		index, user.how);
}

static bool is_configured(unsigned index, struct sysfs_device *ret)
{
	return sysfs_read(index, ret) == 0 && ret->configured;
}

/* At any moment the last user may close it, and another attach get its number. */
static void announce_end(const char *name, unsigned index)
{
	struct sysfs_device device;

	if (is_configured(index, &device) && attachment_is(&device, name))
		warn_of_user(index);
	if (!is_configured(index, &device))
		announce_free(index);
	else if (attachment_is(&device, name) && attachment_is_disconnected(&device))
		announce_disconnected(index);
}

enum condition {
	END_IF_UNUSED,
	END_UNREAD, /* the same; its partition table was never read */
	END_ALWAYS,
};

/*
 * Disconnects the device. Nobody can begin to use it between the check and the
 * disconnection. With END_ALWAYS a device in use is disconnected, too, and the kernel
 * keeps its number until the last close. udev_deadline 0: udev was waited for. -ENODEV:
 * another program has disconnected it already.
 */
static int end_device(const char *name, unsigned index, const int sockets[NBD_LINKS_MAX],
	enum condition condition, usec_t udev_deadline, struct error *err)
{
	_cleanup_hold_ struct hold hold = HOLD_NONE;
	struct sysfs_device again;
	struct error unseen = {0};
	usec_t patience = RELEASE_TIMEOUT;
	int used, r;

	/* udev probes a device when a writer closes it: wait, or it gets I/O errors. */
	if (udev_deadline > 0)
		(void)udev_settle(udev_deadline);
	used = usage_hold(index, condition == END_UNREAD, &hold, err);
	/* Meanwhile another program may have disconnected it and got its number. */
	r = attachment_find(name, &again, &unseen);
	if (r == -ENOENT || (r == 0 && again.index != index))
		return error_set(err, FAULT_KERNEL, -ENODEV,
			"/dev/nbd%u was detached by another program meanwhile", index);
	if (used < 0 && (condition != END_ALWAYS || used == -EINTR))
		return used;
	if (r < 0) {
		*err = unseen;
		return r;
	}
	if (used < 0)
		patience = RELEASE_FORCED_TIMEOUT;
	r = disconnect_device(index, sockets, err);
	if (r < 0)
		return r;
	hold_release(&hold); /* the device is freed by the last close */
	r = wait_for_release(name, index, patience, err);
	if (r < 0 && r != -ETIMEDOUT)
		return r;
	announce_end(name, index);
	return 0;
}

/* The same, and removes its state. */
static int end_claimed(const struct claim *claim, unsigned index,
	const int sockets[NBD_LINKS_MAX], enum condition condition, usec_t udev_deadline,
	struct error *err)
{
	int r = end_device(claim->name, index, sockets, condition, udev_deadline, err);

	if (r < 0 && r != -ENODEV)
		return r;
	if (r == -ENODEV)
		log_warning("%s had lost its device already", claim->name);
	claim_forget_state(claim);
	return 0;
}

/* Called with the claim held. */
static int remove_claimed(const struct claim *claim, const int sockets[NBD_LINKS_MAX],
	bool force, usec_t udev_deadline, struct error *err)
{
	struct sysfs_device device;
	struct state state;
	int found = attachment_find(claim->name, &device, err);

	if (found < 0 && found != -ENOENT)
		return found;
	if (found == -ENOENT && state_read(claim->name, &state, NULL, err) == -ENOENT)
		return -ENOENT;
	if (found == 0)
		return end_claimed(claim, device.index, sockets,
			force ? END_ALWAYS : END_IF_UNUSED, udev_deadline, err);
	log_warning("%s had lost its device already", claim->name);
	claim_forget_state(claim);
	return 0;
}

/* Checked before the supervisor is stopped: a device in use keeps it. */
static int refuse_if_used(const char *name, usec_t udev_deadline, struct error *err)
{
	struct sysfs_device device;
	struct error ignored;

	if (attachment_find(name, &device, &ignored) < 0)
		return 0;
	(void)udev_settle(udev_deadline);
	return usage_check(device.index, err);
}

/* After a failure: is it still attached, but without its supervisor? */
static bool needs_supervisor(const struct stopped *stopped, const char *name, int r)
{
	struct sysfs_device device;
	struct error ignored;

	/* -EINPROGRESS: it is being disconnected; -ETIMEDOUT: the supervisor still runs.
	 */
	return stopped->stopped && r < 0 && r != -EINPROGRESS && r != -ETIMEDOUT &&
		attachment_find(name, &device, &ignored) == 0;
}

/*
 * The holder of the name is in another PID namespace and cannot be signalled. A
 * supervisor notices by itself that its device is gone, removes the state and exits.
 */
static int remove_of_other_namespace(const char *name, bool force, struct error *err)
{
	usec_t deadline = deadline_after(RELEASE_TIMEOUT);
	struct sysfs_device device;
	pid_t holder;
	int r;

	if (!force)
		return error_set(err, FAULT_KERNEL, -EBUSY,
			"%s is held by a process in another PID namespace (in a container, or "
			"outside of this one): detach it there, or use --force",
			name);
	r = attachment_find(name, &device, err);
	if (r == -ENOENT)
		return error_set(err, FAULT_KERNEL, -EBUSY,
			"%s has no device yet: stop the attach in the other PID namespace",
			name);
	if (r == 0)
		r = end_device(name, device.index, NULL, END_ALWAYS, deadline, err);
	if (r == -ENODEV)
		r = 0; /* its supervisor notices that, too */
	while (r == 0 && claim_is_held(name, &holder))
		if (deadline_sleep(DETACH_CHECK, deadline) < 0)
			break; /* the supervisor is busy, but the disk is detached */
	return r;
}

int attachment_remove(const char *name, bool force, bool *ret_let_go, struct error *err)
{
	_cleanup_stopped_ struct stopped stopped = STOPPED_NONE;
	_cleanup_claim_ struct claim claim = CLAIM_NONE;
	usec_t udev_deadline = deadline_after(RELEASE_TIMEOUT);
	pid_t holder;
	int r = attachment_check_root(err);

	if (ret_let_go)
		*ret_let_go = false;
	if (r == 0 && claim_is_held(name, &holder) && holder == 0)
		return remove_of_other_namespace(name, force, err);
	if (r == 0 && !force) {
		r = refuse_if_used(name, udev_deadline, err);
		udev_deadline = 0;
	}
	if (r == 0)
		r = stop_supervisor(name, &stopped, err);
	if (r == 0)
		r = claim_take(name, &claim, err);
	if (r == 0)
		r = remove_claimed(&claim, stopped.sockets, force, udev_deadline, err);
	if (ret_let_go)
		*ret_let_go = needs_supervisor(&stopped, name, r);
	return r;
}

int attachment_end(struct attachment *a, usec_t udev_patience, struct error *err)
{
	return end_claimed(&a->claim, a->state.index, a->sockets,
		a->unread ? END_UNREAD : END_IF_UNUSED, deadline_after(udev_patience),
		err);
}
