/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A second line of defence around a link worker, in case a system call that the sandbox
 * (sandbox.h) allows does more than we know. Without support or permission of the kernel
 * we go on without it.
 */
#pragma once

/* Before the fork, as root: makes an empty network namespace, once. */
void isolation_prepare(void);

/*
 * In the child, as root: enters it. Sockets made from then on reach nobody; sockets that
 * the child is given stay connected.
 */
void isolation_leave_network(void);

/*
 * In the child, after no_new_privs: it can open no file by any path, connect no TCP
 * socket, reach no abstract unix socket and signal nobody (Landlock).
 */
void isolation_restrict_self(void);
