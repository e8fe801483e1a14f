/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starts a supervisor, and hears from it when the device is usable. */
#pragma once

#include <stdbool.h>

#include "common/deadline.h"
#include "common/error.h"

/*
 * Replaces this process by the supervisor: argv as for execv(3), argv[0] is filled in.
 * Returns only on failure, FAULT_OTHER.
 */
int spawn_become(char **argv, struct error *err);

/*
 * Starts it in the background and waits until it is done with attaching, for `patience`
 * at most. It then stays, in a session of its own; *ret_index is its device. Its failure,
 * with its fault, otherwise. A signal that asks this process to end makes the supervisor
 * give up (SIGINT), and nothing stays behind; unless the device is in use already:
 * -EBUSY.
 */
int spawn_supervisor(
	char **argv, usec_t patience, unsigned *ret_index, struct error *err);

/* Frees such arguments; the first is not there yet. */
void spawn_argv_freep(char ***argv);

/*
 * From the supervisor's side, first of all: it stays for long, and what its caller has
 * open is none of its business: locks, pipes, disks. It keeps stdout and stderr, what the
 * service manager passes, and what spawn_report() needs.
 */
void spawn_close_inherited(void);

/*
 * From the supervisor's side: 0 and its device, or r < 0 and the failure. True if it was
 * started by spawn_supervisor(): nobody will look at its stdin, stdout and stderr after
 * that.
 */
bool spawn_report(int r, unsigned index, const struct error *err);
