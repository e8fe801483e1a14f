/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who uses a device or a partition of it: a mount, swap, a device on top (LUKS, LVM,
 * RAID), a loop device, a storage target, a process that has it open or mapped, and
 * whatever else has claimed it in the kernel. Of processes outside this PID namespace
 * only claims are visible.
 */
#pragma once

#include <sys/types.h>

#include "common/error.h"
#include "kernel/hold.h"

#define USAGE_NODE_SIZE 32
#define USAGE_HOW_SIZE  256

struct usage_user {
	char node[USAGE_NODE_SIZE]; /* nbd0, or nbd0p1 */
	char how[USAGE_HOW_SIZE];   /* "mounted on /mnt" */
};

/* Finds a user of the device. False: none is visible. */
bool usage_find(unsigned index, struct usage_user *ret);

/*
 * Checks that nobody uses the device at present. -EBUSY, FAULT_KERNEL: somebody does, or
 * it cannot be determined; err says who, or why. -EINTR.
 */
int usage_check(unsigned index, struct error *err);

/*
 * The same, and claims the device, so that nobody can start to use it in the kernel until
 * *ret is released. All that was written to it has reached the server. `unread`: see
 * hold_sync().
 */
int usage_hold(unsigned index, bool unread, struct hold *ret, struct error *err);
