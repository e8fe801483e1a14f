/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The same export attached twice: two writers that do not know of each other destroy its
 * contents. Only attachments by this program on this machine are found.
 */
#pragma once

#include "attachment/state.h"

/*
 * -EBUSY, FAULT_KERNEL: an attachment other than `own` has t's export, and one of the two
 * is exclusive (--exclusive). The caller writes own's state before: of two concurrent
 * attaches, at least one sees the other.
 */
int duplicate_refuse(const struct target *t, const char *own, const struct state *state,
	struct error *err);

/* Warns of each attachment that has it, unless both are read-only. */
void duplicate_warn(const struct target *t, const char *own, const struct state *state);
