/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does the server answer? What the device counts tells: requests are in flight, and none
 * has been completed for too long. A slow server completes one now and then. What it has
 * needed for that is remembered for an hour, lest each of its requests be sent twice; but
 * patience is never longer than 16 timeouts.
 */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"
#include "kernel/sysfs.h"

struct progress {
	usec_t timeout;           /* as asked for: --io-timeout */
	usec_t effective_timeout; /* just now: longer after it was wrong to lose it */
	usec_t needed;    /* the longest that a reply took, if that was longer … */
	usec_t needed_at; /* … and when one took longer last */
	struct sysfs_io last;
	usec_t since;  /* when the last sign of life was seen */
	bool replaced; /* since the last look */
};

void progress_init(struct progress *p, usec_t timeout);

/* The same with a longer timeout, and all that is known by now. */
void progress_extend(struct progress *p, usec_t timeout);

/* A link is new, or known to live: the time counts from now on. */
void progress_restart(struct progress *p, usec_t now);

/* Takes a look at the counters. Whether patience is at an end. */
bool progress_check(struct progress *p, const struct sysfs_io *io, usec_t now);

/*
 * A new link took the place of one that did not answer. If that does not answer either,
 * the server may need longer than the timeout for one request: wait twice as long, no
 * matter how many links were replaced.
 */
void progress_replaced(struct progress *p, usec_t now);

/* When to look again: seldom while nothing is in flight. */
usec_t progress_next(const struct progress *p, usec_t now);
