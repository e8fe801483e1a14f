/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where libblkid looks for signatures of file systems, RAID and encryption: mostly close
 * to the beginning or the end; LUKS2 has its second header at one of several powers of
 * two, and Promise RAID 3087 sectors before the end. A block that is missed here costs
 * udev a round trip.
 */
#include <fcntl.h>
#include <sys/param.h>

#include "common/scope.h"
#include "kernel/device-node.h"
#include "kernel/read-ahead.h"
#include "kernel/sysfs.h"

#define KIB   ((off_t)1024)
#define CHUNK (128 * KIB) /* the kernel reads no more per call */
#define ENDS  (512 * KIB)

/* From the beginning; negative: from the end. */
static const off_t single_blocks[] = {
	512 * KIB, 1024 * KIB, 2048 * KIB, 4096 * KIB, (off_t)-3087 * 512};

static void prefetch(int fd, off_t from, off_t to)
{
	for (off_t at = from; at < to; at += CHUNK)
		(void)posix_fadvise(fd, at, MIN(CHUNK, to - at), POSIX_FADV_WILLNEED);
}

static void read_ahead_of(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);

	prefetch(fd, 0, MIN(ENDS, size));
	prefetch(fd, MAX(size - ENDS, 0), size);
	for (size_t i = 0; i < ELEMENTSOF(single_blocks); i++) {
		off_t at = single_blocks[i] + (single_blocks[i] < 0 ? size : 0);

		if (at >= 0 && at < size)
			prefetch(fd, at, at + 1);
	}
}

static int read_ahead_partition(
	unsigned index, const char *partition, void *none _unused_)
{
	int fd = device_node_open_part(index, partition, O_RDONLY);

	if (fd >= 0)
		read_ahead_of(fd);
	return 0;
}

void read_ahead(unsigned index, int fd)
{
	read_ahead_of(fd);
	(void)sysfs_each_partition(index, read_ahead_partition, NULL);
}
