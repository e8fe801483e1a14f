/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Detaching. */
#pragma once

#include "attachment/attachment.h"

/*
 * Detaches the device that is attached as `name`; refuses while it is in use (-EBUSY),
 * unless `force`. If it stays open, the kernel keeps its number, and a warning says so.
 * Its supervisor is asked to exit, and killed if it does not. Bounded in time. A state
 * without a device is removed. -ENOENT, FAULT_NO_SUCH: there is neither. *ret_let_go (may
 * be NULL): a supervisor has exited, but the device is still attached and needs another.
 */
int attachment_remove(const char *name, bool force, bool *ret_let_go, struct error *err);

/*
 * The same for a device held by this process, whether it is ready or not. -EBUSY: it is
 * in use, err says by whom, and it stays attached. A device that is gone already is only
 * warned of.
 */
int attachment_end(struct attachment *a, usec_t udev_patience, struct error *err);
