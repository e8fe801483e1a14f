/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"

/*
 * Waits until udev's queue is empty, as `udevadm settle` does. Returns at once if udev
 * does not run, or if one of its rules has started this program, which is then queued
 * itself. 0, -ETIMEDOUT or -EINTR.
 */
int udev_settle(usec_t deadline);

/* Whether a process of that name (/proc/PID/comm) is udev's. */
bool udev_is_process(const char *name);
