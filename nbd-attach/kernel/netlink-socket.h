/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One generic netlink request to the driver, its replies, its acknowledgement. */
#pragma once

#include <stdint.h>

struct nl_msg;
struct nlattr;

/* Called for each reply message with its attributes (NBD_ATTR_*), before the ACK. */
typedef void (*netlink_reply_fn)(struct nlattr *attrs[], void *userdata);

/*
 * Resolves the "nbd" family, has the caller's fill function add the attributes to the
 * message, sends it, calls reply (may be NULL) for each reply, and reads the kernel's ACK
 * or error. 0; -ENOENT: there is no such family (no nbd driver); else the kernel's
 * -errno.
 */
int netlink_transact(uint8_t command,
	int (*fill)(struct nl_msg *msg, const void *userdata), const void *fill_data,
	netlink_reply_fn reply, void *reply_data);
