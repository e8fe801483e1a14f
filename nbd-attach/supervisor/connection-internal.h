/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the actions of slot.c's table share with those that are in replace.c. */
#pragma once

#include "supervisor/supervisor.h"

#define LINK(slot) ((int)(slot)->number)

struct state_link *slot_known(const struct supervisor *s, const struct slot *slot);

/* False: no link worker can be started, slot->error says why. */
bool slot_start_attempt(struct supervisor *s, struct slot *slot);

/*
 * Why an attempt failed: told once, and again when the reason is another; but reasons may
 * take turns. Whether the server refused, or was not reached, slot_tell_failure() knows.
 */
void slot_tell(struct supervisor *s, struct slot *slot, bool refused);
void slot_tell_failure(struct supervisor *s, struct slot *slot);

/* The old link is gone: the candidate waits until the driver knows. */
enum phase slot_hold(struct supervisor *s, struct slot *slot);

/* Actions: nothing moves; what a test came to; a new link is wanted, is there, or is not;
 * the moment for it has come.
 */
enum phase replace_test(struct supervisor *s, struct slot *slot);
enum phase replace_judge(struct supervisor *s, struct slot *slot);
enum phase replace_keep(struct supervisor *s, struct slot *slot);
enum phase replace_renew(struct supervisor *s, struct slot *slot);
enum phase replace_later(struct supervisor *s, struct slot *slot);
enum phase replace_settle(struct supervisor *s, struct slot *slot);
enum phase replace_exchange(struct supervisor *s, struct slot *slot);
