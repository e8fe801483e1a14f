/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SIGINT, SIGTERM and SIGHUP end the program: waiting functions return -EINTR, and the
 * program unwinds, so that nothing is left behind. The signals are blocked except during
 * those waits, so that none is missed just before one begins.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

/*
 * At the start of a program: unblocks what its caller has blocked, unignores as
 * interrupt_unignore(false) does, and installs the handlers.
 */
void interrupt_setup(void);

/*
 * Resets signals that the caller ignored, which exec(2) preserves, to their default: an
 * ignored SIGCHLD hides the exit status of children. SIGINT and SIGHUP only with `all`,
 * because nohup(1) and shells ignore them on purpose, against what a terminal sends.
 */
void interrupt_unignore(bool all);

/* In a forked child: default handlers, and the mask as it was. */
void interrupt_reset(void);

/* The same for a child that must finish: it gets a terminal's signals, too. */
void interrupt_ignore(void);

/* The pending signal; 0: none. Also SIGHUP, which some callers treat differently. */
int interrupt_pending(void);

/* Clears the pending signal: undoing what was begun may wait again. */
void interrupt_clear(void);

/* Whether any signal was received, cleared or not: begin nothing more. */
bool interrupt_seen(void);

/* The signal mask for ppoll(2): NULL without interrupt_setup(). */
const sigset_t *interrupt_mask(void);
