/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kernel/limits.h"
#include "kernel/nbd-netlink.h"

/*
 * nbd_netlink_connect() on a device without stale limits of its last user
 * (limits_are_stale()): where `index` is -1 another device is picked; one that was asked
 * for is destroyed and recreated, with its node and its folder in /sys.
 *
 * `io_timeout` (ms; 0: none) is the timer of the first requests, which are udev's and
 * come at once; later it cannot be changed. It is queue/io_timeout of a device that
 * exists already. One that the driver creates has its default, 30 s.
 */
int clean_device_connect(int index, const struct limits *l, unsigned io_timeout,
	const struct nbd_settings *settings, usec_t deadline, unsigned *ret_index,
	struct error *err);
