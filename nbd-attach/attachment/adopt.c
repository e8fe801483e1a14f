/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "attachment/adopt.h"
#include "attachment/attachment.h"
#include "attachment/claim.h"
#include "attachment/detach.h"
#include "attachment/device.h"
#include "attachment/fd-store.h"
#include "attachment/state-file.h"
#include "common/log.h"
#include "common/timeouts.h"

/* Whether that name is an attached, unsupervised device of t's export. */
static int check_orphan(const char *name, const struct target *t, struct error *err)
{
	_cleanup_target_ struct target saved;
	struct sysfs_device device;
	struct state state;
	pid_t holder;
	int r;

	target_init(&saved);
	r = attachment_find(name, &device, err);
	if (r < 0)
		return r;
	if (claim_is_held(name, &holder)) {
		if (holder == 0)
			return error_set(err, FAULT_KERNEL, -EBUSY,
				"%s is attached already, as /dev/nbd%u, and supervised in "
				"another PID namespace",
				name, device.index);
		return error_set(err, FAULT_KERNEL, -EBUSY,
			"%s is attached already, as /dev/nbd%u, and supervised by process %d",
			name, device.index, holder);
	}
	r = state_read(name, &state, &saved, err);
	if (r < 0)
		return error_set(err, FAULT_KERNEL, -EEXIST,
			"%s is attached as /dev/nbd%u, but its state in " STATE_DIRECTORY
			"/%s is missing or broken: detach it first",
			name, device.index, name);
	if (!target_is_same_export(t, &saved))
		return error_set(err, FAULT_KERNEL, -EEXIST,
			"%s is attached already, as /dev/nbd%u, to another export of %s: "
			"detach it first, or choose another --name",
			name, device.index, state.server);
	if (t->read_only != saved.read_only || t->block_size != saved.block_size)
		return error_set(err, FAULT_KERNEL, -EEXIST,
			"%s is attached already, as /dev/nbd%u, with another --read-only or "
			"--block-size: detach it first, or use the same options",
			name, device.index);
	return 0;
}

int attachment_find_orphan(
	const struct target *t, char name[NBD_NAME_MAX + 1], struct error *err)
{
	struct error this = {0};
	int r;

	if (t->name)
		snprintf(name, NBD_NAME_MAX + 1, "%s", t->name);
	else
		target_derive_name(t, name);
	r = check_orphan(name, t, &this);
	if (r < 0 && !t->name)
		return -ENOENT; /* another name will do */
	if (r < 0)
		*err = this;
	return r;
}

/*
 * Its attach was killed: nobody needs it, unless it is in use already. Then the caller is
 * to make it ready. -ENOENT: it was detached.
 */
static int detach_unfinished(struct attachment *a, unsigned index, struct error *err)
{
	int r;

	a->state.index = index;
	r = attachment_end(a, RELEASE_TIMEOUT, err);
	if (r != -EBUSY)
		return r < 0 ? r : -ENOENT;
	log_warning("the attach of %s was interrupted, but the device is kept: %s",
		a->claim.name, err->text);
	return 0;
}

static int take_state(struct attachment *a, struct error *err)
{
	struct sysfs_device device;
	int r = attachment_find(a->claim.name, &device, err);

	if (r == -ENOENT)
		claim_forget_state(&a->claim);
	if (r == 0)
		r = state_read(a->claim.name, &a->state, NULL, err);
	if (r < 0)
		return r;
	if (!a->state.ready)
		r = detach_unfinished(a, device.index, err);
	if (r < 0)
		return r;
	/* It may have grown just before its supervisor died, but cannot shrink. */
	if (device.size < a->state.size)
		return error_set(err, FAULT_KERNEL, -EEXIST,
			"%s does not match its state file: /dev/nbd%u has %" PRIu64
			" bytes instead of %" PRIu64,
			a->claim.name, device.index, device.size, a->state.size);
	a->state.index = device.index;
	a->state.size = device.size;
	return 0;
}

int attachment_adopt(const char *name, struct attachment *ret, struct error *err)
{
	_cleanup_attachment_ struct attachment a = ATTACHMENT_NONE;
	int r = attachment_check_root(err);

	if (r == 0)
		r = claim_take(name, &a.claim, err);
	if (r == 0)
		r = take_state(&a, err);
	if (r < 0)
		return r;
	state_add_event(&a.state, -1, "adopted", "taken over as /dev/nbd%u by process %d",
		a.state.index, getpid());
	fd_store_take(&a);
	a.adopted = true;
	*ret = a;
	a = ATTACHMENT_NONE;
	return 0;
}
