/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Moves this process from the unit that started it to the root control group, lest
 * systemd kill it with the unit. A failure is ignored.
 */
void cgroup_leave_unit(void);
