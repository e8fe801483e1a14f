/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a link that is lost is made anew.
 *
 * The kernel takes a new link only once it knows that the old one is dead, and drops it
 * silently otherwise (nbd_reconnect_socket()). So a candidate is held back until the
 * driver has announced a dead link (EVENT_NOTED), or for NOTE_PATIENCE: such
 * announcements may get lost.
 */
#include <errno.h>
#include <sys/param.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "attachment/fd-store.h"
#include "common/process.h"
#include "supervisor/attempt.h"
#include "supervisor/backoff.h"
#include "supervisor/deferred.h"
#include "supervisor/driver-timeouts.h"
#include "supervisor/handover.h"
#include "supervisor/recovery.h"

#define NOTE_DELAY    (20 * USEC_PER_MSEC) /* from the announcement to the mark */
#define NOTE_PATIENCE (250 * USEC_PER_MSEC)
#define NOTE_AGAIN    (250 * USEC_PER_MSEC) /* it did not know yet */
#define FADE_PATIENCE (100 * USEC_PER_MSEC) /* for the driver to read to the end */

/* A link ends, too, when the device is taken away. */
#define GONE_LOOK (100 * USEC_PER_MSEC)

/* Its first requests are sent by then: has the kernel encrypted them? */
#define FIRST_LOOK (50 * USEC_PER_MSEC)

static uint32_t random_number(void)
{
	uint32_t number = 0;

	/* At boot there may be none yet: then all clients wait the same time. */
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
		return 0;
	return number;
}

/*
 * The server was not asked: what is wrong is here, and may soon be over; unless it is
 * that the kernel does not encrypt.
 */
static enum phase wait_for_better(struct supervisor *s, struct slot *slot)
{
	slot->planned = slot->quiet = false;
	slot->phase = PHASE_WAITING; /* what is told of it is told of a lost link */
	slot_tell(s, slot, s->a->plaintext.fault != FAULT_NONE);
	handover_flip(s);
	slot->timer = deadline_after(
		backoff_delay(BACKOFF_LOCAL, slot->tries++, 0, random_number()));
	return PHASE_WAITING;
}

enum phase recovery_connect(struct supervisor *s, struct slot *slot)
{
	slot->timer = USEC_INFINITY;
	return slot_start_attempt(s, slot) ? PHASE_CONNECTING : wait_for_better(s, slot);
}

/*
 * It ends by itself, as both its sides have ended; unless it hangs, and then requests
 * that it has not passed on yet must not reach the server after those that replace them.
 */
static void end_relay(struct supervisor *s, const struct slot *slot)
{
	pid_t *relay = &s->a->relays[slot->number];

	if (*relay > 0 && slot->quiet)
		process_leave(*relay);
	else if (*relay > 0)
		process_kill(*relay);
	*relay = 0;
}

/* The link is gone: what was known of it is over. */
static void lose(struct supervisor *s, struct slot *slot)
{
	usec_t now = deadline_now();
	int *fd = &s->a->sockets[slot->number];
	struct sysfs_io io = {0};

	if (sysfs_read_io(s->a->state.index, &io) == 0)
		s->a->state.repeated += io.in_flight;
	slot->completed = io.completed;
	slot->unseen = *fd < 0;
	(void)encryption_check(&s->a->encryption[slot->number], *fd, &s->a->plaintext);
	slot_known(s, slot)->encrypts = false;
	keep_fd_no_more(s->a, slot->number);
	closep(fd);
	*fd = -1;
	end_relay(s, slot);
	upkeep_stop(s);
	slot->flaps = now - slot->up_since >= WELL_AFTER ? 0 : slot->flaps + 1;
	slot->tries = 0;
	slot->lost_at = now;
	slot->noted_at = now + NOTE_PATIENCE;
	slot->noted = slot->missed = slot->stalled = false;
	s->look_at = MIN(s->look_at, now + GONE_LOOK);
	slot->fading = false;
	if (slot->planned && slot->candidate.fd >= 0)
		return;
	slot->error = (struct error){0};
	slot->cut = false;
	slot_known(s, slot)->error[0] = 0;
	slot_set_state(slot_known(s, slot), LINK_RECONNECTING);
	if (slot->planned)
		supervisor_tell(s, LINK(slot), "ended",
			"connection to %s ended, to be replaced",
			slot_known(s, slot)->address);
	else
		supervisor_tell(s, LINK(slot), "lost", "connection to %s lost",
			slot_known(s, slot)->address);
}

enum phase recovery_reconnect(struct supervisor *s, struct slot *slot)
{
	lose(s, slot);
	if (slot->flaps == 0)
		return recovery_connect(s, slot);
	slot->timer = slot->lost_at +
		backoff_delay(BACKOFF_FLAPPING, slot->flaps, 0, random_number());
	return PHASE_WAITING;
}

/* The attempt that is under way comes in handy. */
enum phase recovery_go_on(struct supervisor *s, struct slot *slot)
{
	lose(s, slot);
	slot->timer = USEC_INFINITY;
	return PHASE_CONNECTING;
}

enum phase recovery_hold(struct supervisor *s, struct slot *slot)
{
	if (slot->candidate.fd < 0) /* it had to be ended first */
		return recovery_reconnect(s, slot);
	lose(s, slot);
	slot->timer = slot->noted_at;
	return PHASE_HOLDING;
}

enum phase recovery_note(_unused_ struct supervisor *s, struct slot *slot)
{
	usec_t soon = deadline_after(NOTE_DELAY);

	slot->noted = true;
	if (soon < slot->noted_at)
		slot->noted_at = soon;
	if (slot->phase == PHASE_HOLDING)
		slot->timer = slot->noted_at;
	return slot->phase;
}

/* The driver sees the end of the stream itself, unless it is stuck in sending. */
enum phase recovery_half_closed(_unused_ struct supervisor *s, struct slot *slot)
{
	slot->timer = deadline_after(FADE_PATIENCE);
	return slot->phase;
}

enum phase recovery_cut(struct supervisor *s, struct slot *slot)
{
	slot->timer = USEC_INFINITY;
	handover_cut(s, slot);
	return slot->phase;
}

/* A server that was only not there has refused nothing yet. */
static usec_t delay_after_failure(struct slot *slot, usec_t now)
{
	enum backoff_reason reason = slot->cut ? BACKOFF_FLAPPING
		: slot_is_refused(slot)        ? BACKOFF_REFUSED
					       : BACKOFF_UNREACHED;

	slot->tries = reason == BACKOFF_UNREACHED ? 0 : slot->tries + 1;
	return backoff_delay(reason, slot->tries, now - slot->lost_at, random_number());
}

enum phase recovery_back_off(struct supervisor *s, struct slot *slot)
{
	usec_t now = deadline_now();

	slot->planned = slot->quiet = false;
	slot_tell_failure(s, slot);
	handover_flip(s);
	slot->timer = now + delay_after_failure(slot, now);
	return PHASE_WAITING;
}

static void came_up(struct supervisor *s, struct slot *slot)
{
	struct state_link *link = slot_known(s, slot);
	usec_t now = deadline_now();
	double away = (double)(now - slot->lost_at) / (double)USEC_PER_SEC;

	link->reconnects++;
	link->error[0] = 0;
	slot_set_state(link, LINK_UP);
	slot->up_since = now;
	slot->timer = USEC_INFINITY;
	keep_fd(s->a, slot->number);
	progress_restart(&s->progress, now);
	if (s->a->encryption[slot->number].due)
		s->look_at = MIN(s->look_at, now + FIRST_LOOK);
	if (slot->planned)
		supervisor_tell(s, LINK(slot), "replaced", "connection to %s replaced",
			link->address);
	else
		supervisor_tell(s, LINK(slot), "restored",
			"connection to %s restored after %.1f s", link->address, away);
	slot->planned = slot->quiet = slot->stalled = false;
}

/* Without a word to the server: the kernel may have the socket all the same. */
static enum phase fail_to_install(struct supervisor *s, struct slot *slot)
{
	shutdown(slot->candidate.fd, SHUT_RDWR);
	link_done(&slot->candidate);
	s->suspect = true; /* is the device ours still? */
	s->look_at = 0;
	return recovery_back_off(s, slot);
}

/*
 * A link of another process that is in no table may be one that the state file never told
 * of. It lives if the driver knows of no dead link while requests are completed.
 */
static bool lives_on(const struct supervisor *s, const struct slot *slot)
{
	struct sysfs_io io;

	return slot->unseen && sysfs_read_io(s->a->state.index, &io) == 0 &&
		io.completed != slot->completed;
}

static enum phase live_on(struct supervisor *s, struct slot *slot)
{
	struct state_link *link = slot_known(s, slot);

	link_disconnect(&slot->candidate);
	link->socket = 0; /* which one it is nobody knows; the driver will tell its end */
	link->error[0] = 0;
	slot_set_state(link, LINK_UP);
	slot->timer = USEC_INFINITY;
	slot->planned = slot->quiet = slot->stalled = slot->unseen = false;
	progress_restart(&s->progress, deadline_now());
	s->look_at = 0; /* the timeouts of an outage are not for it */
	supervisor_tell(s, LINK(slot), "alive",
		"the connection was not lost: the driver uses one that was not known of");
	return PHASE_UP;
}

enum phase recovery_install(struct supervisor *s, struct slot *slot)
{
	int r;

	if (s->a->plaintext.fault != FAULT_NONE) {
		link_disconnect(&slot->candidate);
		return recovery_connect(s, slot);
	}
	if (deadline_left(slot->noted_at) > 0) {
		slot->timer = slot->noted_at;
		return PHASE_HOLDING;
	}
	r = handover_link(s, slot, &slot->error);
	if (r == -EBUSY && lives_on(s, slot))
		return live_on(s, slot);
	if (r == -EBUSY) {
		slot_tell_failure(s, slot);
		slot->timer = deadline_after(NOTE_AGAIN);
		return PHASE_HOLDING;
	}
	if (r < 0)
		return fail_to_install(s, slot);
	came_up(s, slot);
	return PHASE_UP;
}
