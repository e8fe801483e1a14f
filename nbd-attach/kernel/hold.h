/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeps others from starting to use a disk in the kernel: it is opened with O_EXCL, which
 * claims it as a mount, swap or a storage target does. There can be one claim only, and
 * that of a partition claims the whole disk. Opens without O_EXCL are not affected.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/scope.h"

struct hold {
	unsigned index;
	pid_t child;       /* that has it open; 0: none */
	int socket;        /* to the child, which exits when it is closed */
	bool open_pending; /* the child has the claim, but its open waits for the server
	                    */
};
#define HOLD_NONE ((struct hold){.socket = -1})

/* The child's name, by which the scan for users skips it. */
#define HOLD_PROCESS "nbd-attach-hold"

/*
 * Claims /dev/nbdN, in a child, because the open may read the partition table from a dead
 * server. The kernel claims the disk before that, so a waiting child has the claim.
 * -EBUSY: another has the claim; -EINTR; or another -errno.
 */
int hold_take(unsigned index, struct hold *ret);

/*
 * Waits until the page cache has been written to the server, after a writer has closed
 * the device or a partition of it, or while it does. `unread`: the disk's first partition
 * scan is not over, which every open waits for, so nothing was written. -ETIMEDOUT: not
 * all was written in time; -EIO, -ENOSPC: writing failed. Or as hold_take(), if its open
 * had to wait.
 */
int hold_sync(struct hold *hold, bool unread);

/* Releases the claim and closes the device. */
void hold_release(struct hold *hold);
#define _cleanup_hold_ _cleanup_(hold_release)
