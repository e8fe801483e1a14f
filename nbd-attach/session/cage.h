/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a link worker gives up before the server's first byte reaches it. */
#pragma once

#include "common/error.h"

/*
 * Becomes the unprivileged user (nbd-attach if there is one, else 65534), if the process
 * is root, with no groups and no capabilities, and may never gain privileges again. What
 * the process has in memory is no longer readable by others of that user. From here on it
 * dies with its parent (a change of user would undo that, so it comes last).
 */
int cage_drop_privileges(struct error *err);

/*
 * From here on: bytes to and from descriptors that are open, memory, time. Whatever else
 * is tried fails with EPERM: no open, no socket, no new program, no signal to others.
 */
int cage_close(struct error *err);
