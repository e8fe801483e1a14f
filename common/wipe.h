/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets in memory that libraries have freed without wiping it. */
#pragma once

/*
 * Wipes all free memory of the heap. Slow (milliseconds). Failures are ignored, because
 * this is defence in depth. Not while other threads run.
 */
void wipe_free_memory(void);

/*
 * Wipes the most recently freed chunks of each size up to a kilobyte, which malloc()
 * returns next. For where wipe_free_memory(), which changes a limit, is not possible.
 */
void wipe_freed(void);
