/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes of a device for which newer kernels first wait until nothing is in flight, and
 * hold up what comes meanwhile (blk_mq_freeze_queue()).
 */
#pragma once

#include "supervisor/supervisor.h"

/* The timeouts become those of a single link that is up, when all are up. */
void deferred_timeouts(struct supervisor *s);

/* The device becomes as large as the export that all links lead to. */
void deferred_resize(struct supervisor *s, usec_t now);

/* Takes note of the changes that have come to their end. */
void deferred_collect(struct supervisor *s);

/*
 * For when a link is lost: what was to be put right of the timeouts is put right after
 * the next one.
 */
void deferred_stop(struct supervisor *s);
