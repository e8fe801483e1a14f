/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A worker's order as bytes, for a program that is executed: both ends are the same. */
#pragma once

#include <unistd.h>

#include "link/worker.h"

/* Where its sockets are by then, and that file. */
enum {
	ORDER_LOG = STDERR_FILENO,
	ORDER_REPORT,
	ORDER_NEAR,
	ORDER_FEED,
	ORDER_FILE,
	ORDER_FDS
};

/*
 * Writes all of it, and who is the unprivileged user, but not its sockets into a file in
 * memory, which is not closed on exec. Its descriptor, or -errno.
 */
int worker_input_pack(const struct worker_order *order);

/*
 * Reads it from such a file, and wipes that: target, which is initialized, and
 * credentials belong to the caller, and *ret points to them. -errno.
 */
int worker_input_unpack(int fd, struct worker_order *ret, struct target *target,
	struct credentials *credentials);
