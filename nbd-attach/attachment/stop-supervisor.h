/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a supervisor, from outside. */
#pragma once

#include "attachment/state.h"

#define SUPERVISOR_PROGRAM "nbd-attachd" /* lies beside the program that starts it */

/* Duplicates of the links' sockets that a supervisor had: owned. -1: none. */
struct stopped {
	bool stopped; /* there was a supervisor, and it was told to end */
	int sockets[NBD_LINKS_MAX];
};
#define STOPPED_NONE ((struct stopped){.sockets = {[0 ... NBD_LINKS_MAX - 1] = -1}})

void stopped_done(struct stopped *stopped);
#define _cleanup_stopped_ _cleanup_(stopped_done)

/*
 * Ends the supervisor of `name`, if it has one: asks it to let go, kills it if it does
 * not listen; nothing is lost with it. Before that its sockets are taken over: they shut
 * the links of a device whose disconnection gets stuck. Who else holds the name, to
 * attach or to detach it, is left alone: he is soon done with that. FAULT_KERNEL: it does
 * not end.
 */
int stop_supervisor(const char *name, struct stopped *ret, struct error *err);
