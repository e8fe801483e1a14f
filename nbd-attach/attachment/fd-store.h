/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The service manager keeps a duplicate of each link's socket, so that the supervisor
 * that comes after this one has it, too: it can replace the link as planned, count its
 * records and end it. Without one, a link that was taken over is the kernel's alone.
 *
 * While a link is to be ended with something under way there must be no duplicate: with
 * one, what was not sent would not be thrown away at once (see handover.c). So it is
 * asked back when a new link begins to be made, and before a link is cut.
 */
#pragma once

#include "attachment/attachment.h"

void fd_store_add(const struct attachment *a, unsigned link);
void fd_store_remove(const struct attachment *a, unsigned link);

/* What the manager has passed: the sockets of links that the state knows. */
void fd_store_take(struct attachment *a);
