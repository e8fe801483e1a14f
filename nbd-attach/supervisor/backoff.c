/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/param.h>

#include "supervisor/backoff.h"

#define DELAY_LEAST    (100 * USEC_PER_MSEC)
#define DELAY_MOST     (10 * USEC_PER_SEC)
#define DELAY_FLAPPING (2 * USEC_PER_SEC)
#define DELAY_LOCAL    (1 * USEC_PER_SEC)

/* No more doublings are needed to come from the least to the most. */
#define DOUBLINGS_MAX 10

static usec_t within(usec_t delay, usec_t most)
{
	return MIN(MAX(delay, DELAY_LEAST), most);
}

usec_t backoff_delay(
	enum backoff_reason reason, unsigned tries, usec_t away, uint32_t random)
{
	usec_t doubled = DELAY_LEAST << MIN(tries, DOUBLINGS_MAX), delay = DELAY_MOST;

	switch (reason) {
	case BACKOFF_UNREACHED: delay = within(away / 100, DELAY_MOST); break;
	case BACKOFF_FLAPPING: delay = within(doubled, DELAY_FLAPPING); break;
	case BACKOFF_REFUSED: delay = within(doubled, DELAY_MOST); break;
	case BACKOFF_LOCAL: delay = within(doubled, DELAY_LOCAL); break;
	}
	return MIN(delay * 3 / 4 + delay / 2 * (random % 1024) / 1024, DELAY_MOST);
}
