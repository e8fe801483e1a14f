/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stops the supervisor of an attachment, from another process. */
#pragma once

#include "attachment/state.h"

#define SUPERVISOR_PROGRAM "nbd-attachd" /* with its starter, or in sbindir */

/* Duplicates of the supervisor's sockets of links: owned. -1: none. */
struct stopped {
	bool stopped; /* there was a supervisor, and it was told to exit */
	int sockets[NBD_LINKS_MAX];
};
#define STOPPED_NONE ((struct stopped){.sockets = {[0 ... NBD_LINKS_MAX - 1] = -1}})

void stopped_done(struct stopped *stopped);
#define _cleanup_stopped_ _cleanup_(stopped_done)

/*
 * Stops the supervisor of `name`, if it has one: by SIGTERM, then by SIGKILL, which is
 * safe. Before that, its sockets are duplicated: they are needed to shut down the links
 * if the disconnection hangs. Another holder of the name, an attach or detach, is left
 * alone, because it will soon be done. FAULT_KERNEL: it does not exit; -EINTR: it has
 * exited, but an interruption came meanwhile.
 */
int stop_supervisor(const char *name, struct stopped *ret, struct error *err);
