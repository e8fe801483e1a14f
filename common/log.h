/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One line for each event, on stderr or in the system log. Below the verbs nothing logs
 * above debug: failures are returned in a struct error and printed once, at the top.
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
 * For a child whose parent forwards its log: each line is a message, without the
 * program's name. The socket must be non-blocking, lest a full one block the child.
 */
void log_to_parent(int socket);

/*
 * For a daemon: from here on a line that would block is dropped, because the reader may
 * wait for our disk. With `system` lines go to the system log (/dev/log) instead of
 * stderr, or to the kernel log where there is none. Not by syslog(3), because that
 * blocks.
 */
void log_as_daemon(bool system);

/* Whether stderr is /dev/null, so that nobody would see the log. */
bool log_is_discarded(void);

void log_error(const char *format, ...) _printf_(1, 2);
void log_warning(const char *format, ...) _printf_(1, 2);
/* For a daemon: to the system log, and through the kernel log also to the console. */
void log_console(const char *format, ...) _printf_(1, 2);
/* For a daemon: what happened to its device. */
void log_notice(const char *format, ...) _printf_(1, 2);
/* On a terminal only: what a user who waits wants to know. */
void log_progress(const char *format, ...) _printf_(1, 2);

void log_debug(const char *format, ...) _printf_(1, 2);
