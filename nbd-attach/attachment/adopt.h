/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device whose supervisor is gone, and who goes on with it. */
#pragma once

#include "attachment/attachment.h"

/*
 * Takes over a device whose supervisor is gone, as its state tells. Its sockets are the
 * kernel's alone. -ENOENT: there is no such device (any more), or it had not come to be
 * ready and was taken down; -EBUSY: somebody else has it in his hands; -EEXIST,
 * FAULT_KERNEL: device and state do not fit; -EBADMSG: the state is broken.
 */
int attachment_adopt(const char *name, struct attachment *ret, struct error *err);

/*
 * The name of the device that t asks for, if it is attached and nobody supervises it.
 * -ENOENT: there is none. Where t has a name, FAULT_KERNEL: -EBUSY, that one is
 * supervised; -EEXIST, it is attached to something else, or its state is broken.
 */
int attachment_find_orphan(
	const struct target *t, char name[NBD_NAME_MAX + 1], struct error *err);
