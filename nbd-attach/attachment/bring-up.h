/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes a connected device ready to use: limits before the first large request,
 * partitions, udev. A child does it, because it waits for the server uninterruptibly in
 * the kernel, while its parent keeps the links up.
 */
#pragma once

#include "attachment/attachment.h"
#include "kernel/progress.h"

struct bring_up {
	pid_t child;                    /* 0: none */
	int pidfd;                      /* readable when the child has exited */
	struct bring_up_result *result; /* shared with the child */
	struct progress progress;       /* of the device's requests */
	usec_t check_at;                /* when to check again */
};
#define BRING_UP_NONE ((struct bring_up){.pidfd = -1, .check_at = USEC_INFINITY})

/*
 * Starts it. `supervised`: the caller replaces lost links, and requests that were in
 * flight are soon resent (queue/io_timeout).
 */
int bring_up_start(struct attachment *a, const struct target *t, bool supervised,
	struct bring_up *ret, struct error *err);

/*
 * Whether the server still makes progress: it may take as long as replies come, and
 * --io-timeout without one, whether links are lost or not. -ETIMEDOUT, FAULT_UNREACHED;
 * `why`: what is known of links that ended, or "".
 */
int bring_up_check(struct bring_up *m, const struct attachment *a, const char *why,
	struct error *err);

/*
 * 0: it is done, and the device is ready. -EAGAIN: it is still running. FAULT_KERNEL: a
 * limit cannot be set, the node is not the disk, or -EIO in the partition scan.
 */
int bring_up_finish(struct bring_up *m, struct error *err);

/* Kills the child, so that it does not keep the device open; and sets a->unread. */
void bring_up_cancel(struct bring_up *m, struct attachment *a);

/* All of it, for a caller that can wait. Besides the above: -EINTR. */
int bring_up_run(struct attachment *a, const struct target *t, struct error *err);
