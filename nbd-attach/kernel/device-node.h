/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The node /dev/nbdN. The name alone does not make it the disk: it may be a file that was
 * written while the device was absent, or a node with another number, as in a container's
 * own /dev or after the module was reloaded with another max_part.
 */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"
#include "common/error.h"

/*
 * Opens /dev/nbdN with these flags of open(2), O_CLOEXEC added: a descriptor of that very
 * disk, or -errno. -ENOTBLK: it is not a block device; -ENXIO: it is another device
 * (or the driver says that the disk is gone). The open may wait for the server, so do it
 * in a child.
 */
int device_node_open(unsigned index, int flags);

/* The same of a partition, "nbd5p1"; NULL: the whole disk. */
int device_node_open_part(unsigned index, const char *partition, int flags);

/* BLKROSET: what `blockdev --setro` and `--setrw` do. Opens it as above. -errno. */
int device_node_set_read_only(unsigned index, bool read_only);

/*
 * Whether /dev/nbdN is that disk's node, and each node with a partition's name that
 * partition's. FAULT_KERNEL and a line that says how to fix it: -ENOENT, -ENOTBLK,
 * -ENXIO.
 */
int device_node_check(unsigned index, struct error *err);

/*
 * The name of a child that scans, by which the scan for users skips it: when killed, it
 * stays until the server replies or the device is disconnected.
 */
#define SCAN_PROCESS "nbd-attach-scan"

/*
 * Opens the device, which makes the kernel read the partition table, and checks that it
 * was read, and the nodes before and after. Only in a child: it sleeps uninterruptibly
 * until the server replies. As long as *ret_fd is open, the kernel caches what it has
 * read. The deadline is for the node to appear. -ETIMEDOUT, -EIO, FAULT_KERNEL.
 */
int device_node_scan(unsigned index, usec_t deadline, int *ret_fd, struct error *err);

/* Whether the driver's disks have partitions: the module's "max_part" is not 0. */
bool device_node_has_partitions(void);
