/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/param.h>

#include "common/timeouts.h"
#include "kernel/progress.h"

#define EFFECTIVE_TIMEOUT_MAX 16 /* timeouts */

void progress_init(struct progress *p, usec_t timeout)
{
	*p = (struct progress){.timeout = timeout, .effective_timeout = timeout};
}

static usec_t bounded(const struct progress *p, usec_t wanted)
{
	return MIN(MAX(wanted, p->timeout), EFFECTIVE_TIMEOUT_MAX * p->timeout);
}

void progress_extend(struct progress *p, usec_t timeout)
{
	p->timeout = timeout;
	p->effective_timeout = bounded(p, p->effective_timeout);
}

void progress_restart(struct progress *p, usec_t now)
{
	p->since = now;
}

/* Twice the time needed: checks see it only roughly, and the next may take longer. */
static void learn(struct progress *p, usec_t took, usec_t now)
{
	if (took > p->timeout) {
		p->needed = MAX(p->needed, took);
		p->needed_at = now;
	} else if (now - p->needed_at >= PROGRESS_MEMORY) {
		p->needed = 0;
	}
	p->effective_timeout = bounded(p, 2 * p->needed);
}

bool progress_check(struct progress *p, const struct sysfs_io *io, usec_t now)
{
	bool moved = io->completed != p->last.completed;

	if (moved)
		learn(p, p->last.in_flight > 0 ? now - p->since : 0, now);
	/* Requests sent since the last check may be new: they get all of the time. */
	if (moved || p->last.in_flight == 0)
		p->since = now;
	p->last = *io;
	p->replaced = false;
	return io->in_flight > 0 && now - p->since >= p->effective_timeout;
}

void progress_replaced(struct progress *p, usec_t now)
{
	if (!p->replaced)
		p->effective_timeout = bounded(p, 2 * p->effective_timeout);
	p->replaced = true;
	p->since = now;
}

usec_t progress_next(const struct progress *p, usec_t now)
{
	if (p->last.in_flight == 0)
		return now + PROGRESS_CHECK_MAX;
	return now +
		MIN(MAX(p->effective_timeout / 4, PROGRESS_CHECK_MIN),
			PROGRESS_CHECK_MAX);
}
