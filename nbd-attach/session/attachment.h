/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a target to a device that is ready to use, and back to nothing. */
#pragma once

#include "common/error.h"
#include "kernel/sysfs.h"
#include "session/state.h"
#include "target/target.h"

/* The kernel's name for a device of ours is this and the attachment's name. */
#define BACKEND_PREFIX "nbd-attach:"

#define RELEASE_PATIENCE (10 * USEC_PER_SEC) /* for the driver to let go of a device */

/*
 * Attaches: links, device, queue limits, partitions, udev, state. *ret_index is the
 * device to use. On failure nothing is left in the kernel or in /run. -EEXIST: the name
 * is taken.
 */
int attachment_create(const struct target *t, unsigned *ret_index, struct error *err);

/*
 * Detaches the device that `name` is attached to; refuses while it is in use (-EBUSY),
 * unless `force`. Bounded in time. A state without a device is cleared away. -ENOENT,
 * FAULT_NO_SUCH: there is neither.
 */
int attachment_remove(const char *name, bool force, struct error *err);

/*
 * The device's end, without asking who uses it: NBD_CMD_DISC, then udev is told once the
 * driver has let go, for which it has `patience` (-ETIMEDOUT, FAULT_KERNEL).
 */
int attachment_take_down(unsigned index, usec_t patience, struct error *err);

/*
 * The configured device whose backend says it is NAME's. -ENOENT: there is none, and err
 * is left alone. Otherwise FAULT_KERNEL.
 */
int attachment_find(const char *name, struct sysfs_device *ret, struct error *err);

/* Attaching and detaching are for root: -EPERM, FAULT_KERNEL. */
int attachment_check_root(struct error *err);

/* The attachment's name if the device is one of ours, else NULL. */
const char *attachment_name(const struct sysfs_device *device);
