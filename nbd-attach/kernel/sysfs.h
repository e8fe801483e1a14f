/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The attributes in /sys/block/nbdN, and the few that are written. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/deadline.h"
#include "common/error.h"

#define SYSFS_BACKEND_SIZE 256

/* The largest request, whatever the server accepts: the default of newer kernels. */
#define SYSFS_REQUEST_MAX (UINT32_C(4) * 1024 * 1024)

struct sysfs_device {
	unsigned index;
	bool configured; /* "pid" is there */
	pid_t pid;       /* who connected it; may be gone */
	uint64_t size;   /* bytes */
	bool read_only;
	char backend[SYSFS_BACKEND_SIZE]; /* "" where there is none */
};

/*
 * Reads an attribute, such as "queue/fua", as text without the newline, truncated to fit,
 * or as a number up to max; and writes one. -errno.
 */
int sysfs_get(unsigned index, const char *name, char *text, size_t size);
int sysfs_get_number(unsigned index, const char *name, uint64_t max, uint64_t *ret);
int sysfs_set(unsigned index, const char *name, const char *text);

/* One device. -ENOENT: there is no such device (or no driver). */
int sysfs_read(unsigned index, struct sysfs_device *ret);

/*
 * The device number of the disk, or of a partition ("nbd5p1"; NULL: the disk). -ENOENT:
 * there is no such device.
 */
int sysfs_number(unsigned index, const char *partition, dev_t *ret);

/*
 * Calls fn with the name of each partition ("nbd5p1"), in no order, until it returns
 * something other than 0, which is returned. An absent disk has no partitions.
 * -errno: they cannot be listed.
 */
typedef int (*sysfs_partition_fn)(unsigned index, const char *partition, void *userdata);
int sysfs_each_partition(unsigned index, sysfs_partition_fn fn, void *userdata);

/*
 * All configured nbd devices that have a size, by index; the caller frees *ret. An absent
 * driver is an empty list. The cost does not depend on the number of idle devices: they
 * are not in /proc/partitions.
 */
int sysfs_list(struct sysfs_device **ret, size_t *ret_n, struct error *err);

/*
 * Keeps requests within `bytes` (the server's maximum payload), and within
 * SYSFS_REQUEST_MAX: queue/max_sectors_kb. It is always written, because the kernel keeps
 * it after a disconnect, and the next user would inherit a small one. At least
 * 4096.
 */
int sysfs_limit_request(unsigned index, uint64_t bytes, struct error *err);

/*
 * queue/io_timeout: after how long, rounded up to whole seconds, the driver's timeout
 * handler sees a request without a reply. On some kernels the write waits until nothing
 * is in flight. The driver's own NBD_ATTR_TIMEOUT sets it, too (to 30 s where that is 0).
 */
int sysfs_set_io_timeout(unsigned index, unsigned msec, struct error *err);
int sysfs_io_timeout(unsigned index, unsigned *ret_msec);

struct sysfs_io {
	uint64_t completed; /* requests, since the device was created */
	uint64_t in_flight; /* requests without a reply, or not sent yet */
};

/*
 * Requests in flight: "inflight" of the disk and its partitions. Only whether there are
 * any is reliable: most kernels count those of a partition for the disk as well, but 6.12
 * does not.
 */
struct sysfs_in_flight {
	uint64_t reads, writes;
};
void sysfs_read_in_flight(unsigned index, struct sysfs_in_flight *ret);

/* The device's "stat". -errno. */
int sysfs_read_io(unsigned index, struct sysfs_io *ret);

/*
 * Triggers a synthetic uevent, "add" or "change": the driver's own comes too early for
 * udev, at connect and at disconnect. A connect is a change as well, but LVM's rules scan
 * a disk only when it is added; so "add" is triggered, as at boot for all devices.
 */
int sysfs_trigger_uevent(unsigned index, const char *action, struct error *err);

/*
 * Waits until the driver has released the device ("pid" vanishes), or it is in use again
 * with another backend identifier. -ETIMEDOUT.
 */
int sysfs_wait_released(
	unsigned index, const char *backend, usec_t deadline, struct error *err);
