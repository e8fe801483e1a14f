/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link worker in a fresh process: a forked child has its parent's memory, secrets and
 * what has been freed included, and is laid out like each child before it, down to the
 * canary on its stack. Who tries ten times in a second to take it over could guess that
 * byte by byte. So it executes the program anew, and gets its order by a descriptor.
 *
 * It stays a forked child where the program may lie on the very disk whose link is to be
 * made: executing it, with its libraries, would wait for that disk.
 */
#pragma once

#include "link/worker.h"

/*
 * At the very beginning of a program: it does not return in a process that is to be a
 * worker. From then on this program's workers are executed.
 */
void worker_exec_begin(char **argv);

/* No longer: what is in memory has to do. */
void worker_exec_never(void);

/* The exit code where the program is there, but not its libraries (ld.so(8)). */
#define FRESH_FAILED 127

/* In a forked child: becomes the worker of that order, fresh if it can. */
_Noreturn void worker_exec_run(const struct worker_order *order);
