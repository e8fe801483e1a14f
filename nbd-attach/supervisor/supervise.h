/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeps an attachment up: sees links die, makes new ones, hands them to the kernel. */
#pragma once

#include "attachment/attachment.h"

enum supervise_end {
	SUPERVISE_LET_GO, /* SIGTERM: the device stays, for another to adopt */
	SUPERVISE_DETACH, /* SIGINT: it is to be detached */
	SUPERVISE_GONE,   /* another program has detached it */
};

/*
 * Returns when it is to end (enum supervise_end), or -errno if it cannot begin, or the
 * device cannot be made ready. Calls ready (may be NULL) when the device can be used;
 * until then, while it is made ready, its links are looked after already. It reads its
 * credentials, again on SIGHUP, when it also replaces the links. interrupt_setup() was
 * called.
 */
int supervise(struct attachment *a, const struct target *t, void (*ready)(unsigned index),
	struct error *err);
