/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kernel/limits.h"
#include "kernel/nbd-netlink.h"

/*
 * nbd_netlink_connect() on a device that has nothing left of its last user that would
 * show (limits_are_stale()): where `index` is -1 another one is picked, and one that was
 * asked for is destroyed and made anew. Both its node and its place in /sys come back.
 */
int clean_device_connect(int index, const struct limits *l,
	const struct nbd_settings *settings, usec_t deadline, unsigned *ret_index,
	struct error *err);
