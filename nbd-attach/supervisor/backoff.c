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

usec_t backoff_delay(
	enum backoff_reason reason, unsigned tries, usec_t away, uint32_t random)
{
	usec_t doubled = BACKOFF_MIN << MIN(tries, DOUBLINGS_MAX), delay = BACKOFF_MAX;

	switch (reason) {
	case BACKOFF_UNREACHED: delay = within(away / 100, BACKOFF_MAX); break;
	case BACKOFF_FLAPPING: delay = within(doubled, BACKOFF_FLAPPING_MAX); break;
	case BACKOFF_REFUSED: delay = within(doubled, BACKOFF_MAX); break;
	case BACKOFF_LOCAL: delay = within(doubled, BACKOFF_LOCAL_MAX); break;
	}
	return MIN(delay * 3 / 4 + delay / 2 * (random % 1024) / 1024, BACKOFF_MAX);
}
