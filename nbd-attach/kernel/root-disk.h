/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * Whether this program runs from /dev/nbdN: whether the root file system, /usr or that of
 * the program's file is on the device, a partition of it, or device-mapper and RAID
 * devices on top.
 */
bool root_disk_is_on(unsigned index);

/* Whether the root file system of PID 1 is, which may differ from ours. */
bool root_disk_is_of_system(unsigned index);
