/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link's life, as a table: in which phase what event leads to which action. An action
 * says what phase comes next. Each link heals by itself; what concerns the whole device
 * is in handover.c.
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

#include "common/process.h"
#include "session/backoff.h"
#include "session/shape.h"
#include "session/supervisor.h"

#define NOTE_DELAY    (20 * USEC_PER_MSEC) /* from the announcement to the mark */
#define NOTE_PATIENCE (250 * USEC_PER_MSEC)
#define NOTE_AGAIN    (250 * USEC_PER_MSEC) /* it did not know yet */
#define FADE_PATIENCE (100 * USEC_PER_MSEC) /* for the driver to read to the end */
#define CUT_PATIENCE  (3 * USEC_PER_SEC)
#define QUIET_LOOK    (2 * USEC_PER_MSEC)
#define QUIET_MOST    (2 * USEC_PER_SEC)

/* A link ends, too, when the device is taken away. */
#define GONE_LOOK (100 * USEC_PER_MSEC)

#define RENEW_AGAIN (60 * USEC_PER_SEC) /* after a failure */
#define RENEW_LATER (2 * USEC_PER_SEC)

#define SILENCE (10 * USEC_PER_SEC) /* about reasons that take turns */

#define LINK(slot) ((int)(slot)->number)

bool slot_is_up(const struct slot *slot)
{
	return slot->phase < PHASE_WAITING;
}

static struct state_link *known(const struct supervisor *s, const struct slot *slot)
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

static bool start_attempt(struct supervisor *s, struct slot *slot)
{
	if (!has_credentials(s)) {
		slot->error = s->no_credentials;
		return false;
	}
	return link_attempt_start(s->target, &s->credentials, s->a->state.relay[0] != 0,
		       &slot->attempt, &slot->error) == 0;
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

/* Told once, and again when the reason is another; but reasons may take turns. */
static void tell(struct supervisor *s, struct slot *slot, bool refused)
{
	struct state_link *link = known(s, slot);
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
		refused ? "the server must not be used" : "trying again",
		slot->error.text);
}

static void tell_failure(struct supervisor *s, struct slot *slot)
{
	tell(s, slot, is_refusal(slot));
}

/* The server was not asked: what is wrong is here, and may soon be over. */
static enum phase wait_for_better(struct supervisor *s, struct slot *slot)
{
	tell(s, slot, false);
	handover_flip(s);
	slot->timer = deadline_after(
		backoff_delay(BACKOFF_LOCAL, slot->tries++, 0, random_number()));
	return PHASE_WAITING;
}

static enum phase connect_now(struct supervisor *s, struct slot *slot)
{
	slot->timer = USEC_INFINITY;
	return start_attempt(s, slot) ? PHASE_CONNECTING : wait_for_better(s, slot);
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

/* Of how many requests it has completed the device tells, if anything does. */
static uint64_t completed(const struct supervisor *s)
{
	struct sysfs_io io;

	return sysfs_read_io(s->a->state.index, &io) == 0 ? io.completed : 0;
}

/* The link is gone: what was known of it is over. */
static void lose(struct supervisor *s, struct slot *slot)
{
	usec_t now = deadline_now();
	int *fd = &s->a->sockets[slot->number];

	slot->unseen = *fd < 0;
	slot->completed = completed(s);
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
	if (slot->planned)
		return;
	slot->error = (struct error){0};
	slot->cut = false;
	known(s, slot)->error[0] = 0;
	set_link_state(known(s, slot), LINK_RECONNECTING);
	supervisor_tell(
		s, LINK(slot), "lost", "connection to %s lost", known(s, slot)->address);
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

static enum phase hold(struct supervisor *s, struct slot *slot)
{
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
	tell_failure(s, slot);
	handover_flip(s);
	slot->timer = now + delay_after_failure(slot, now);
	return PHASE_WAITING;
}

static void came_up(struct supervisor *s, struct slot *slot)
{
	struct state_link *link = known(s, slot);
	usec_t now = deadline_now();
	double away = (double)(now - slot->lost_at) / (double)USEC_PER_SEC;

	link->reconnects++;
	link->error[0] = 0;
	set_link_state(link, LINK_UP);
	slot->up_since = now;
	slot->timer = USEC_INFINITY;
	progress_restart(&s->progress, now);
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
	struct state_link *link = known(s, slot);

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

	if (deadline_left(slot->noted_at) > 0) {
		slot->timer = slot->noted_at;
		return PHASE_HOLDING;
	}
	r = handover_link(s, slot, &slot->error);
	if (r == -EBUSY && lives_on(s, slot))
		return live_on(s, slot);
	if (r == -EBUSY) {
		tell_failure(s, slot);
		slot->timer = deadline_after(NOTE_AGAIN);
		return PHASE_HOLDING;
	}
	if (r < 0)
		return fail_to_install(s, slot);
	came_up(s, slot);
	return PHASE_UP;
}

/* Nothing moves: only a handshake on a new connection tells a dead server from a slow
 * one.
 */
static enum phase test(struct supervisor *s, struct slot *slot)
{
	struct state_link *link = known(s, slot);

	if (s->a->sockets[slot->number] < 0 && s->a->state.n_links > 1)
		return PHASE_UP; /* that one is the kernel's to end */
	if (!slot->stalled) {
		slot->stalled = true;
		snprintf(link->error, sizeof(link->error), "no reply for %llu s",
			(unsigned long long)(s->progress.patience / USEC_PER_SEC));
		supervisor_tell(s, LINK(slot), "stalled",
			"%s: trying a new connection to %s", link->error, link->address);
	}
	slot->completed = s->progress.last.completed;
	if (!start_attempt(s, slot)) { /* the next look tries again */
		tell(s, slot, false);
		return PHASE_UP;
	}
	progress_restart(&s->progress, deadline_now());
	return PHASE_TESTING;
}

static enum phase drop_candidate(struct supervisor *s, struct slot *slot)
{
	link_disconnect(&slot->candidate);
	progress_restart(&s->progress, deadline_now());
	return PHASE_UP;
}

static enum phase judge(struct supervisor *s, struct slot *slot)
{
	struct sysfs_io io;

	if (sysfs_read_io(s->a->state.index, &io) == 0 &&
		(io.completed != slot->completed || io.in_flight == 0))
		return drop_candidate(s, slot);
	progress_replaced(&s->progress, deadline_now());
	slot->quiet_until = 0;
	slot->timer = deadline_now();
	return PHASE_SETTLING;
}

/* It stays as it is; the failure is worth a line. */
static enum phase keep(struct supervisor *s, struct slot *slot)
{
	tell_failure(s, slot);
	progress_restart(&s->progress, deadline_now());
	if (slot->phase == PHASE_RENEWING)
		s->renew_at = deadline_after(RENEW_AGAIN);
	return PHASE_UP;
}

static enum phase renew(struct supervisor *s, struct slot *slot)
{
	/* Without a descriptor of it, nothing ends it at the right moment. */
	if (s->a->sockets[slot->number] < 0) {
		supervisor_tell(s, LINK(slot), "kept",
			"connection to %s is another supervisor's: replaced when it ends",
			known(s, slot)->address);
		return PHASE_UP;
	}
	if (start_attempt(s, slot))
		return PHASE_RENEWING;
	tell(s, slot, false);
	s->renew_at = deadline_after(RENEW_LATER);
	return PHASE_UP;
}

/* The attempt that is under way may be one with the old credentials. */
static enum phase renew_later(struct supervisor *s, struct slot *slot)
{
	s->renew_at = deadline_after(RENEW_LATER);
	return slot->phase;
}

static enum phase settle(_unused_ struct supervisor *s, struct slot *slot)
{
	slot->quiet_until = deadline_after(QUIET_MOST);
	slot->timer = deadline_now();
	return PHASE_SETTLING;
}

/* Is nothing in flight just now? Then the change will not be felt. */
static enum phase exchange(struct supervisor *s, struct slot *slot)
{
	struct sysfs_io io;

	if (slot->planned) /* cut long ago, and nobody has told us */
		return hold(s, slot);
	slot->quiet = sysfs_read_io(s->a->state.index, &io) == 0 && io.in_flight == 0;
	if (!slot->quiet && deadline_left(slot->quiet_until) > 0) {
		slot->timer = deadline_after(QUIET_LOOK);
		return PHASE_SETTLING;
	}
	slot->planned = true;
	handover_cut(s, slot);
	slot->timer = deadline_after(CUT_PATIENCE);
	return PHASE_SETTLING;
}

typedef enum phase (*action_fn)(struct supervisor *s, struct slot *slot);

/* clang-format off */
static const action_fn actions[PHASE_MAX][EVENT_MAX] = {
	[PHASE_UP] = {
		[EVENT_FADING] = fade,
		[EVENT_LOST] = reconnect,
		[EVENT_TIMER] = cut,
		[EVENT_STALLED] = test,
		[EVENT_RENEW] = renew,
	},
	[PHASE_TESTING] = {
		[EVENT_FADING] = fade,
		[EVENT_LOST] = go_on_connecting,
		[EVENT_REACHED] = judge,
		[EVENT_FAILED] = keep,
		[EVENT_TIMER] = cut,
		[EVENT_RENEW] = renew_later,
	},
	[PHASE_RENEWING] = {
		[EVENT_FADING] = fade,
		[EVENT_LOST] = go_on_connecting,
		[EVENT_REACHED] = settle,
		[EVENT_FAILED] = keep,
		[EVENT_TIMER] = cut,
		[EVENT_RENEW] = renew_later,
	},
	[PHASE_SETTLING] = {
		[EVENT_LOST] = hold,
		[EVENT_TIMER] = exchange,
		[EVENT_RENEW] = renew_later,
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
		[EVENT_RENEW] = renew_later,
	},
	[PHASE_HOLDING] = {
		[EVENT_NOTED] = note,
		[EVENT_TIMER] = install,
		[EVENT_RENEW] = renew_later,
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

	slot->cut = r == -ECONNRESET || r == -ECONNABORTED;
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
