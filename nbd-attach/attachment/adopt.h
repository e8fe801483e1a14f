/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices without a supervisor, and taking them over. */
#pragma once

#include "attachment/attachment.h"

/*
 * Takes over a device whose supervisor is gone, according to its state. Only the kernel
 * has its sockets, unless the service manager has kept them. -ENOENT: there is no such
 * device (any more), or it was not ready and was detached; -EBUSY: another process holds
 * it; -EEXIST, FAULT_KERNEL: device and state do not match; -EBADMSG: the state is
 * broken.
 */
int attachment_adopt(const char *name, struct attachment *ret, struct error *err);

/*
 * Finds the name of the device that t asks for, if it is attached and not supervised.
 * -ENOENT: there is none. If t has a name, FAULT_KERNEL: -EBUSY, that device is
 * supervised; -EEXIST, it is attached to something else, or its state is broken.
 */
int attachment_find_orphan(
	const struct target *t, char name[NBD_NAME_MAX + 1], struct error *err);
