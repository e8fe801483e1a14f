/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes of a device for which newer kernels wait until nothing is in flight, and hold
 * back new requests meanwhile (blk_mq_freeze_queue()).
 */
#pragma once

#include "supervisor/supervisor.h"

/* Sets the timeouts of a single link that is up, once it is. */
void deferred_timeouts(struct supervisor *s);

/* Grows the device to the size of the smallest export of its links. */
void deferred_resize(struct supervisor *s, usec_t now);

/* Collects the children that have finished. */
void deferred_collect(struct supervisor *s);

/* A link is lost: the timeouts are set after the next one is up, not now. */
void deferred_stop(struct supervisor *s);
