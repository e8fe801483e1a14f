/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who uses a device or a partition of it: a mount, swap, a device on top (LUKS, LVM,
 * RAID), a loop device, a storage target, a process that has it open or mapped, and
 * whatever else in the kernel has claimed it. Of processes that are outside of this PID
 * namespace only what they have claimed is seen.
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

/* Somebody who uses the device, if one is to be seen. */
bool usage_find(unsigned index, struct usage_user *ret);

/*
 * Whether nobody uses the device, just now. -EBUSY, FAULT_KERNEL: somebody does, or it
 * cannot be found out; err says who, or why. -EINTR.
 */
int usage_check(unsigned index, struct error *err);

/*
 * The same, and until *ret is released nobody can begin to use it in the kernel: it is
 * claimed first. What was written to it is with the server.
 */
int usage_hold(unsigned index, struct hold *ret, struct error *err);
