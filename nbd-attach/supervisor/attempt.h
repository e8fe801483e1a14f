/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An attempt to make a new link. */
#pragma once

#include "supervisor/supervisor.h"

/* False: no link worker can be started, slot->error says why. */
bool slot_start_attempt(struct supervisor *s, struct slot *slot);

/*
 * Takes what the attempt has come to, or ends it if it is late. True: slot->candidate is
 * the new link, which fits the device; false: there is none, slot->error says why.
 */
bool slot_finish_attempt(struct supervisor *s, struct slot *slot);

/*
 * Whether the failure of the last attempt is a server's refusal. A connection that just
 * ends says nothing: the server may be about to stop or to start, or what is before it
 * may not reach it. (In TLS it may be how the server says no.)
 */
bool slot_is_refused(const struct slot *slot);

/*
 * Why an attempt failed: told once, and again when the reason is another; but reasons may
 * take turns.
 */
void slot_tell(struct supervisor *s, struct slot *slot, bool refused);
void slot_tell_failure(struct supervisor *s, struct slot *slot);

void slot_set_state(struct state_link *link, enum link_state state);
