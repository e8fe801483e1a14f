/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The service manager keeps a duplicate of each link's socket, so that the next
 * supervisor has it, too: it can replace the link as planned, count its records and end
 * it. Without a duplicate, only the kernel has the socket of a link that was taken over.
 *
 * There must be no duplicate when a link is ended with requests in flight: unsent data
 * would not be discarded at once (see handover.c). So the duplicate is removed from the
 * store when a new link is started, and before a link is shut down.
 */
#pragma once

#include "attachment/attachment.h"

void fd_store_add(const struct attachment *a, unsigned link);
void fd_store_remove(const struct attachment *a, unsigned link);

/* Takes the sockets that the manager has passed, if the state knows their links. */
void fd_store_take(struct attachment *a);
