/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * Whether this system's root file system lies on /dev/nbdN: on the device, a partition of
 * it, or device-mapper and RAID devices above it.
 */
bool root_disk_is_on(unsigned index);
