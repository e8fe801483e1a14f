/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What /sys/block/nbdN and /dev/nbdN tell, and the few settings that are made there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/deadline.h"
#include "common/error.h"

#define SYSFS_BACKEND_SIZE 256

struct sysfs_device {
	unsigned index;
	bool configured; /* "pid" is there */
	pid_t pid;       /* who connected it; may be gone */
	uint64_t size;   /* bytes */
	bool read_only;
	char backend[SYSFS_BACKEND_SIZE]; /* "" where there is none */
};

/* One device. -ENOENT: there is no such device (or no driver). */
int sysfs_read(unsigned index, struct sysfs_device *ret);

/*
 * All configured nbd devices, by index; the caller frees *ret. An absent driver is
 * an empty list.
 */
int sysfs_list(struct sysfs_device **ret, size_t *ret_n, struct error *err);

/*
 * Keeps requests within `bytes` (the server's maximum payload), and within 4 MiB:
 * queue/max_sectors_kb. It is written always, for the kernel keeps it when a device is
 * given back, and the next user would inherit a small one. At least 4096.
 */
int sysfs_limit_request(unsigned index, uint64_t bytes, struct error *err);

/* A synthetic "change" uevent: at connect the driver's own comes too early for udev. */
int sysfs_announce(unsigned index, struct error *err);

/* Waits until the driver has let go of the device ("pid" vanishes). -ETIMEDOUT. */
int sysfs_wait_released(unsigned index, usec_t deadline, struct error *err);

/*
 * Opens and closes the device, which makes the kernel read the partition table. In a
 * child of its own, since a server that dies just then would hold the caller until it is
 * back. -ETIMEDOUT, FAULT_KERNEL.
 */
int sysfs_scan_partitions(unsigned index, usec_t deadline, struct error *err);
