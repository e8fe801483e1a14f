/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"

/*
 * Waits until udev has nothing queued, as `udevadm settle` does; at once where no udev
 * runs, and for a program that one of its rules has started: that is in the queue itself.
 * 0, -ETIMEDOUT or -EINTR.
 */
int udev_settle(usec_t deadline);

/* Whether a process of that name (/proc/PID/comm) is udev's. */
bool udev_is_process(const char *name);
