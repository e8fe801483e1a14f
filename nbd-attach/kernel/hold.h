/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk that nobody can begin to use in the kernel: it is opened with O_EXCL, which
 * claims it as a mount does, or swap, or a storage target. Only one has the claim, and a
 * partition's is one on the whole disk, too. Who opens it without, sees nothing of it.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/scope.h"

struct hold {
	unsigned index;
	pid_t child; /* that has it open; 0: none */
	int socket;  /* to the child, which ends when it is closed */
	bool waits;  /* the open waits for the server, behind the claim */
};
#define HOLD_NONE ((struct hold){.socket = -1})

/* The child's name, by which those who look for users know it. */
#define HOLD_PROCESS "nbd-attach-hold"

/*
 * Claims /dev/nbdN, in a child: the open may have to read the partition table from a
 * server that is dead. The claim comes before that, so that a child which waits has it.
 * -EBUSY: another has the claim; -EINTR; or another -errno.
 */
int hold_take(unsigned index, struct hold *ret);

/*
 * Waits until what was written through the kernel's cache is with the server, of a writer
 * that is closing the device or a partition of it, or has just done so. -ETIMEDOUT: some
 * of it is not; -EIO, -ENOSPC: some of it could not be written. Or as hold_take(), whose
 * open had to wait.
 */
int hold_sync(struct hold *hold);

/* Gives up the claim, and closes the device. */
void hold_release(struct hold *hold);
#define _cleanup_hold_ _cleanup_(hold_release)
