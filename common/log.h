/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines on stderr or in the system's log, one for each event. Below the verbs nothing
 * logs above debug: failures travel up in a struct error and are printed once, at the
 * top.
 */
#pragma once

#include <stdbool.h>

#include "common/scope.h"

/* The name put before each line, and whether log_debug() prints. */
void log_setup(const char *program, bool verbose);

bool log_is_verbose(void);

/* From here on to the system's log, by syslog(3), instead of stderr. */
void log_to_system(void);

void log_error(const char *format, ...) _printf_(1, 2);
void log_warning(const char *format, ...) _printf_(1, 2);
/* What happened to a device in the hands of a daemon. */
void log_notice(const char *format, ...) _printf_(1, 2);
/* Prints on a terminal only: what a person who waits wants to know. */
void log_progress(const char *format, ...) _printf_(1, 2);

void log_debug(const char *format, ...) _printf_(1, 2);
