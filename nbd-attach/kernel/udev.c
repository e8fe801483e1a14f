/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include "kernel/udev.h"

#define FIRST_PAUSE (10 * USEC_PER_MSEC)
#define LAST_PAUSE  (50 * USEC_PER_MSEC)

/*
 * /run/udev/queue is there while udevd has work, but comes only when udevd has read the
 * event that the kernel sent: hence no look without a pause before it, and two in a row.
 */
#define QUIET_LOOKS 2

int udev_settle(usec_t deadline)
{
	usec_t pause = FIRST_PAUSE;
	int quiet = 0, r;

	if (access("/run/udev/control", F_OK) < 0)
		return 0;
	while (quiet < QUIET_LOOKS) {
		r = deadline_sleep(pause, deadline);
		if (r < 0)
			return r;
		if (access("/run/udev/queue", F_OK) < 0) {
			quiet++;
			continue;
		}
		quiet = 0;
		pause = pause * 2 < LAST_PAUSE ? pause * 2 : LAST_PAUSE;
	}
	return 0;
}
