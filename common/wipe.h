/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets in memory that was freed, by libraries that do not wipe it. */
#pragma once

/*
 * Wipes all of the heap that is free. Takes long (milliseconds), and fails without a
 * word: it is a second wall. Not while other threads run.
 */
void wipe_free_memory(void);

/*
 * Wipes what was freed last of each size up to a kilobyte, which is what malloc() gives
 * next. For where the former cannot be: it changes a limit.
 */
void wipe_freed(void);
