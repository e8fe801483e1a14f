/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "common/error.h"

/*
 * Who uses the device or a partition of it: a mount, swap, a device on top (LUKS, LVM,
 * RAID), a process that has it open. 0: nobody. -EBUSY: somebody, and err says who, with
 * FAULT_KERNEL.
 */
int usage_check(unsigned index, struct error *err);
