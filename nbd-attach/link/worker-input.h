/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A worker's order as bytes, for an executed worker: the same program reads them. */
#pragma once

#include <unistd.h>

#include "link/worker.h"

/* The descriptors of an executed worker: its sockets, and that file. */
enum {
	ORDER_LOG = STDERR_FILENO,
	ORDER_REPORT,
	ORDER_NEAR,
	ORDER_CONNECTOR,
	ORDER_FILE,
	ORDER_FDS
};

/*
 * Writes the order without its sockets, and the unprivileged user, to a file in memory
 * that is not closed on exec. Returns its descriptor, or -errno.
 */
int worker_input_pack(const struct worker_order *order);

/*
 * Reads it from such a file, and wipes the file. The caller owns the target, which must
 * be initialized, and the credentials; *ret points to them. -errno.
 */
int worker_input_unpack(int fd, struct worker_order *ret, struct target *target,
	struct credentials *credentials);
