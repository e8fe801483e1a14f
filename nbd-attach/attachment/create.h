/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attaching: from a target to a device that is ready to use. */
#pragma once

#include "attachment/attachment.h"

/*
 * Makes the links, the state and the device. With `supervised` the requests of a single
 * link never time out: the caller must call supervise(), which makes the device ready. On
 * failure nothing is left in the kernel or in /run. -EEXIST: the name is taken.
 */
int attachment_create(const struct target *t, bool supervised, struct attachment *ret,
	struct error *err);

/*
 * Makes the device ready to use without a supervisor: see attachment/bring-up.h. On
 * failure it still exists: attachment_give_up().
 */
int attachment_make_ready(
	struct attachment *a, const struct target *t, struct error *err);

/*
 * Detaches a device that is not ready, for the reason in err. If somebody uses it
 * already, by udev's names, it stays attached and becomes ready, and err says so: -EBUSY.
 * Otherwise returns r.
 */
int attachment_give_up(
	struct attachment *a, const struct target *t, int r, struct error *err);

/* Logs warnings about an attachment: certificate, duplicates, partitions. */
void attachment_warn(const struct attachment *a, const struct target *t);
