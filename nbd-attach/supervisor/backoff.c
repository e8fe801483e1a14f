/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/param.h>

#include "common/timeouts.h"
#include "supervisor/backoff.h"

/* Enough to get from the shortest delay to the longest; more would overflow. */
#define DOUBLINGS_MAX 10

static usec_t within(usec_t delay, usec_t most)
{
	return MIN(MAX(delay, BACKOFF_MIN), most);
}

/* The least delay, so that the attempts for all disks together cost little. */
static usec_t share_of(unsigned n_disks, usec_t away)
{
	if (away < BACKOFF_SHARED_AFTER)
		return 0;
	return MIN(n_disks * BACKOFF_SHARE, BACKOFF_SHARED_MAX);
}

usec_t backoff_delay(enum backoff_reason reason, unsigned tries, usec_t away,
	unsigned n_disks, uint32_t random)
{
	usec_t doubled = BACKOFF_MIN << MIN(tries, DOUBLINGS_MAX), delay = BACKOFF_MAX;

	switch (reason) {
	case BACKOFF_UNREACHED: delay = within(away / 100, BACKOFF_MAX); break;
	case BACKOFF_FLAPPING: delay = within(doubled, BACKOFF_FLAPPING_MAX); break;
	case BACKOFF_REFUSED: delay = within(doubled, BACKOFF_MAX); break;
	case BACKOFF_LOCAL: delay = within(doubled, BACKOFF_LOCAL_MAX); break;
	}
	delay = MAX(delay, share_of(n_disks, away));
	return MIN(delay * 3 / 4 + delay / 2 * (random % 1024) / 1024, BACKOFF_MAX);
}
