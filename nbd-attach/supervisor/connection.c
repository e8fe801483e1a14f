/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of a link on one page. The action returns one of the phases in the last
 * column. Actions that replace a link while the kernel uses it are in replace.c, those
 * for a link that ends or is lost in recovery.c. Each link recovers on its own.
 */
#include "supervisor/connection.h"
#include "supervisor/attempt.h"
#include "supervisor/recovery.h"
#include "supervisor/replace.h"

#define UP          (1U << PHASE_UP)
#define PROBING     (1U << PHASE_PROBING)
#define REPLACING   (1U << PHASE_REPLACING)
#define DRAINING    (1U << PHASE_DRAINING)
#define BACKING_OFF (1U << PHASE_BACKING_OFF)
#define CONNECTING  (1U << PHASE_CONNECTING)
#define PENDING     (1U << PHASE_PENDING)

/* clang-format off */
const struct transition connection_life[] = {
	/* the kernel uses the link */
	{PHASE_UP, EVENT_HALF_CLOSED, recovery_await_close, UP},
	{PHASE_UP, EVENT_TIMER, recovery_shut_down, UP},
	{PHASE_UP, EVENT_LOST, recovery_reconnect, CONNECTING | BACKING_OFF},
	{PHASE_UP, EVENT_STALLED, replace_probe, UP | PROBING},
	{PHASE_UP, EVENT_RENEW, replace_begin, UP | REPLACING | DRAINING},

	/* up, but no replies: an attempt tests whether the server is there */
	{PHASE_PROBING, EVENT_HALF_CLOSED, recovery_await_close, PROBING},
	{PHASE_PROBING, EVENT_TIMER, recovery_shut_down, PROBING},
	{PHASE_PROBING, EVENT_LOST, recovery_await_attempt, CONNECTING},
	{PHASE_PROBING, EVENT_CONNECTED, replace_if_stalled, UP | DRAINING},
	{PHASE_PROBING, EVENT_FAILED, replace_failed, UP | DRAINING},
	{PHASE_PROBING, EVENT_RENEW, replace_postpone, PROBING},

	/* up, and a new link is being made to replace it */
	{PHASE_REPLACING, EVENT_HALF_CLOSED, recovery_await_close, REPLACING},
	{PHASE_REPLACING, EVENT_TIMER, recovery_shut_down, REPLACING},
	{PHASE_REPLACING, EVENT_LOST, recovery_await_attempt, CONNECTING},
	{PHASE_REPLACING, EVENT_CONNECTED, replace_drain, DRAINING},
	{PHASE_REPLACING, EVENT_FAILED, replace_failed, UP | DRAINING},
	{PHASE_REPLACING, EVENT_RENEW, replace_postpone, REPLACING},

	/* up, until nothing is in flight: then it is shut down */
	{PHASE_DRAINING, EVENT_TIMER, replace_when_idle, DRAINING | PENDING | CONNECTING | BACKING_OFF},
	{PHASE_DRAINING, EVENT_LOST, recovery_await_driver, PENDING | CONNECTING | BACKING_OFF},
	{PHASE_DRAINING, EVENT_RENEW, replace_postpone, DRAINING},

	/* lost: waiting for the next attempt */
	{PHASE_BACKING_OFF, EVENT_MARKED_DEAD, recovery_note_dead, BACKING_OFF},
	{PHASE_BACKING_OFF, EVENT_TIMER, recovery_connect, CONNECTING | BACKING_OFF},
	{PHASE_BACKING_OFF, EVENT_RENEW, recovery_connect, CONNECTING | BACKING_OFF},

	/* lost: an attempt is under way */
	{PHASE_CONNECTING, EVENT_MARKED_DEAD, recovery_note_dead, CONNECTING},
	{PHASE_CONNECTING, EVENT_CONNECTED, recovery_install, UP | PENDING | BACKING_OFF},
	{PHASE_CONNECTING, EVENT_FAILED, recovery_back_off, BACKING_OFF},
	{PHASE_CONNECTING, EVENT_RENEW, replace_postpone, CONNECTING},

	/* lost: the new link waits until the driver has marked the old one dead */
	{PHASE_PENDING, EVENT_MARKED_DEAD, recovery_note_dead, PENDING},
	{PHASE_PENDING, EVENT_TIMER, recovery_install, UP | PENDING | BACKING_OFF},
	{PHASE_PENDING, EVENT_RENEW, replace_postpone, PENDING},
};
const size_t connection_life_size = ELEMENTSOF(connection_life);
/* clang-format on */

void connection_event(
	struct supervisor *s, struct connection *conn, enum connection_event event)
{
	for (size_t i = 0; i < connection_life_size; i++) {
		const struct transition *t = &connection_life[i];

		if (t->phase == conn->phase && t->event == event) {
			conn->phase = t->action(s, conn);
			return;
		}
	}
}

void connection_attempt_ready(struct supervisor *s, struct connection *conn)
{
	if (!attempt_proceeds(s, conn))
		connection_event(s, conn,
			attempt_finish(s, conn) ? EVENT_CONNECTED : EVENT_FAILED);
}
