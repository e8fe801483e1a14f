/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A deadline is a point on the monotonic clock, in microseconds: it is made once, at the
 * top, and handed down, so that a peer who sends a byte now and then gains no time.
 */
#pragma once

#include <poll.h>
#include <stdint.h>

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_INFINITY UINT64_MAX

typedef uint64_t usec_t;

/* Now, on the monotonic clock (microseconds). */
usec_t deadline_now(void);

/* The point that is `span` from now; USEC_INFINITY stays infinite. */
usec_t deadline_after(usec_t span);

/* What is left, in microseconds: 0 when it has passed. */
usec_t deadline_left(usec_t deadline);

/*
 * poll(2) until the deadline: how many descriptors have something, -ETIMEDOUT, -EINTR
 * when a signal asked for something (common/interrupt.h), or another -errno.
 */
int deadline_poll(struct pollfd *fds, nfds_t n, usec_t deadline);

/*
 * Waits until fd has one of the poll(2) events (POLLERR and POLLHUP included).
 * Returns the events, -ETIMEDOUT after the deadline, -EINTR when a signal asked the
 * program to end (common/interrupt.h), or another -errno.
 */
int deadline_wait(int fd, short events, usec_t deadline);

/* Sleeps for span or until the deadline, whichever is first: 0, -ETIMEDOUT or -EINTR. */
int deadline_sleep(usec_t span, usec_t deadline);
