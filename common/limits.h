/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resource limits: setrlimit(2). */
#pragma once

#include <stdbool.h>

#include "common/error.h"

/*
 * Raises the soft limits that would kill or hamper a long-running process to the hard
 * limits; with `beyond` also the hard limits, where permitted: for a daemon, which has
 * left its caller.
 */
void limits_raise(bool beyond);

/* No core file, even if the caller allows them: keys are in memory. */
void limits_forbid_core(void);

/* -EMFILE, FAULT_OTHER: too few open files are allowed to reconnect links. */
int limits_check(struct error *err);
