/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the driver was told of a disk, read back from /sys: each kernel takes it its own
 * way, and what the last user of a device had, or changed by hand, stays with its number.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct limits {
	uint64_t size;       /* bytes */
	uint32_t block_size; /* bytes */
	uint32_t request;    /* bytes of one, at most; see sysfs_limit_request() */
	uint16_t flags; /* the export's transmission flags, as the driver knows them */
};

/*
 * Puts right what can be: read-only or not, requests' size, write cache, discard,
 * rotational, statistics; and sees that all is as it must be. FAULT_KERNEL and a line
 * that names the attribute; -EREMOTEIO: it is not so, else the -errno of reading or
 * writing it. Some kernels wait in there until nothing is in flight: in a child, then.
 */
int limits_apply(unsigned index, const struct limits *l, struct error *err);

/*
 * Whether the unused device has limits left of its last user that l's user must not get,
 * and that nothing but the device's end takes away.
 */
bool limits_are_stale(unsigned index, const struct limits *l);
