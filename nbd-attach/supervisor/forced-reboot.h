/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A system whose disk has no server cannot end: it waits for programs that wait for the
 * disk, and what would switch it off is on the disk, too. Its supervisor, which needs
 * nothing from there, ends it then.
 */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"

/*
 * A look now and then at the device. If the system runs from it, and is going down, by
 * what systemd says with nbd-attach-up.service, and `away` was true at each look for a
 * minute and a half: switches the machine off, or starts it anew, at once (reboot(2)).
 * What was not written is lost.
 */
void forced_reboot_check(unsigned index, bool away, usec_t now);
