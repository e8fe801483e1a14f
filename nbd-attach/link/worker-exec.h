/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Executes the program again as link worker. A forked child has its parent's memory,
 * including secrets and freed memory, and the same layout and stack canary as each child
 * before it: an attacker with ten attempts a second could guess these byte by byte. The
 * order is passed in a file descriptor.
 *
 * A worker is only forked if the program may be on the very disk whose link is to be
 * made: executing it, with its libraries, would wait for that disk.
 */
#pragma once

#include "link/worker.h"

/*
 * Called first in main(): does not return in a process that was executed as a worker.
 * From then on this program's workers are executed.
 */
void worker_exec_init(char **argv);

/* From now on workers are only forked: nothing is read from disk. */
void worker_exec_disable(void);

/* The exit code if the program exists, but not its libraries (ld.so(8)). */
#define WORKER_EXEC_FAILED 127

/* In a forked child: becomes the worker of that order, executed if possible. */
_Noreturn void worker_exec_run(const struct worker_order *order);
