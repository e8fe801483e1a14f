/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * Whether what this program runs from lies on /dev/nbdN: the root file system, /usr or
 * the one with the program's file, on the device, a partition of it, or device-mapper and
 * RAID devices above it.
 */
bool root_disk_is_on(unsigned index);

/* Whether the root file system of PID 1 does, which may be another than ours. */
bool root_disk_is_of_system(unsigned index);
