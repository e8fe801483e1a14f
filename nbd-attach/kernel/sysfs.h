/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What /sys/block/nbdN tells, and the few settings that are made there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/deadline.h"
#include "common/error.h"

#define SYSFS_BACKEND_SIZE 256

/* No request is larger, whatever the server takes: what newer kernels begin with. */
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
 * An attribute of the device, such as "queue/fua": its text without the newline, cut to
 * fit; its number, up to max; and another one. -errno.
 */
int sysfs_get(unsigned index, const char *name, char *text, size_t size);
int sysfs_get_number(unsigned index, const char *name, uint64_t max, uint64_t *ret);
int sysfs_set(unsigned index, const char *name, const char *text);

/* One device. -ENOENT: there is no such device (or no driver). */
int sysfs_read(unsigned index, struct sysfs_device *ret);

/*
 * The number that the kernel has given the device, or a partition of it ("nbd5p1"; NULL:
 * the whole). -ENOENT: there is no such device.
 */
int sysfs_number(unsigned index, const char *partition, dev_t *ret);

/*
 * Calls fn with the name of each partition ("nbd5p1"), in no order, until it returns
 * something other than 0, which is returned. A disk that is not there has no partitions.
 * -errno: they cannot be listed.
 */
typedef int (*sysfs_partition_fn)(unsigned index, const char *partition, void *userdata);
int sysfs_each_partition(unsigned index, sysfs_partition_fn fn, void *userdata);

/*
 * All configured nbd devices, by index; the caller frees *ret. An absent driver is
 * an empty list.
 */
int sysfs_list(struct sysfs_device **ret, size_t *ret_n, struct error *err);

/*
 * Keeps requests within `bytes` (the server's maximum payload), and within
 * SYSFS_REQUEST_MAX: queue/max_sectors_kb. It is written always, for the kernel keeps it
 * when a device is given back, and the next user would inherit a small one. At least
 * 4096.
 */
int sysfs_limit_request(unsigned index, uint64_t bytes, struct error *err);

/*
 * queue/io_timeout: after how long, rounded up to whole seconds, the driver looks at a
 * request that has no reply. Some kernels wait in the write until nothing is in flight.
 * The driver's own NBD_ATTR_TIMEOUT sets it, too (to 30 s where that is 0).
 */
int sysfs_set_io_timeout(unsigned index, unsigned msec, struct error *err);
int sysfs_io_timeout(unsigned index, unsigned *ret_msec);

struct sysfs_io {
	uint64_t completed; /* requests, since the device's number came to be */
	uint64_t in_flight; /* requests that have no reply, or are not sent yet */
};

/*
 * Requests that are under way: "inflight" of the disk and its partitions. Whether there
 * are any is what counts: most kernels count those of a partition for the disk, too, but
 * 6.12 does not.
 */
struct sysfs_in_flight {
	uint64_t reads, writes;
};
void sysfs_read_in_flight(unsigned index, struct sysfs_in_flight *ret);

/* What the device is doing: its "stat". -errno. */
int sysfs_read_io(unsigned index, struct sysfs_io *ret);

/*
 * A synthetic uevent, "add" or "change": the driver's own comes too early for udev, at
 * connect and at disconnect. At connect that is a change, too, but LVM's rules look at no
 * disk unless it is added; for udev it is, as at boot, when all devices are said to be.
 */
int sysfs_trigger_uevent(unsigned index, const char *action, struct error *err);

/*
 * Waits until the driver has let go of the device ("pid" vanishes), or it is another's
 * already, of another backend identifier. -ETIMEDOUT.
 */
int sysfs_wait_released(
	unsigned index, const char *backend, usec_t deadline, struct error *err);
