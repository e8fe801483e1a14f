/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starts a supervisor, which reports when the device is usable. */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"
#include "common/error.h"

/*
 * Replaces this process by the supervisor: argv as for execv(3), argv[0] is filled in.
 * Returns only on failure: FAULT_OTHER.
 */
int spawn_become(char **argv, struct error *err);

/*
 * Starts it in the background, in its own session, and waits for it to attach the device,
 * for at most `patience`. *ret_index: the device. Returns the supervisor's failure with
 * its fault. A signal that asks this process to end makes the supervisor undo everything
 * (SIGINT), unless the device is already in use: -EBUSY.
 */
int spawn_supervisor(
	char **argv, usec_t patience, unsigned *ret_index, struct error *err);

/* Frees such arguments, except argv[0], which is not allocated. */
void spawn_argv_freep(char ***argv);

/*
 * To be called first by the supervisor: it runs for long, and must not keep what its
 * caller has open (locks, pipes, disks). Keeps stdout and stderr, what the service
 * manager passes, and what spawn_report() needs.
 */
void spawn_close_inherited(void);

/*
 * Called by the supervisor: reports 0 and its device, or r < 0 and the failure. True if
 * spawn_supervisor() started it: nobody reads its stdout and stderr after that.
 */
bool spawn_report(int r, unsigned index, const struct error *err);
