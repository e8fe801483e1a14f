/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A machine without a clock of its own begins in 1970, when no certificate was valid. */
#pragma once

/*
 * Sets the system's clock forward to what the hardware's says, or at least to when the
 * image was made, and says so. Never back.
 */
void boot_clock_floor(void);
