/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long to wait before a lost link is tried again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/deadline.h"

enum backoff_reason {
	BACKOFF_UNREACHED, /* nobody answers: asking costs little */
	BACKOFF_FLAPPING,  /* a new link dies soon each time */
	BACKOFF_REFUSED,   /* a server answers, and must not be used */
	BACKOFF_LOCAL,     /* this machine cannot even ask: memory, descriptors, keys */
};

/*
 * Microseconds. Where nobody answers it is a hundredth of how long the server has been
 * away, so that I/O waits hardly longer than it must; else it doubles with each try. From
 * 0.1 s to 10 s (flapping: 2 s, local: 1 s), and a quarter more or less, as `random`
 * wants it, lest all clients of a server come at once.
 */
usec_t backoff_delay(
	enum backoff_reason reason, unsigned tries, usec_t away, uint32_t random);
