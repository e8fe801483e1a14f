/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SIGINT, SIGTERM and SIGHUP ask the program to end: waiting functions return -EINTR, and
 * the program unwinds the way it came, so that nothing is left behind. The signals stay
 * blocked but for those waits, so that none is missed just before one begins.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

/*
 * To begin a program with: whatever its caller has blocked or ignored is heeded, but as
 * interrupt_unignore(false) says.
 */
void interrupt_setup(void);

/*
 * Heeds signals that the caller ignores, which would hold beyond exec(2): an ignored
 * SIGCHLD hides how a child has ended. SIGINT and SIGHUP only where `all` says so, for
 * nohup(1) and shells ignore them on purpose, to protect from what a terminal sends.
 */
void interrupt_unignore(bool all);

/* Back to the signals' defaults, in a forked child. */
void interrupt_reset(void);

/* The signal that came, 0 for none. SIGHUP, for those who give it another meaning. */
int interrupt_pending(void);

/* Forgets the signal that came: what has to be undone may wait again. */
void interrupt_clear(void);

/* Whether one has come at all, forgotten or not: nothing more is to be begun. */
bool interrupt_seen(void);

/* The signal mask for ppoll(2): NULL without interrupt_setup(). */
const sigset_t *interrupt_mask(void);
