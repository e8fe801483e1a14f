/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /run/nbd-attach/NAME/state.json: no secret is in it. Whether the device is really ours,
 * the kernel says (its backend identifier), not this file.
 */
#pragma once

#include "attachment/claim.h"
#include "attachment/state.h"

/* The target goes along: its URI and options are all that another daemon needs. */
int state_write(const struct claim *claim, const struct state *state,
	const struct target *t, struct error *err);

/*
 * Reads NAME's state, and what was wanted (ret_target may be NULL; it is the caller's to
 * release). -ENOENT, FAULT_NO_SUCH: there is none. -EBADMSG: it is broken, or of a
 * version that this program does not know; err says which file, FAULT_OTHER.
 */
int state_read(const char *name, struct state *ret, struct target *ret_target,
	struct error *err);
