/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of a link on one page. An action decides which of the phases named comes next;
 * those of a link that the kernel uses, and that another replaces, are in replace.c,
 * those of one that is lost in recovery.c. Each link heals by itself.
 */
#include "supervisor/connection.h"
#include "supervisor/attempt.h"
#include "supervisor/recovery.h"
#include "supervisor/replace.h"

#define UP         (1U << PHASE_UP)
#define TESTING    (1U << PHASE_TESTING)
#define RENEWING   (1U << PHASE_RENEWING)
#define SETTLING   (1U << PHASE_SETTLING)
#define WAITING    (1U << PHASE_WAITING)
#define CONNECTING (1U << PHASE_CONNECTING)
#define HOLDING    (1U << PHASE_HOLDING)

/* clang-format off */
const struct transition connection_life[] = {
	/* the kernel uses the link */
	{PHASE_UP, EVENT_FADING, recovery_half_closed, UP},
	{PHASE_UP, EVENT_TIMER, recovery_cut, UP},
	{PHASE_UP, EVENT_LOST, recovery_reconnect, CONNECTING | WAITING},
	{PHASE_UP, EVENT_STALLED, replace_test, UP | TESTING},
	{PHASE_UP, EVENT_RENEW, replace_renew, UP | RENEWING | SETTLING},

	/* it does, but nothing moves: is the server there? */
	{PHASE_TESTING, EVENT_FADING, recovery_half_closed, TESTING},
	{PHASE_TESTING, EVENT_TIMER, recovery_cut, TESTING},
	{PHASE_TESTING, EVENT_LOST, recovery_go_on, CONNECTING},
	{PHASE_TESTING, EVENT_REACHED, replace_judge, UP | SETTLING},
	{PHASE_TESTING, EVENT_FAILED, replace_keep, UP | SETTLING},
	{PHASE_TESTING, EVENT_RENEW, replace_later, TESTING},

	/* it does, and a new link is being made */
	{PHASE_RENEWING, EVENT_FADING, recovery_half_closed, RENEWING},
	{PHASE_RENEWING, EVENT_TIMER, recovery_cut, RENEWING},
	{PHASE_RENEWING, EVENT_LOST, recovery_go_on, CONNECTING},
	{PHASE_RENEWING, EVENT_REACHED, replace_settle, SETTLING},
	{PHASE_RENEWING, EVENT_FAILED, replace_keep, UP | SETTLING},
	{PHASE_RENEWING, EVENT_RENEW, replace_later, RENEWING},

	/* it does, until nothing is in flight: then it is cut */
	{PHASE_SETTLING, EVENT_TIMER, replace_exchange, SETTLING | HOLDING | CONNECTING | WAITING},
	{PHASE_SETTLING, EVENT_LOST, recovery_hold, HOLDING | CONNECTING | WAITING},
	{PHASE_SETTLING, EVENT_RENEW, replace_later, SETTLING},

	/* the link is lost, and the next attempt is to come */
	{PHASE_WAITING, EVENT_NOTED, recovery_note, WAITING},
	{PHASE_WAITING, EVENT_TIMER, recovery_connect, CONNECTING | WAITING},
	{PHASE_WAITING, EVENT_RENEW, recovery_connect, CONNECTING | WAITING},

	/* it is lost, and an attempt is under way */
	{PHASE_CONNECTING, EVENT_NOTED, recovery_note, CONNECTING},
	{PHASE_CONNECTING, EVENT_REACHED, recovery_install, UP | HOLDING | WAITING},
	{PHASE_CONNECTING, EVENT_FAILED, recovery_back_off, WAITING},
	{PHASE_CONNECTING, EVENT_RENEW, replace_later, CONNECTING},

	/* it is lost, the new one is there, and the driver has yet to mark the old one dead */
	{PHASE_HOLDING, EVENT_NOTED, recovery_note, HOLDING},
	{PHASE_HOLDING, EVENT_TIMER, recovery_install, UP | HOLDING | WAITING},
	{PHASE_HOLDING, EVENT_RENEW, replace_later, HOLDING},
};
const size_t connection_life_size = ELEMENTSOF(connection_life);
/* clang-format on */

void slot_event(struct supervisor *s, struct slot *slot, enum slot_event event)
{
	for (size_t i = 0; i < connection_life_size; i++) {
		const struct transition *t = &connection_life[i];

		if (t->phase == slot->phase && t->event == event) {
			slot->phase = t->action(s, slot);
			return;
		}
	}
}

void slot_attempt_ready(struct supervisor *s, struct slot *slot)
{
	slot_event(s, slot, slot_finish_attempt(s, slot) ? EVENT_REACHED : EVENT_FAILED);
}
