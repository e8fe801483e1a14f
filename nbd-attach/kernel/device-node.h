/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The node /dev/nbdN. The name alone is not the disk: in its place may lie a file that
 * somebody wrote while the device was not there, or a node with another number, as in a
 * /dev of a container's own or after the module was loaded with another max_part.
 */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"
#include "common/error.h"

/*
 * Opens /dev/nbdN with these flags of open(2), O_CLOEXEC added: a descriptor of that very
 * disk, or -errno. -ENOTBLK: it is no block device's node; -ENXIO: it is another device's
 * (or the driver says so: such a disk is gone). An open may wait for the server: in a
 * child, then.
 */
int device_node_open(unsigned index, int flags);

/* The same of a partition, "nbd5p1"; NULL: the whole disk. */
int device_node_open_part(unsigned index, const char *partition, int flags);

/* BLKROSET: what `blockdev --setro` and `--setrw` do. Opens it as above. -errno. */
int device_node_set_read_only(unsigned index, bool read_only);

/*
 * Whether /dev/nbdN is that disk's node, and whatever bears a partition's name that
 * partition's. FAULT_KERNEL and a line that says how to mend it: -ENOENT, -ENOTBLK,
 * -ENXIO.
 */
int device_node_check(unsigned index, struct error *err);

/*
 * The name of a child that scans, by which those who look for users pass over it: killed,
 * it stays until the server answers or the device is disconnected.
 */
#define SCAN_PROCESS "nbd-attach-scan"

/*
 * Opens the device, which makes the kernel read the partition table, and checks that it
 * could, and the nodes before and after. For a child: it waits for the server, beyond the
 * reach of signals. As long as *ret_fd is open, the kernel keeps what it has read. The
 * deadline is the node's, to appear. -ETIMEDOUT, -EIO, FAULT_KERNEL.
 */
int device_node_scan(unsigned index, usec_t deadline, int *ret_fd, struct error *err);

/* Whether the driver has its disks' partitions shown: "max_part" of the module is not 0.
 */
bool device_node_has_partitions(void);
