/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checks in /sys the limits that the driver was given for a disk: each kernel applies
 * them in its own way, and settings of a device's last user, or made by hand, persist.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct limits {
	uint64_t size;       /* bytes */
	uint32_t block_size; /* bytes */
	uint32_t request;    /* bytes, at most; see sysfs_limit_request() */
	uint16_t flags; /* the export's transmission flags, as the driver knows them */
};

/*
 * Corrects what can be: read-only, request size, write cache, discard, rotational,
 * statistics; then checks all limits. FAULT_KERNEL and a line that names the attribute;
 * -EREMOTEIO: it is wrong, else the -errno of reading or writing it. Some kernels wait
 * until nothing is in flight, so do it in a child.
 */
int limits_apply(unsigned index, const struct limits *l, struct error *err);

/*
 * Whether the unused device still has limits of its last user that conflict with l and
 * that only destroying the device removes.
 */
bool limits_are_stale(unsigned index, const struct limits *l);
