/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdbool.h>

#include "wire/export.h"
#include "wire/nbd-protocol.h"

#define MINIMUM_MAX   65536
#define PREFERRED_MIN 512

static bool power_of_two(uint32_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

static int broken(const char *what, struct error *err)
{
	return error_set(err, FAULT_PROTOCOL, -EPROTO,
		"the server broke the protocol: the export's %s", what);
}

static int check_block_sizes(const struct nbd_export *e, struct error *err)
{
	uint32_t least = e->minimum > PREFERRED_MIN ? e->minimum : PREFERRED_MIN;

	if (!power_of_two(e->minimum) || e->minimum > MINIMUM_MAX)
		return broken(
			"minimum block size is not a power of two up to 64 KiB", err);
	if (!power_of_two(e->preferred) || e->preferred < least)
		return broken(
			"preferred block size is not a power of two of at least 512 "
			"and its minimum",
			err);
	if (e->maximum < e->preferred)
		return broken("maximum payload is below its preferred block size", err);
	return 0;
}

int nbd_export_check(struct nbd_export *e, struct error *err)
{
	if (!(e->flags & NBD_FLAG_HAS_FLAGS))
		return error_set(err, FAULT_PROTOCOL, -EPROTO,
			"the server broke the protocol: the export's transmission flags "
			"(0x%04x) lack HAS_FLAGS, which is the fault of the server's program: "
			"its authors have to set bit 0",
			e->flags);
	if (e->size > INT64_MAX)
		return broken("size is beyond 2^63 bytes", err);
	if (e->minimum == 0 && e->preferred == 0 && e->maximum == 0) {
		e->minimum = NBD_MINIMUM_DEFAULT;
		e->preferred = NBD_PREFERRED_DEFAULT;
		e->maximum = NBD_MAXIMUM_DEFAULT;
	}
	return check_block_sizes(e, err);
}
