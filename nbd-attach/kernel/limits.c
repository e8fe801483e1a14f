/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What kernels do with an export's flags (nbd_parse_flags(), nbd_set_size()): 6.1 knows
 * neither write-zeroes nor rotational; 6.12 and 7.2 set both, and never clear them; 7.3
 * does. A server without write-zeroes fails the command, which the block layer takes for
 * an I/O error.
 *
 * No kernel resets what users may set, except where the driver sets the same: `blockdev
 * --setro`, "write through" in queue/write_cache (since 6.11 flushes then never reach the
 * server), 0 in queue/discard_max_bytes or in queue/iostats (without which the progress
 * of requests is not visible) outlive their disk.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/nbd.h>

#include "common/parse.h"
#include "common/scope.h"
#include "kernel/device-node.h"
#include "kernel/limits.h"
#include "kernel/sysfs.h"

/* Missing in some kernel headers. */
#define FLAG_ROTATIONAL        (1 << 4)
#define FLAG_SEND_WRITE_ZEROES (1 << 6)

#define SECTOR_SIZE 512

static uint64_t size_of(const struct limits *l)
{
	return l->size / SECTOR_SIZE;
}

static uint64_t block_size_of(const struct limits *l)
{
	return l->block_size;
}

static uint64_t request_of(const struct limits *l)
{
	return l->request / 1024;
}

static int fix_read_only(unsigned index, const char *attribute _unused_, uint64_t wanted)
{
	return device_node_set_read_only(index, wanted != 0);
}

static int fix_switch(unsigned index, const char *attribute, uint64_t wanted)
{
	return sysfs_set(index, attribute, wanted ? "1" : "0");
}

static int fix_write_cache(unsigned index, const char *attribute, uint64_t wanted)
{
	return sysfs_set(index, attribute, wanted ? "write back" : "write through");
}

static int fix_request(unsigned index, const char *attribute _unused_, uint64_t wanted)
{
	struct error ignored;

	return sysfs_limit_request(index, wanted * 1024, &ignored);
}

/* Only off: newer kernels cannot turn it on again (see limits_are_stale()). */
static int fix_discard(unsigned index, const char *attribute, uint64_t wanted)
{
	return wanted ? 0 : sysfs_set(index, attribute, "0");
}

static const struct limit {
	const char *attribute;
	uint64_t (*number)(const struct limits *l); /* wanted; NULL: a boolean, by … */
	unsigned flag; /* … this flag of the export; 0: always true */
	bool less;     /* a kernel may set less than it was told */
	int (*fix)(unsigned index, const char *attribute, uint64_t wanted);
} table[] = {
	{"size", .number = size_of},
	{"queue/logical_block_size", .number = block_size_of},
	{"queue/max_sectors_kb", .number = request_of, .less = true, .fix = fix_request},
	{"queue/write_zeroes_max_bytes", .flag = FLAG_SEND_WRITE_ZEROES, .less = true},
	{"queue/fua", .flag = NBD_FLAG_SEND_FUA, .less = true},
	{"queue/discard_max_bytes", .flag = NBD_FLAG_SEND_TRIM, .less = true,
		.fix = fix_discard},
	{"queue/write_cache", .flag = NBD_FLAG_SEND_FLUSH, .fix = fix_write_cache},
	{"queue/rotational", .flag = FLAG_ROTATIONAL, .fix = fix_switch},
	{"queue/iostats", .fix = fix_switch},
	{"ro", .flag = NBD_FLAG_READ_ONLY, .fix = fix_read_only},
};

static uint64_t wanted_of(const struct limit *limit, const struct limits *l)
{
	if (limit->number)
		return limit->number(l);
	return limit->flag == 0 || (l->flags & limit->flag) != 0;
}

/* The present value; a boolean as 1 or 0. */
static int read_limit(unsigned index, const struct limit *limit, uint64_t *ret)
{
	char text[32];
	int r = sysfs_get(index, limit->attribute, text, sizeof(text));

	if (r < 0)
		return r;
	if (strcmp(text, "write back") == 0 || strcmp(text, "write through") == 0)
		*ret = strcmp(text, "write back") == 0;
	else
		r = parse_u64(text, 0, UINT64_MAX, ret);
	if (r == 0 && !limit->number)
		*ret = *ret != 0;
	return r;
}

static bool matches(const struct limit *limit, uint64_t wanted, uint64_t is)
{
	return is == wanted || (limit->less && is < wanted);
}

static int settle(
	unsigned index, const struct limit *limit, uint64_t wanted, struct error *err)
{
	uint64_t is = 0;
	int r = read_limit(index, limit, &is);

	if (r == 0 && limit->fix && is != wanted) {
		r = limit->fix(index, limit->attribute, wanted);
		if (r < 0)
			return error_set(err, FAULT_KERNEL, r,
				"cannot set /sys/block/nbd%u/%s to %" PRIu64 ": %m",
				index, limit->attribute, wanted);
		r = read_limit(index, limit, &is);
	}
	if (r < 0)
		return error_set(err, FAULT_KERNEL, r,
			"cannot read /sys/block/nbd%u/%s: %m", index, limit->attribute);
	if (!matches(limit, wanted, is))
		return error_set(err, FAULT_KERNEL, -EREMOTEIO,
			"the kernel has not set up /dev/nbd%u as it was told: /sys/block/nbd%u/%s is %" PRIu64
			" and must be %" PRIu64,
			index, index, limit->attribute, is, wanted);
	return 0;
}

int limits_apply(unsigned index, const struct limits *l, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTSOF(table); i++)
		r = settle(index, &table[i], wanted_of(&table[i], l), err);
	return r;
}

static uint64_t number_of(unsigned index, const char *attribute)
{
	uint64_t number;

	return sysfs_get_number(index, attribute, UINT64_MAX, &number) < 0 ? 0 : number;
}

/*
 * Once queue/discard_max_bytes is 0, newer kernels accept only 0
 * (queue_max_discard_sectors_store() masks with the granularity less 1, which is 0 as
 * well). Kernels whose unused devices have no discard_max_hw_bytes reset it themselves.
 */
bool limits_are_stale(unsigned index, const struct limits *l)
{
	if (!(l->flags & FLAG_SEND_WRITE_ZEROES) &&
		number_of(index, "queue/write_zeroes_max_bytes") > 0)
		return true;
	if ((l->flags & NBD_FLAG_SEND_TRIM) &&
		number_of(index, "queue/discard_max_hw_bytes") > 0 &&
		number_of(index, "queue/discard_max_bytes") == 0)
		return true;
	return number_of(index, "queue/minimum_io_size") > l->block_size;
}
