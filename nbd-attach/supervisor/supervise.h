/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeps an attachment up: replaces lost links, and passes the new ones to the kernel. */
#pragma once

#include "attachment/attachment.h"

enum supervise_end {
	SUPERVISE_LET_GO, /* SIGTERM: the device stays, for another to adopt */
	SUPERVISE_DETACH, /* SIGINT: the device is to be detached */
	SUPERVISE_GONE,   /* another program has detached it */
};

/*
 * Returns enum supervise_end when it is to end, or -errno if it cannot start or the
 * device cannot be made ready. Calls ready (may be NULL) when the device can be used;
 * lost links are replaced before that, too. Reads the credentials, again on SIGHUP, and
 * then renews all links. interrupt_setup() must have been called.
 */
int supervise(struct attachment *a, const struct target *t, void (*ready)(unsigned index),
	struct error *err);
