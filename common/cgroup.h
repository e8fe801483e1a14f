/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Moves this process out of the unit that started it, with which systemd would end it, to
 * the root control group. Where that cannot be done it stays.
 */
void cgroup_leave_unit(void);
