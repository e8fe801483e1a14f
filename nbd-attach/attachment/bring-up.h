/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From configured to usable: limits before the first large request, partitions, udev. A
 * child does it, for it waits for the server, in the kernel and beyond the reach of
 * signals, while its parent keeps the links up.
 */
#pragma once

#include "attachment/attachment.h"
#include "kernel/progress.h"

struct bring_up {
	pid_t child;                    /* at work; 0: none */
	int pidfd;                      /* readable when it has ended */
	struct bring_up_result *result; /* shared with it */
	struct progress progress;       /* of the device's requests */
	usec_t check_at;                /* when to look again */
};
#define BRING_UP_NONE ((struct bring_up){.pidfd = -1, .check_at = USEC_INFINITY})

/*
 * Starts it. With `supervised` somebody makes lost links anew, and what was on its way
 * then is looked at soon (queue/io_timeout).
 */
int bring_up_start(const struct attachment *a, const struct target *t, bool supervised,
	struct bring_up *ret, struct error *err);

/*
 * Whether there is still hope: it waits as long as replies come, and --io-timeout for one
 * without, whatever becomes of the links meanwhile. -ETIMEDOUT, FAULT_UNREACHED.
 */
int bring_up_check(struct bring_up *m, const struct attachment *a, struct error *err);

/*
 * 0: it has ended, and the device is usable. -EAGAIN: it is still at work. FAULT_KERNEL:
 * a limit that cannot be set, a node that is not the disk, -EIO in the partition scan.
 */
int bring_up_finish(struct bring_up *m, struct error *err);

/* Ends it wherever it is, so that it does not have the device open. */
void bring_up_cancel(struct bring_up *m);

/* All of it, for a caller who has nothing else to do. Besides the above: -EINTR. */
int bring_up_run(const struct attachment *a, const struct target *t, struct error *err);
