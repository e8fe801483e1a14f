/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a target to a device that is ready to use. */
#pragma once

#include "attachment/attachment.h"

/*
 * Attaches: links, state, device. With `supervised` a single link's requests never time
 * out: somebody must call supervise(), which makes the device ready. On failure nothing
 * is left in the kernel or in /run. -EEXIST: the name is taken.
 */
int attachment_create(const struct target *t, bool supervised, struct attachment *ret,
	struct error *err);

/*
 * Makes the device ready to use where nobody supervises it: see attachment/bring-up.h. On
 * failure it is there still: attachment_give_up().
 */
int attachment_make_ready(
	struct attachment *a, const struct target *t, struct error *err);

/*
 * Ends a device that has not come to be ready, for the reason in err, unless somebody
 * uses it already, by the names that udev has given it: then it stays attached, and
 * counts as ready; err says that, too. -EBUSY: it stays. Otherwise r.
 */
int attachment_give_up(
	struct attachment *a, const struct target *t, int r, struct error *err);

/* Says in the log where t has it trust its server more than is usual. */
void attachment_warn(const struct attachment *a, const struct target *t);
