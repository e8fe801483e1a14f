/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A system cannot shut down while the server of its disk is away: it waits for programs
 * that wait for the disk, and the programs that would power it off are on the disk. Its
 * supervisor, which needs nothing from the disk, does it instead.
 */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"

/*
 * To be called regularly. If the system runs from the device, nbd-attach-up.service says
 * that it is shutting down, and `away` has been true for REBOOT_SERVER_TIMEOUT: powers
 * the machine off, or restarts it, at once (reboot(2)). Unwritten data is lost.
 */
void forced_reboot_check(unsigned index, bool away, usec_t now);
