/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The same export attached twice: two that write to it and do not know of each other
 * destroy what is on it. Seen are the attachments of this program, on this machine.
 */
#pragma once

#include "attachment/state.h"

/*
 * -EBUSY, FAULT_KERNEL: an attachment other than `own` has t's export, and one of the two
 * is to have it alone (--exclusive). Own's state is to be written before: of two that
 * come at once one sees the other, at least.
 */
int duplicate_refuse(const struct target *t, const char *own, const struct state *state,
	struct error *err);

/* Warns of each that has it, unless both are read-only. */
void duplicate_warn(const struct target *t, const char *own, const struct state *state);
