/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A machine without a hardware clock starts in 1970, when no certificate was valid. */
#pragma once

/*
 * Sets a system clock that is before the image was made forward to the hardware clock, or
 * at least to when the image was made, and logs it. Never sets it back.
 */
void boot_clock_floor(void);
