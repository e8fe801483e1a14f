/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam below nbd-netlink.c: one request, its replies, its acknowledgement. */
#pragma once

#include <stdint.h>

struct nl_msg;
struct nlattr;

/* Called for each reply message with its attributes (NBD_ATTR_*), before the ACK. */
typedef void (*netlink_reply_fn)(struct nlattr *attrs[], void *userdata);

/*
 * Resolves the "nbd" family, builds nothing: the caller's fill function adds the
 * attributes to the message that it gets. Sends, calls reply (may be NULL) for each
 * reply, and waits for the ACK or the error of the kernel. 0; -ENOENT: the family is not
 * there (no nbd driver); otherwise the kernel's -errno.
 */
int netlink_transact(uint8_t command,
	int (*fill)(struct nl_msg *msg, const void *userdata), const void *fill_data,
	netlink_reply_fn reply, void *reply_data);
