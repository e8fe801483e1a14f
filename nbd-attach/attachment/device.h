/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which device is which attachment: the kernel knows by the backend identifier. */
#pragma once

#include "kernel/sysfs.h"
#include "target/target.h"

/* The kernel's name for a device of ours is this and the attachment's name. */
#define BACKEND_PREFIX "nbd-attach:"
#define BACKEND_SIZE   (sizeof(BACKEND_PREFIX) + NBD_NAME_MAX)

/* The attachment's name if the device is one of ours, else NULL. */
const char *attachment_name(const struct sysfs_device *device);

/* Whether the device is the attachment of that name. */
bool attachment_is(const struct sysfs_device *device, const char *name);

/* What a device's backend identifier must be. */
void attachment_backend(const char *name, char out[BACKEND_SIZE]);

/*
 * The configured device whose backend says it is NAME's, and that is not over. -ENOENT:
 * there is none, and err is left alone. Otherwise FAULT_KERNEL.
 */
int attachment_find(const char *name, struct sysfs_device *ret, struct error *err);

/*
 * Whether a device is disconnected already, and there only for somebody who has it open:
 * the kernel shows it as before then, and tells no one but root. The name is free.
 */
bool attachment_is_over(const struct sysfs_device *device);

/* Attaching and detaching are for root: -EPERM, FAULT_KERNEL. */
int attachment_check_root(struct error *err);
