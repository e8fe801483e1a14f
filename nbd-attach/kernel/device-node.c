/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/scope.h"
#include "common/timeouts.h"
#include "kernel/device-node.h"
#include "kernel/sysfs.h"

#define FIRST_BLOCK 512
#define NODE_SIZE   (sizeof("/dev/") + NAME_MAX)

static const char *kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return "a regular file";
	if (S_ISDIR(mode))
		return "a folder";
	return "not a block device";
}

static int compare(const struct stat *st, dev_t number)
{
	if (!S_ISBLK(st->st_mode))
		return -ENOTBLK;
	return st->st_rdev == number ? 0 : -ENXIO;
}

int device_node_open_part(unsigned index, const char *partition, int flags)
{
	_cleanup_close_ int fd = -1;
	char node[NODE_SIZE];
	struct stat st;
	dev_t number;
	int r;

	if (partition)
		snprintf(node, sizeof(node), "/dev/%s", partition);
	else
		snprintf(node, sizeof(node), "/dev/nbd%u", index);
	r = sysfs_number(index, partition, &number);
	if (r < 0)
		return r;
	/* Checked before, because even an open of another device may have side effects.
	 */
	if (stat(node, &st) < 0)
		return -errno;
	r = compare(&st, number);
	if (r < 0)
		return r;
	fd = open(node, flags | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	r = compare(&st, number);
	return r < 0 ? r : TAKE_FD(fd);
}

int device_node_open(unsigned index, int flags)
{
	return device_node_open_part(index, NULL, flags);
}

int device_node_set_read_only(unsigned index, bool read_only)
{
	_cleanup_close_ int fd = device_node_open(index, O_RDONLY);

	if (fd < 0)
		return fd;
	return ioctl(fd, BLKROSET, &(int){read_only}) < 0 ? -errno : 0;
}

/* Name is "nbd5" or "nbd5p1"; number is the kernel's. */
static int check_node(const char *name, dev_t number, struct error *err)
{
	char node[NODE_SIZE];
	struct stat st;
	int r;

	snprintf(node, sizeof(node), "/dev/%s", name);
	if (stat(node, &st) < 0)
		return error_set(err, FAULT_KERNEL, -errno, "cannot stat %s: %m", node);
	r = compare(&st, number);
	if (r == -ENOTBLK)
		return error_set(err, FAULT_KERNEL, r,
			"%s is %s instead of the disk: move it away, then mknod -m 660 %s b %u %u",
			node, kind_of(st.st_mode), node, major(number), minor(number));
	if (r < 0)
		return error_set(err, FAULT_KERNEL, r,
			"%s is another disk (%u:%u instead of %u:%u): rm %s, then mknod -m 660 %s b %u %u",
			node, major(st.st_rdev), minor(st.st_rdev), major(number),
			minor(number), node, node, major(number), minor(number));
	return 0;
}

/* A missing node is harmless: not every /dev has nodes of partitions. */
static int check_partition(unsigned index, const char *name, void *err)
{
	dev_t number;
	int r = sysfs_number(index, name, &number);

	if (r < 0 && r != -ENOENT && r != -ENODEV)
		return error_set(err, FAULT_KERNEL, r,
			"cannot read /sys/block/nbd%u/%s/dev: %m", index, name);
	if (r == 0)
		r = check_node(name, number, err);
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

static int check_partitions(unsigned index, struct error *err)
{
	struct error wrong = {0};
	int r = sysfs_each_partition(index, check_partition, &wrong);

	if (r < 0 && wrong.fault == FAULT_NONE)
		error_set(&wrong, FAULT_KERNEL, r,
			"cannot list the partitions of /dev/nbd%u: %m", index);
	if (r < 0)
		*err = wrong;
	return r;
}

int device_node_check(unsigned index, struct error *err)
{
	char name[16];
	dev_t number;
	int r = sysfs_number(index, NULL, &number);

	if (r < 0)
		return error_set(err, FAULT_KERNEL, r,
			"cannot read /sys/block/nbd%u/dev: %m", index);
	snprintf(name, sizeof(name), "nbd%u", index);
	r = check_node(name, number, err);
	return r < 0 ? r : check_partitions(index, err);
}

static int wait_for_node(unsigned index, usec_t deadline)
{
	char node[32];
	int r = 0;

	snprintf(node, sizeof(node), "/dev/nbd%u", index);
	while (r == 0 && access(node, F_OK) < 0)
		r = deadline_sleep(NODE_POLL, deadline);
	return r;
}

static int is_there(
	unsigned index _unused_, const char *name _unused_, void *none _unused_)
{
	return 1;
}

static bool has_partitions(unsigned index)
{
	return sysfs_each_partition(index, is_there, NULL) == 1;
}

/*
 * The kernel opens a disk even if it could not read the partition table, and reports no
 * error; newer ones do when they are asked to read it again.
 */
static int check_scan(unsigned index, int fd)
{
	char block[FIRST_BLOCK];

	if (!has_partitions(index) && ioctl(fd, BLKRRPART) < 0 && errno == EIO)
		return -errno;
	return pread(fd, block, sizeof(block), 0) < 0 ? -errno : 0;
}

int device_node_scan(unsigned index, usec_t deadline, int *ret_fd, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r = wait_for_node(index, deadline);

	if (r == -ETIMEDOUT)
		return error_set(err, FAULT_KERNEL, r,
			"/dev/nbd%u did not appear in time: is /dev a devtmpfs?", index);
	if (r == 0)
		r = device_node_check(index, err);
	if (r < 0)
		return r;
	fd = device_node_open(index, O_RDONLY);
	if (fd < 0)
		return error_set(
			err, FAULT_KERNEL, fd, "cannot open /dev/nbd%u: %m", index);
	r = check_scan(index, fd);
	if (r < 0)
		return error_set(err, FAULT_KERNEL, r,
			"cannot read the partition table of /dev/nbd%u: %m", index);
	r = device_node_check(index, err);
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

bool device_node_has_partitions(void)
{
	_cleanup_fclose_ FILE *file = fopen("/sys/module/nbd/parameters/max_part", "re");
	unsigned most;

	return !file || fscanf(file, "%u", &most) != 1 || most > 0;
}
