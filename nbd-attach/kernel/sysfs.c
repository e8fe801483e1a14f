/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "common/file.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/scope.h"
#include "common/timeouts.h"
#include "kernel/sysfs.h"

#define SECTOR_SIZE UINT64_C(512)

/* While disks come and go all the time. */
#define TABLE_READS_MAX 10

struct indexes {
	unsigned *list;
	size_t n;
};

int sysfs_get(unsigned index, const char *name, char *text, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[NAME_MAX + 64];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/block/nbd%u/%s", index, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		return -errno;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	return 0;
}

int sysfs_get_number(unsigned index, const char *name, uint64_t max, uint64_t *ret)
{
	char text[32];
	int r;

	r = sysfs_get(index, name, text, sizeof(text));
	return r < 0 ? r : parse_u64(text, 0, max, ret);
}

int sysfs_set(unsigned index, const char *name, const char *text)
{
	char path[NAME_MAX + 64];

	snprintf(path, sizeof(path), "/sys/block/nbd%u/%s", index, name);
	return file_write_attribute(path, text);
}

int sysfs_number(unsigned index, const char *partition, dev_t *ret)
{
	char name[NAME_MAX + sizeof("/dev")], text[32];
	unsigned major_number, minor_number;
	int r;

	snprintf(name, sizeof(name), "%s%sdev", partition ? partition : "",
		partition ? "/" : "");
	r = sysfs_get(index, name, text, sizeof(text));
	if (r < 0)
		return r;
	if (sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
		return -EBADMSG;
	*ret = makedev(major_number, minor_number);
	return 0;
}

int sysfs_each_partition(unsigned index, sysfs_partition_fn fn, void *userdata)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[48], prefix[32];
	int r = 0;

	snprintf(path, sizeof(path), "/sys/block/nbd%u", index);
	snprintf(prefix, sizeof(prefix), "nbd%up", index);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && (errno = 0, entry = readdir(dir)))
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			r = fn(index, entry->d_name, userdata);
	return r == 0 ? -errno : r;
}

/* The device does not exist (any more), rather than cannot be read at present. */
static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

int sysfs_read(unsigned index, struct sysfs_device *ret)
{
	struct sysfs_device device = {.index = index};
	uint64_t sectors, read_only, pid = 0;
	int r;

	r = sysfs_get_number(index, "size", UINT64_MAX / SECTOR_SIZE, &sectors);
	if (r < 0)
		return r;
	r = sysfs_get_number(index, "ro", 1, &read_only);
	if (r < 0)
		return r;
	device.size = sectors * SECTOR_SIZE;
	device.read_only = read_only != 0;
	/* Both vanish while the device is torn down, which is not a failure. */
	r = sysfs_get_number(index, "pid", INT_MAX, &pid);
	if (r < 0 && !is_gone(r))
		return r;
	device.configured = r == 0;
	device.pid = (pid_t)pid;
	r = sysfs_get(index, "backend", device.backend, sizeof(device.backend));
	if (r < 0 && !is_gone(r))
		return r;
	if (r < 0)
		device.backend[0] = 0;
	*ret = device;
	return 0;
}

static int compare_index(const void *a, const void *b)
{
	const struct sysfs_device *left = a, *right = b;

	return (left->index > right->index) - (left->index < right->index);
}

/* Adds the device called `name`, if it is an nbd device. */
static int add_index(const char *name, struct indexes *found)
{
	unsigned *grown;
	uint64_t index;

	if (strncmp(name, "nbd", 3) != 0 || parse_u64(name + 3, 0, INT_MAX, &index) < 0)
		return 0;
	grown = reallocarray(found->list, found->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[found->n++] = (unsigned)index;
	found->list = grown;
	return 0;
}

static void indexes_done(struct indexes *indexes)
{
	free(indexes->list);
}

/* Of all nbd devices, of which most may be idle. */
static int find_all(struct indexes *found)
{
	_cleanup_closedir_ DIR *dir = opendir("/sys/block");
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && (entry = readdir(dir)))
		r = add_index(entry->d_name, found);
	return r;
}

/* Of those with a size, which all others do not have. -ENOENT: there is no such table. */
static int find_in_table(struct indexes *found)
{
	_cleanup_fclose_ FILE *table = fopen("/proc/partitions", "re");
	char line[128], name[64];
	int r = 0;

	if (!table)
		return -ENOENT;
	while (r == 0 && fgets(line, sizeof(line), table))
		if (sscanf(line, "%*u %*u %*u %63s", name) == 1)
			r = add_index(name, found);
	return r;
}

static bool are_equal(const struct indexes *a, const struct indexes *b)
{
	return a->n == b->n &&
		(a->n == 0 || memcmp(a->list, b->list, a->n * sizeof(*a->list)) == 0);
}

/*
 * The table is read in several parts, and a disk that is removed meanwhile makes the
 * kernel skip another one. Two equal readings have skipped none.
 */
static int find_sized(struct indexes *found)
{
	for (int i = 0; i < TABLE_READS_MAX; i++) {
		_cleanup_(indexes_done) struct indexes again = {0};
		int r = find_in_table(&again);

		if (r < 0)
			return r;
		if (i > 0 && are_equal(found, &again))
			return 0;
		indexes_done(found);
		*found = again;
		again = (struct indexes){0};
	}
	return -ENOENT;
}

static int read_devices(
	const struct indexes *found, struct sysfs_device *list, size_t *ret_n)
{
	struct sysfs_device device;

	for (size_t i = 0; i < found->n; i++) {
		int r = sysfs_read(found->list[i], &device);

		if (r < 0 && !is_gone(r))
			return r;
		if (r == 0 && device.configured) /* it may have ended meanwhile */
			list[(*ret_n)++] = device;
	}
	return 0;
}

static int scan_devices(struct sysfs_device **list, size_t *n)
{
	_cleanup_(indexes_done) struct indexes found = {0};
	int r = find_sized(&found);

	if (r == -ENOENT) {
		found.n = 0;
		r = find_all(&found);
	}
	if (r < 0 || found.n == 0)
		return r;
	*list = calloc(found.n, sizeof(**list));
	return *list ? read_devices(&found, *list, n) : -ENOMEM;
}

int sysfs_list(struct sysfs_device **ret, size_t *ret_n, struct error *err)
{
	_cleanup_free_ struct sysfs_device *list = NULL;
	size_t n = 0;
	int r = scan_devices(&list, &n);

	if (r < 0)
		return error_set(err, FAULT_KERNEL, r, "cannot list the nbd devices: %m");
	if (n > 0)
		qsort(list, n, sizeof(*list), compare_index);
	*ret = TAKE_PTR(list);
	*ret_n = n;
	return 0;
}

int sysfs_limit_request(unsigned index, uint64_t bytes, struct error *err)
{
	uint64_t most, block;
	char text[32];
	int r;

	r = sysfs_get_number(index, "queue/max_hw_sectors_kb", UINT64_MAX / 1024, &most);
	if (r >= 0)
		r = sysfs_get_number(
			index, "queue/logical_block_size", UINT64_MAX, &block);
	if (r >= 0 && block == 0)
		r = -EINVAL;
	if (r < 0)
		return error_set(err, FAULT_KERNEL, r,
			"cannot read the request size limit of /dev/nbd%u: %m", index);
	if (bytes > SYSFS_REQUEST_MAX)
		bytes = SYSFS_REQUEST_MAX;
	if (bytes / 1024 > most)
		bytes = most * 1024;
	bytes -= bytes % block;
	snprintf(text, sizeof(text), "%" PRIu64, bytes / 1024);
	r = sysfs_set(index, "queue/max_sectors_kb", text);
	if (r < 0)
		return error_set(err, FAULT_KERNEL, r,
			"cannot limit the requests of /dev/nbd%u to %s KiB: %m", index,
			text);
	log_debug("nbd%u: requests of up to %s KiB", index, text);
	return 0;
}

int sysfs_set_io_timeout(unsigned index, unsigned msec, struct error *err)
{
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%u", msec);
	r = sysfs_set(index, "queue/io_timeout", text);
	return r < 0 ? error_set(err, FAULT_KERNEL, r,
			       "cannot set queue/io_timeout of /dev/nbd%u: %m", index)
		     : 0;
}

int sysfs_io_timeout(unsigned index, unsigned *ret_msec)
{
	uint64_t msec;
	int r = sysfs_get_number(index, "queue/io_timeout", UINT_MAX, &msec);

	if (r == 0)
		*ret_msec = (unsigned)msec;
	return r;
}

static void add_in_flight(
	unsigned index, const char *attribute, struct sysfs_in_flight *count)
{
	uint64_t reads, writes;
	char text[64];

	if (sysfs_get(index, attribute, text, sizeof(text)) < 0 ||
		sscanf(text, "%" SCNu64 " %" SCNu64, &reads, &writes) != 2)
		return;
	count->reads += reads;
	count->writes += writes;
}

static int add_of_partition(unsigned index, const char *partition, void *count)
{
	char attribute[NAME_MAX + sizeof("/inflight")];

	snprintf(attribute, sizeof(attribute), "%s/inflight", partition);
	add_in_flight(index, attribute, count);
	return 0;
}

void sysfs_read_in_flight(unsigned index, struct sysfs_in_flight *ret)
{
	*ret = (struct sysfs_in_flight){0};
	add_in_flight(index, "inflight", ret);
	(void)sysfs_each_partition(index, add_of_partition, ret);
}

/* Documentation/block/stat.rst */
int sysfs_read_io(unsigned index, struct sysfs_io *ret)
{
	enum { READS = 0, WRITES = 4, IN_FLIGHT = 8, DISCARDS = 11, FLUSHES = 15, MAX };
	uint64_t field[MAX + 1] = {0};
	struct sysfs_in_flight all;
	char text[512], *next = text, *end;
	int r = sysfs_get(index, "stat", text, sizeof(text)), n = 0;

	if (r < 0)
		return r;
	for (; n <= MAX; n++, next = end) {
		field[n] = strtoull(next, &end, 10);
		if (end == next)
			break;
	}
	if (n <= IN_FLIGHT)
		return -EBADMSG;
	ret->in_flight = field[IN_FLIGHT];
	if (ret->in_flight == 0) {
		sysfs_read_in_flight(index, &all);
		ret->in_flight = all.reads + all.writes;
	}
	ret->completed = field[READS] + field[WRITES] + field[DISCARDS] + field[FLUSHES];
	return 0;
}

int sysfs_trigger_uevent(unsigned index, const char *action, struct error *err)
{
	int r = sysfs_set(index, "uevent", action);

	return r < 0 ? error_set(err, FAULT_KERNEL, r,
			       "cannot trigger a uevent of /dev/nbd%u: %m", index)
		     : 0;
}

/* Between two checks: longer each time. */
static int pause_for(usec_t *span, usec_t deadline)
{
	int r = deadline_sleep(*span, deadline);

	*span = *span + SYSFS_POLL_MIN < SYSFS_POLL_MAX ? *span + SYSFS_POLL_MIN
							: SYSFS_POLL_MAX;
	return r;
}

int sysfs_wait_released(
	unsigned index, const char *backend, usec_t deadline, struct error *err)
{
	struct sysfs_device device;
	usec_t span = SYSFS_POLL_MIN;
	int r;

	while (!is_gone(r = sysfs_read(index, &device)) &&
		(r < 0 || (device.configured && strcmp(device.backend, backend) == 0))) {
		r = pause_for(&span, deadline);
		if (r == -EINTR)
			return error_set(err, FAULT_OTHER, r, "interrupted");
		if (r < 0)
			return error_set(err, FAULT_KERNEL, r,
				"the kernel has not released /dev/nbd%u in time: something still has it open",
				index);
	}
	return 0;
}
