/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What both programs begin and end with. */
#pragma once

#include "common/error.h"

/*
 * Standard streams that are open, signals that interrupt, the log; and nothing of what
 * the caller may have left to us: umask, limits, ignored or blocked signals.
 */
void program_begin(const char *name);

/* Prints what went wrong, if r < 0. The exit code. */
int program_end(int r, struct error *err);
