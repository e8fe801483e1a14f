/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines on stderr or in the system's log, one for each event. Below the verbs nothing
 * logs above debug: failures travel up in a struct error and are printed once, at the
 * top.
 */
#pragma once

#include <stdbool.h>

#include "common/scope.h"

/*
 * The name put before each line, and whether log_debug() prints. Where stderr is the
 * journal each line gets its priority instead.
 */
void log_setup(const char *program, bool verbose);

bool log_is_verbose(void);

/*
 * For a child whose parent passes on what it says: each line is a message, without a
 * program's name. A socket that has no room must not make it wait (SOCK_NONBLOCK).
 */
void log_to_parent(int socket);

/*
 * For a daemon: from here on a line is dropped rather than waited with, for what is to
 * take it may wait for us. With `system` lines go to the system's log (/dev/log) instead
 * of stderr, or to the kernel's where that is not there; syslog(3) does not do for this,
 * since it waits.
 */
void log_as_daemon(bool system);

void log_error(const char *format, ...) _printf_(1, 2);
void log_warning(const char *format, ...) _printf_(1, 2);
/* Of a daemon: to the system's log, and through the kernel's also to the console. */
void log_console(const char *format, ...) _printf_(1, 2);
/* What happened to a device in the hands of a daemon. */
void log_notice(const char *format, ...) _printf_(1, 2);
/* Prints on a terminal only: what a person who waits wants to know. */
void log_progress(const char *format, ...) _printf_(1, 2);

void log_debug(const char *format, ...) _printf_(1, 2);
