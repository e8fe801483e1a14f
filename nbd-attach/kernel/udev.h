/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "common/deadline.h"

/*
 * Waits until udev has nothing queued, as `udevadm settle` does; at once where no udev
 * runs. 0, -ETIMEDOUT or -EINTR.
 */
int udev_settle(usec_t deadline);
