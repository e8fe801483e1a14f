/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "common/deadline.h"
#include "common/interrupt.h"

usec_t deadline_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000;
}

usec_t deadline_after(usec_t span)
{
	usec_t now = deadline_now();

	return span > USEC_INFINITY - now ? USEC_INFINITY : now + span;
}

usec_t deadline_left(usec_t deadline)
{
	usec_t now = deadline_now();

	if (deadline == USEC_INFINITY)
		return USEC_INFINITY;
	return deadline > now ? deadline - now : 0;
}

/* The time left, for ppoll(2); NULL: forever. */
static const struct timespec *time_left(usec_t deadline, struct timespec *out)
{
	usec_t left = deadline_left(deadline);

	if (left == USEC_INFINITY)
		return NULL;
	out->tv_sec = (time_t)(left / USEC_PER_SEC);
	out->tv_nsec = (long)(left % USEC_PER_SEC) * 1000;
	return out;
}

int deadline_poll(struct pollfd *fds, nfds_t n, usec_t deadline)
{
	for (;;) {
		struct timespec timeout;
		int r;

		if (interrupt_pending())
			return -EINTR;
		r = ppoll(fds, n, time_left(deadline, &timeout), interrupt_mask());
		if (r > 0)
			return r;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0 && deadline_left(deadline) == 0)
			return -ETIMEDOUT;
	}
}

int deadline_wait(int fd, short events, usec_t deadline)
{
	struct pollfd entry = {.fd = fd, .events = events};

	int r = deadline_poll(&entry, 1, deadline);

	return r < 0 ? r : entry.revents;
}

int deadline_sleep(usec_t span, usec_t deadline)
{
	usec_t end = deadline_after(span);
	int r = deadline_poll(NULL, 0, end < deadline ? end : deadline);

	if (r != -ETIMEDOUT)
		return r;
	return end < deadline ? 0 : -ETIMEDOUT;
}
