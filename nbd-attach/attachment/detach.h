/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of an attachment. */
#pragma once

#include "attachment/attachment.h"

/*
 * Detaches the device that `name` is attached to; refuses while it is in use (-EBUSY),
 * unless `force`. Who has it open still keeps its number, of which is warned. Its
 * supervisor is asked to let go, and killed if it does not. Bounded in time. A state
 * without a device is cleared away. -ENOENT, FAULT_NO_SUCH: there is neither. *ret_let_go
 * (may be NULL): a supervisor has let go, and the device is still attached: it needs
 * another.
 */
int attachment_remove(const char *name, bool force, bool *ret_let_go, struct error *err);

/*
 * The same for a device in the hands of this process, whether it is ready or not. -EBUSY:
 * it is in use, err says by whom, and it stays attached. One that is gone already is of
 * no matter, and warned of.
 */
int attachment_end(struct attachment *a, usec_t udev_patience, struct error *err);
