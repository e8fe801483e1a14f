/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Start and end of both programs. */
#pragma once

#include "common/error.h"

/*
 * Sets up standard streams, signals and the log, and resets what the caller may have
 * left: umask, limits, ignored or blocked signals.
 */
void program_begin(const char *name);

/* Prints the error, if r < 0. Returns the exit code. */
int program_end(int r, struct error *err);
