/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <signal.h>
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

/* In a child; a terminal's signals come to that, too. */
static int disconnect(const void *index)
{
	struct error ignored;

	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	return nbd_netlink_disconnect(*(const unsigned *)index, &ignored);
}

/* Half a disconnection is no way back: who is impatient does not shorten it. */
static int wait_it_out(pid_t child, usec_t patience, int *ret_status)
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
 * The driver sends NBD_CMD_DISC before it shuts the links, and a server that reads
 * nothing holds it up, and all other nbd devices with it: then the links are shut first.
 * -EINPROGRESS: that has not come to its end yet, and goes on.
 */
static int disconnect_or_cut(
	unsigned index, const int sockets[NBD_LINKS_MAX], struct error *err)
{
	pid_t child = process_start(disconnect, &index);
	int status = 0, r = child;

	if (r > 0)
		r = wait_it_out(child, DISCONNECT_TIMEOUT, &status);
	if (r == -ETIMEDOUT) {
		for (size_t i = 0; sockets && i < NBD_LINKS_MAX; i++)
			if (sockets[i] >= 0)
				shutdown(sockets[i], SHUT_RDWR);
		r = wait_it_out(child, RELEASE_TIMEOUT, &status);
	}
	if (r < 0 && child > 0) {
		process_abandon(child);
		return error_set(err, FAULT_KERNEL, -EINPROGRESS,
			"the server of /dev/nbd%u does not take the disconnection; the kernel goes "
			"on trying",
			index);
	}
	if (r == 0)
		r = process_result(status);
	return r < 0 ? error_set(err, FAULT_KERNEL, r, "cannot disconnect /dev/nbd%u: %m",
			       index)
		     : 0;
}

/* It is disconnected already: who is impatient does not shorten that, either. */
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

/* The driver's own event comes while it still looks configured (nbd_config_put). */
static void announce_free(unsigned index)
{
	struct error ignored;

	(void)sysfs_trigger_uevent(index, "change", &ignored);
	(void)udev_settle(deadline_after(RELEASE_TIMEOUT));
}

static int announce_partition(unsigned index, const char *partition, void *none _unused_)
{
	char attribute[NAME_MAX + sizeof("/uevent")];

	snprintf(attribute, sizeof(attribute), "%s/uevent", partition);
	(void)sysfs_set(index, attribute, "change");
	return 0;
}

/*
 * The driver shows it as before: udev is told that the names are free. The disk first,
 * for its partitions' names are made from its.
 */
static void announce_over(unsigned index)
{
	static const char over[] = "change 00000000-0000-0000-0000-000000000000 OVER=1";
	struct error ignored;

	(void)sysfs_trigger_uevent(index, over, &ignored);
	(void)sysfs_each_partition(index, announce_partition, NULL);
	(void)udev_settle(deadline_after(RELEASE_TIMEOUT));
}

/* Disconnected, and somebody has not closed it. */
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

/* At any moment somebody may close it, and another attach take its number. */
static void tell_of_end(const char *name, unsigned index)
{
	struct sysfs_device device;

	if (is_configured(index, &device) && attachment_is(&device, name))
		warn_of_user(index);
	if (!is_configured(index, &device))
		announce_free(index);
	else if (attachment_is(&device, name) && attachment_is_over(&device))
		announce_over(index);
}

/*
 * The device's end. Nobody can begin to use it between the look and the disconnection.
 * Forced upon a device in use, it is disconnected, and the kernel keeps its number until
 * the last user has closed it. -ENODEV: another program has ended it already.
 */
static int end_device(const char *name, unsigned index, const int sockets[NBD_LINKS_MAX],
	bool force, usec_t udev_deadline, struct error *err)
{
	_cleanup_hold_ struct hold hold = HOLD_NONE;
	struct sysfs_device again;
	struct error unseen = {0};
	usec_t patience = RELEASE_TIMEOUT;
	int used, r;

	/* udev looks at a device when a writer closes it: let it, or it sees I/O errors.
	 */
	(void)udev_settle(udev_deadline);
	used = usage_hold(index, &hold, err);
	/* That took time: another program may have ended it and taken its number. */
	r = attachment_find(name, &again, &unseen);
	if (r == -ENOENT || (r == 0 && again.index != index))
		return error_set(err, FAULT_KERNEL, -ENODEV,
			"/dev/nbd%u was detached by another program meanwhile", index);
	if (used < 0 && (!force || used == -EINTR))
		return used;
	if (r < 0) {
		*err = unseen;
		return r;
	}
	if (used < 0)
		patience = RELEASE_FORCED_TIMEOUT;
	r = disconnect_or_cut(index, sockets, err);
	if (r < 0)
		return r;
	hold_release(&hold); /* the device is free when all have closed it */
	r = wait_for_release(name, index, patience, err);
	if (r < 0 && r != -ETIMEDOUT)
		return r;
	tell_of_end(name, index);
	return 0;
}

/* The same, and its state. */
static int end_claimed(const struct claim *claim, unsigned index,
	const int sockets[NBD_LINKS_MAX], bool force, usec_t udev_deadline,
	struct error *err)
{
	int r = end_device(claim->name, index, sockets, force, udev_deadline, err);

	if (r < 0 && r != -ENODEV)
		return r;
	if (r == -ENODEV)
		log_warning("%s had lost its device already", claim->name);
	claim_forget_state(claim);
	return 0;
}

/* With the claim in hand. */
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
		return end_claimed(
			claim, device.index, sockets, force, udev_deadline, err);
	log_warning("%s had lost its device already", claim->name);
	claim_forget_state(claim);
	return 0;
}

/* A device in use keeps its supervisor: looked at before anything is done to that. */
static int refuse_if_used(const char *name, usec_t udev_deadline, struct error *err)
{
	struct sysfs_device device;
	struct error ignored;

	if (attachment_find(name, &device, &ignored) < 0)
		return 0;
	(void)udev_settle(udev_deadline);
	return usage_check(device.index, err);
}

/* After a failure: is it attached as before, but for the supervisor? */
static bool needs_supervisor(const struct stopped *stopped, const char *name, int r)
{
	struct sysfs_device device;
	struct error ignored;

	/* -EINPROGRESS: it is being disconnected; -ETIMEDOUT: the supervisor is there. */
	return stopped->stopped && r < 0 && r != -EINPROGRESS && r != -ETIMEDOUT &&
		attachment_find(name, &device, &ignored) == 0;
}

/*
 * Who holds the name cannot be reached from here. A supervisor sees by itself that its
 * device is gone, forgets it, and ends.
 */
static int remove_unseen(const char *name, bool force, struct error *err)
{
	usec_t deadline = deadline_after(RELEASE_TIMEOUT);
	struct sysfs_device device;
	pid_t holder;
	int r;

	if (!force)
		return error_set(err, FAULT_KERNEL, -EBUSY,
			"%s is in the hands of a process in another PID namespace (a "
			"container's, or outside of this one): detach it there, or use --force",
			name);
	r = attachment_find(name, &device, err);
	if (r == -ENOENT)
		return error_set(err, FAULT_KERNEL, -EBUSY,
			"%s has no device yet: end the attach in the other PID namespace",
			name);
	if (r == 0)
		r = end_device(name, device.index, NULL, true, deadline, err);
	if (r == -ENODEV)
		r = 0; /* its supervisor sees that, too */
	while (r == 0 && claim_is_held(name, &holder))
		if (deadline_sleep(DETACH_CHECK, deadline) < 0)
			break; /* it is busy; the disk is detached */
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
		return remove_unseen(name, force, err);
	if (r == 0 && !force)
		r = refuse_if_used(name, udev_deadline, err);
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
	return end_claimed(&a->claim, a->state.index, a->sockets, false,
		deadline_after(udev_patience), err);
}
