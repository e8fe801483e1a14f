/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the server responds, by the device's counters: it does not if requests are in
 * flight and none has completed for too long. A slow server completes one now and then.
 * The time it needs is remembered for an hour, lest each of its requests be sent twice;
 * but the effective timeout is never longer than 16 timeouts.
 */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"
#include "kernel/sysfs.h"

struct progress {
	usec_t timeout;           /* --io-timeout */
	usec_t effective_timeout; /* longer while the server is slow */
	usec_t needed; /* the longest that a reply took, if more than the timeout … */
	usec_t needed_at; /* … and when one last did */
	struct sysfs_io last;
	usec_t since;  /* the last sign of life */
	bool replaced; /* a link, since the last check */
};

void progress_init(struct progress *p, usec_t timeout);

/* Sets a longer timeout, and keeps what is known of the server. */
void progress_extend(struct progress *p, usec_t timeout);

/* A link is new, or known to be alive: time counts from now on. */
void progress_restart(struct progress *p, usec_t now);

/* Checks the counters. Whether the effective timeout has passed. */
bool progress_check(struct progress *p, const struct sysfs_io *io, usec_t now);

/*
 * A new link replaced one that did not respond. If that does not respond either, the
 * server may need longer than the timeout for one request: wait twice as long, however
 * many links were replaced.
 */
void progress_replaced(struct progress *p, usec_t now);

/* When to check again: rarely while nothing is in flight. */
usec_t progress_next(const struct progress *p, usec_t now);
