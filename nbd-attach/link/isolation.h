/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Second barriers around a link worker, should a call that the first one lets through
 * (sandbox.h) do more than we know. Where the kernel does not have them, or does not let
 * us, they are done without.
 */
#pragma once

/* Before the fork, as root: makes an empty network, once. */
void isolation_prepare(void);

/*
 * In the child, as root: goes there. What it makes from then on reaches nobody; what it
 * is given still goes where it went.
 */
void isolation_leave_network(void);

/*
 * In the child, which may gain no privileges any more: it opens no file, however it came
 * to a path, connects no TCP socket, reaches no abstract unix socket and signals nobody
 * (Landlock).
 */
void isolation_close(void);
