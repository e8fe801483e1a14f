/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What kernels do with an export's flags (nbd_parse_flags(), nbd_set_size()): 6.1 knows
 * neither write-zeroes nor rotational; 6.12 and 7.2 set both, and never take them back;
 * 7.3 does. A server that cannot write zeroes answers the command with an error, which
 * the block layer believes.
 *
 * No kernel touches what people may write, but for the part that an attribute's meaning
 * shares with the driver: `blockdev --setro`, "write through" in queue/write_cache (no
 * flush reaches the server any more, since 6.11), 0 in queue/discard_max_bytes or in
 * queue/iostats (without which no progress of requests is seen) outlive their disk.
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

/* Newer than some of the headers. */
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

static int mend_read_only(unsigned index, const char *attribute _unused_, uint64_t wanted)
{
	return device_node_set_read_only(index, wanted != 0);
}

static int mend_switch(unsigned index, const char *attribute, uint64_t wanted)
{
	return sysfs_set(index, attribute, wanted ? "1" : "0");
}

static int mend_write_cache(unsigned index, const char *attribute, uint64_t wanted)
{
	return sysfs_set(index, attribute, wanted ? "write back" : "write through");
}

static int mend_request(unsigned index, const char *attribute _unused_, uint64_t wanted)
{
	struct error ignored;

	return sysfs_limit_request(index, wanted * 1024, &ignored);
}

/* Only off: newer kernels do not take it on again (see limits_are_stale()). */
static int mend_discard(unsigned index, const char *attribute, uint64_t wanted)
{
	return wanted ? 0 : sysfs_set(index, attribute, "0");
}

static const struct limit {
	const char *attribute;
	uint64_t (*number)(const struct limits *l); /* wanted; NULL: yes or no, by … */
	unsigned flag; /* … this of the export's flags; 0: yes in any case */
	bool less;     /* a kernel may make less of it than it was told */
	int (*mend)(unsigned index, const char *attribute, uint64_t wanted);
} table[] = {
	{"size", .number = size_of},
	{"queue/logical_block_size", .number = block_size_of},
	{"queue/max_sectors_kb", .number = request_of, .less = true,
		.mend = mend_request},
	{"queue/write_zeroes_max_bytes", .flag = FLAG_SEND_WRITE_ZEROES, .less = true},
	{"queue/fua", .flag = NBD_FLAG_SEND_FUA, .less = true},
	{"queue/discard_max_bytes", .flag = NBD_FLAG_SEND_TRIM, .less = true,
		.mend = mend_discard},
	{"queue/write_cache", .flag = NBD_FLAG_SEND_FLUSH, .mend = mend_write_cache},
	{"queue/rotational", .flag = FLAG_ROTATIONAL, .mend = mend_switch},
	{"queue/iostats", .mend = mend_switch},
	{"ro", .flag = NBD_FLAG_READ_ONLY, .mend = mend_read_only},
};

static uint64_t wanted_of(const struct limit *limit, const struct limits *l)
{
	if (limit->number)
		return limit->number(l);
	return limit->flag == 0 || (l->flags & limit->flag) != 0;
}

/* As it is just now, a yes or no as 1 or 0. */
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

static bool is_well(const struct limit *limit, uint64_t wanted, uint64_t is)
{
	return is == wanted || (limit->less && is < wanted);
}

static int settle(
	unsigned index, const struct limit *limit, uint64_t wanted, struct error *err)
{
	uint64_t is = 0;
	int r = read_limit(index, limit, &is);

	if (r == 0 && limit->mend && is != wanted) {
		r = limit->mend(index, limit->attribute, wanted);
		if (r < 0)
			return error_set(err, FAULT_KERNEL, r,
				"cannot make /sys/block/nbd%u/%s %" PRIu64 ": %m", index,
				limit->attribute, wanted);
		r = read_limit(index, limit, &is);
	}
	if (r < 0)
		return error_set(err, FAULT_KERNEL, r,
			"cannot read /sys/block/nbd%u/%s: %m", index, limit->attribute);
	if (!is_well(limit, wanted, is))
		return error_set(err, FAULT_KERNEL, -EREMOTEIO,
			"the kernel has not made /dev/nbd%u what it was told: /sys/block/nbd%u/%s is %" PRIu64
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
 * Newer kernels take no number but 0 in queue/discard_max_bytes once it is 0
 * (queue_max_discard_sectors_store() masks with the granularity less 1, and that is 0,
 * too). Those of which no unused device has discard_max_hw_bytes set it back themselves.
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
