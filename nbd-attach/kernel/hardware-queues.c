/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <stdlib.h>

#include "common/scope.h"
#include "kernel/device-node.h"
#include "kernel/hardware-queues.h"
#include "kernel/sysfs.h"

#define BLOCK_SIZE_MAX 65536
#define PAGE           4096 /* the strictest alignment of direct I/O */

/* Path is /sys/block/nbd0/mq/0/cpu_list: "0, 2, 4". False: none may be used. */
static bool move_to(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	cpu_set_t cpus;
	unsigned cpu;

	CPU_ZERO(&cpus);
	while (file && fscanf(file, "%u%*[, ]", &cpu) == 1)
		if (cpu < CPU_SETSIZE)
			CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) == 0;
}

/* The descriptor has O_DIRECT: a cached block would not be read from the server. */
static void read_block(int fd, size_t size)
{
	static char block[BLOCK_SIZE_MAX] __attribute__((aligned(PAGE)));

	(void)!pread(fd, block, size, 0);
}

void hardware_queues_read(unsigned index)
{
	_cleanup_close_ int fd = device_node_open(index, O_RDONLY | O_DIRECT);
	_cleanup_(globfree) glob_t found = {};
	char pattern[64];
	cpu_set_t before;
	uint64_t size;

	if (fd < 0 || sched_getaffinity(0, sizeof(before), &before) < 0 ||
		sysfs_get_number(
			index, "queue/logical_block_size", BLOCK_SIZE_MAX, &size) < 0)
		return;
	snprintf(pattern, sizeof(pattern), "/sys/block/nbd%u/mq/*/cpu_list", index);
	(void)glob(pattern, GLOB_NOSORT, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (move_to(found.gl_pathv[i]))
			read_block(fd, size);
	(void)sched_setaffinity(0, sizeof(before), &before);
}
