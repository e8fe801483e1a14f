/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /run/nbd-attach/NAME/state.json, which contains no secrets. Not this file, but the
 * kernel's backend identifier tells whether a device is ours.
 */
#pragma once

#include "attachment/claim.h"
#include "attachment/state.h"

/* Includes the target: its URI and options are all that another supervisor needs. */
int state_write(const struct claim *claim, const struct state *state,
	const struct target *t, struct error *err);

/*
 * Reads NAME's state and target (ret_target may be NULL; the caller releases it).
 * -ENOENT, FAULT_NO_SUCH: there is none. -EBADMSG, FAULT_OTHER: it is broken, or of an
 * unknown version; err names the file.
 */
int state_read(const char *name, struct state *ret, struct target *ret_target,
	struct error *err);
