/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long to wait before the next attempt to replace a lost link. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/deadline.h"

enum backoff_reason {
	BACKOFF_UNREACHED, /* nobody answers: an attempt costs little */
	BACKOFF_FLAPPING,  /* each new link is soon lost */
	BACKOFF_REFUSED,   /* a server answers, and must not be used */
	BACKOFF_LOCAL,     /* no attempt could be started: memory, descriptors, keys */
};

/*
 * Microseconds. If nobody answers: a hundredth of the time that the server has been away,
 * so that I/O waits hardly longer than it must. Otherwise the delay doubles with each
 * try. From 0.1 s to 10 s (flapping: 2 s, local: 1 s), a quarter more or less depending
 * on `random`, so that not all clients of a server come at once.
 *
 * After the first second of an outage each of the n_disks disks of this machine, which
 * may all wait for the same server, makes its attempts a little rarer.
 */
usec_t backoff_delay(enum backoff_reason reason, unsigned tries, usec_t away,
	unsigned n_disks, uint32_t random);
