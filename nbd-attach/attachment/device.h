/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which device is which attachment: the kernel's backend identifier tells. */
#pragma once

#include "kernel/sysfs.h"
#include "target/target.h"

/* A backend identifier of ours is this and the attachment's name. */
#define BACKEND_PREFIX "nbd-attach:"
#define BACKEND_SIZE   (sizeof(BACKEND_PREFIX) + NBD_NAME_MAX)

/* The attachment's name if the device is one of ours, else NULL. */
const char *attachment_name(const struct sysfs_device *device);

/* Whether the device is the attachment of that name. */
bool attachment_is(const struct sysfs_device *device, const char *name);

/* The backend identifier for that name. */
void attachment_backend(const char *name, char out[BACKEND_SIZE]);

/*
 * Finds the configured device whose backend identifier is NAME's, and that is not
 * disconnected. -ENOENT: there is none, and err is unchanged. Otherwise FAULT_KERNEL.
 */
int attachment_find(const char *name, struct sysfs_device *ret, struct error *err);

/*
 * Whether a device is disconnected already, and remains only because somebody has it
 * open. The kernel shows it as before, and tells only root. Its name is free.
 */
bool attachment_is_disconnected(const struct sysfs_device *device);

/* Only root can attach and detach: -EPERM, FAULT_KERNEL. */
int attachment_check_root(struct error *err);
