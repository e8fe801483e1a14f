/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a process may use (setrlimit(2)), as its caller left it and as we need it. */
#pragma once

#include <stdbool.h>

#include "common/error.h"

/*
 * Raises the soft limits that would end or hamper a process which stays to the hard ones;
 * with `beyond` the hard ones, too, where that is allowed: for who has left his caller.
 */
void limits_raise(bool beyond);

/* No core file, even if the caller wants one of its jobs: keys are in memory. */
void limits_forbid_core(void);

/* -EMFILE, FAULT_OTHER: so few files may be open that links could not be made anew. */
int limits_check(struct error *err);
