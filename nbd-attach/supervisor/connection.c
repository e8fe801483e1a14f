/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link's life, as a table: in which phase what event leads to which action. An action
 * says what phase comes next. Each link heals by itself; how one that lives is replaced
 * is in replace.c, and what concerns the whole device in handover.c.
 *
 * The kernel takes a new link only once it knows that the old one is dead, and drops it
 * silently otherwise (nbd_reconnect_socket()). So a candidate is held back until the
 * driver has announced a dead link (EVENT_NOTED), or for NOTE_PATIENCE: such
 * announcements may get lost.
 */
#include <errno.h>
#include <string.h>
#include <sys/param.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "attachment/fd-store.h"
#include "attachment/geometry.h"
#include "common/process.h"
#include "kernel/root-disk.h"
#include "link/worker-exec.h"
#include "supervisor/backoff.h"
#include "supervisor/connection-internal.h"

#define NOTE_DELAY    (20 * USEC_PER_MSEC) /* from the announcement to the mark */
#define NOTE_PATIENCE (250 * USEC_PER_MSEC)
#define NOTE_AGAIN    (250 * USEC_PER_MSEC) /* it did not know yet */
#define FADE_PATIENCE (100 * USEC_PER_MSEC) /* for the driver to read to the end */

/* A link ends, too, when the device is taken away. */
#define GONE_LOOK (100 * USEC_PER_MSEC)

/* Its first requests are sent by then: has the kernel encrypted them? */
#define FIRST_LOOK (50 * USEC_PER_MSEC)

#define SILENCE (10 * USEC_PER_SEC) /* about reasons that take turns */

bool slot_is_up(const struct slot *slot)
{
	return slot->phase < PHASE_WAITING;
}

struct state_link *slot_known(const struct supervisor *s, const struct slot *slot)
{
	return &s->a->state.links[slot->number];
}

static uint32_t random_number(void)
{
	uint32_t number = 0;

	/* At boot there may be none yet: then all clients wait the same time. */
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
		return 0;
	return number;
}

static void set_link_state(struct state_link *link, enum link_state state)
{
	if (link->state != state)
		link->since = time(NULL);
	link->state = state;
}

/* Credentials that could not be read may be there by now. */
static bool has_credentials(struct supervisor *s)
{
	struct error err = {0};

	if (s->no_credentials.fault == FAULT_NONE)
		return true;
	(void)credentials_read(s->target, &s->credentials, &err);
	s->no_credentials = err;
	return err.fault == FAULT_NONE;
}

bool slot_start_attempt(struct supervisor *s, struct slot *slot)
{
	slot->turned_away = false;
	if (s->a->plaintext.fault != FAULT_NONE) {
		slot->error = s->a->plaintext;
		return false;
	}
	if (!has_credentials(s)) {
		slot->error = s->no_credentials;
		return false;
	}
	/* That may have come to be so since this process began. */
	if (root_disk_is_on(s->a->state.index))
		fresh_no_more();
	if (link_attempt_start(s->target, &s->credentials, s->a->state.relay[0] != 0,
		    &slot->attempt, &slot->error) < 0)
		return false;
	keep_fd_no_more(s->a, slot->number);
	return true;
}

/*
 * A connection that just ends says nothing: the server may be about to stop or to start,
 * or what is before it may not reach it. (In TLS it may be how the server says no.)
 */
static bool is_refusal(const struct slot *slot)
{
	enum fault fault = slot->error.fault;

	return fault == FAULT_REFUSED || fault == FAULT_TLS || fault == FAULT_USAGE ||
		(fault == FAULT_PROTOCOL && !slot->cut);
}

void slot_tell(struct supervisor *s, struct slot *slot, bool refused)
{
	struct state_link *link = slot_known(s, slot);
	bool other = !slot_is_up(slot) &&
		link->state != (refused ? LINK_REFUSED : LINK_RECONNECTING);

	if (strcmp(link->error, slot->error.text) == 0)
		return;
	other |= link->error[0] == 0 || deadline_left(slot->silent_until) == 0;
	snprintf(link->error, sizeof(link->error), "%s", slot->error.text);
	if (!slot_is_up(slot))
		set_link_state(link, refused ? LINK_REFUSED : LINK_RECONNECTING);
	s->changed = true;
	if (!other)
		return;
	slot->silent_until = deadline_after(SILENCE);
	supervisor_tell(s, LINK(slot), refused ? "refused" : "retry", "%s: %s",
		s->a->plaintext.fault != FAULT_NONE ? "no new link"
			: refused                   ? "the server must not be used"
						    : "trying again",
		slot->error.text);
}

void slot_tell_failure(struct supervisor *s, struct slot *slot)
{
	slot_tell(s, slot, is_refusal(slot));
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

static enum phase connect_now(struct supervisor *s, struct slot *slot)
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
	set_link_state(slot_known(s, slot), LINK_RECONNECTING);
	if (slot->planned)
		supervisor_tell(s, LINK(slot), "ended",
			"connection to %s ended, to be replaced",
			slot_known(s, slot)->address);
	else
		supervisor_tell(s, LINK(slot), "lost", "connection to %s lost",
			slot_known(s, slot)->address);
}

static enum phase reconnect(struct supervisor *s, struct slot *slot)
{
	lose(s, slot);
	if (slot->flaps == 0)
		return connect_now(s, slot);
	slot->timer = slot->lost_at +
		backoff_delay(BACKOFF_FLAPPING, slot->flaps, 0, random_number());
	return PHASE_WAITING;
}

/* The attempt that is under way comes in handy. */
static enum phase go_on_connecting(struct supervisor *s, struct slot *slot)
{
	lose(s, slot);
	slot->timer = USEC_INFINITY;
	return PHASE_CONNECTING;
}

enum phase slot_hold(struct supervisor *s, struct slot *slot)
{
	if (slot->candidate.fd < 0) /* it had to be ended first */
		return reconnect(s, slot);
	lose(s, slot);
	slot->timer = slot->noted_at;
	return PHASE_HOLDING;
}

static enum phase note(_unused_ struct supervisor *s, struct slot *slot)
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
static enum phase fade(_unused_ struct supervisor *s, struct slot *slot)
{
	slot->timer = deadline_after(FADE_PATIENCE);
	return slot->phase;
}

static enum phase cut(struct supervisor *s, struct slot *slot)
{
	slot->timer = USEC_INFINITY;
	handover_cut(s, slot);
	return slot->phase;
}

/* A server that was only not there has refused nothing yet. */
static usec_t delay_after_failure(struct slot *slot, usec_t now)
{
	enum backoff_reason reason = slot->cut ? BACKOFF_FLAPPING
		: is_refusal(slot)             ? BACKOFF_REFUSED
					       : BACKOFF_UNREACHED;

	slot->tries = reason == BACKOFF_UNREACHED ? 0 : slot->tries + 1;
	return backoff_delay(reason, slot->tries, now - slot->lost_at, random_number());
}

static enum phase back_off(struct supervisor *s, struct slot *slot)
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
	set_link_state(link, LINK_UP);
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
	return back_off(s, slot);
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
	set_link_state(link, LINK_UP);
	slot->timer = USEC_INFINITY;
	slot->planned = slot->quiet = slot->stalled = slot->unseen = false;
	progress_restart(&s->progress, deadline_now());
	s->look_at = 0; /* the timeouts of an outage are not for it */
	supervisor_tell(s, LINK(slot), "alive",
		"the connection was not lost: the driver uses one that was not known of");
	return PHASE_UP;
}

static enum phase install(struct supervisor *s, struct slot *slot)
{
	int r;

	if (s->a->plaintext.fault != FAULT_NONE) {
		link_disconnect(&slot->candidate);
		return connect_now(s, slot);
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

typedef enum phase (*action_fn)(struct supervisor *s, struct slot *slot);

/* clang-format off */
static const action_fn actions[PHASE_MAX][EVENT_MAX] = {
	[PHASE_UP] = {
		[EVENT_FADING] = fade,
		[EVENT_LOST] = reconnect,
		[EVENT_TIMER] = cut,
		[EVENT_STALLED] = replace_test,
		[EVENT_RENEW] = replace_renew,
	},
	[PHASE_TESTING] = {
		[EVENT_FADING] = fade,
		[EVENT_LOST] = go_on_connecting,
		[EVENT_REACHED] = replace_judge,
		[EVENT_FAILED] = replace_keep,
		[EVENT_TIMER] = cut,
		[EVENT_RENEW] = replace_later,
	},
	[PHASE_RENEWING] = {
		[EVENT_FADING] = fade,
		[EVENT_LOST] = go_on_connecting,
		[EVENT_REACHED] = replace_settle,
		[EVENT_FAILED] = replace_keep,
		[EVENT_TIMER] = cut,
		[EVENT_RENEW] = replace_later,
	},
	[PHASE_SETTLING] = {
		[EVENT_LOST] = slot_hold,
		[EVENT_TIMER] = replace_exchange,
		[EVENT_RENEW] = replace_later,
	},
	[PHASE_WAITING] = {
		[EVENT_NOTED] = note,
		[EVENT_TIMER] = connect_now,
		[EVENT_RENEW] = connect_now,
	},
	[PHASE_CONNECTING] = {
		[EVENT_NOTED] = note,
		[EVENT_REACHED] = install,
		[EVENT_FAILED] = back_off,
		[EVENT_RENEW] = replace_later,
	},
	[PHASE_HOLDING] = {
		[EVENT_NOTED] = note,
		[EVENT_TIMER] = install,
		[EVENT_RENEW] = replace_later,
	},
};
/* clang-format on */

void slot_event(struct supervisor *s, struct slot *slot, enum slot_event event)
{
	action_fn action = actions[slot->phase][event];

	if (action)
		slot->phase = action(s, slot);
}

/* The server has come to agree on TLS that this kernel cannot do. */
static void take_relay(struct supervisor *s, const struct error *err)
{
	if (s->a->state.relay[0] || !link_may_be_relay(s->target, err))
		return;
	snprintf(s->a->state.relay, sizeof(s->a->state.relay), "%s", err->text);
	supervisor_tell(s, -1, "relay",
		"from now on the data goes through a process in user space: %s",
		err->text);
}

void slot_attempt_ready(struct supervisor *s, struct slot *slot)
{
	struct error err = {0};
	struct link link = {.fd = -1};
	int r = link_attempt_finish(&slot->attempt, &link, &err);

	slot->turned_away = r == -EUSERS;
	slot->cut = r == -ECONNRESET || r == -ECONNABORTED ||
		(slot->turned_away && err.fault == FAULT_PROTOCOL);
	if (r == 0)
		r = shape_check(s->target, &link.facts, &s->a->state,
			&slot->candidate_size, &err);
	if (r < 0) {
		link_disconnect(&link);
		take_relay(s, &err);
		slot->error = err;
	} else {
		slot->candidate = link;
	}
	slot_event(s, slot, r < 0 ? EVENT_FAILED : EVENT_REACHED);
}
