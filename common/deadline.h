/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A deadline is a point on the monotonic clock, in microseconds. It is set once, at the
 * top, and passed down, so that a peer that sends a byte now and then gains no time.
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

/* The time left, in microseconds; 0 when the deadline has passed. */
usec_t deadline_left(usec_t deadline);

/*
 * poll(2) until the deadline: the number of ready descriptors, -ETIMEDOUT, -EINTR after a
 * signal (common/interrupt.h), or another -errno.
 */
int deadline_poll(struct pollfd *fds, nfds_t n, usec_t deadline);

/*
 * Waits until fd has one of the poll(2) events (POLLERR and POLLHUP included).
 * Returns the events, or as deadline_poll().
 */
int deadline_wait(int fd, short events, usec_t deadline);

/* Sleeps for span or until the deadline, whichever is first: 0, -ETIMEDOUT or -EINTR. */
int deadline_sleep(usec_t span, usec_t deadline);
