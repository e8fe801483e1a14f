/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a link that the kernel uses is replaced: because nothing moves on it, or as
 * planned. The new link is made first, and the old one ended at a moment with nothing in
 * flight.
 *
 * Break before make: a server that takes one connection at a time gives no second one
 * while the first is there; it closes it before its greeting, or leaves it waiting. So
 * does one that is stopped; but if replies come meanwhile, or none is due, it is known
 * for what it is. Then the old link is ended first, and the new one made after that. Such
 * a server has done with the old one before it takes the next.
 */
#include "supervisor/replace.h"
#include "attachment/fd-store.h"
#include "supervisor/attempt.h"
#include "supervisor/handover.h"
#include "supervisor/recovery.h"

#define CUT_PATIENCE (3 * USEC_PER_SEC)
#define QUIET_LOOK   (2 * USEC_PER_MSEC)
#define QUIET_MOST   (2 * USEC_PER_SEC)

#define RENEW_AGAIN (60 * USEC_PER_SEC) /* after a failure */
#define RENEW_LATER (2 * USEC_PER_SEC)

/* Nothing moves: only a handshake on a new connection tells a dead server from a slow
 * one.
 */
enum phase replace_test(struct supervisor *s, struct slot *slot)
{
	struct state_link *link = slot_known(s, slot);
	usec_t waited = deadline_now() - s->progress.since;

	if (s->a->sockets[slot->number] < 0 && s->a->state.n_links > 1)
		return PHASE_UP; /* that one is the kernel's to end */
	if (!slot->stalled) {
		slot->stalled = true;
		snprintf(link->error, sizeof(link->error), "no reply for %llu s",
			(unsigned long long)(waited / USEC_PER_SEC));
		supervisor_tell(s, LINK(slot), "stalled",
			"%s: trying a new connection to %s", link->error, link->address);
	}
	slot->completed = s->progress.last.completed;
	if (!slot_start_attempt(s, slot)) { /* the next look tries again */
		slot_tell(s, slot, false);
		return PHASE_UP;
	}
	progress_restart(&s->progress, deadline_now());
	return PHASE_TESTING;
}

/* The old link goes on being used. */
static enum phase stay(struct supervisor *s, const struct slot *slot)
{
	keep_fd(s->a, slot->number);
	progress_restart(&s->progress, deadline_now());
	return PHASE_UP;
}

static enum phase drop_candidate(struct supervisor *s, struct slot *slot)
{
	link_disconnect(&slot->candidate);
	return stay(s, slot);
}

/* Requests were completed since the test began, or none is under way. */
static bool has_moved(const struct supervisor *s, const struct slot *slot)
{
	struct sysfs_io io;

	return sysfs_read_io(s->a->state.index, &io) == 0 &&
		(io.completed != slot->completed || io.in_flight == 0);
}

static enum phase end_stalled(struct supervisor *s, struct slot *slot)
{
	progress_replaced(&s->progress, deadline_now());
	slot->quiet_until = 0;
	slot->timer = deadline_now();
	return PHASE_SETTLING;
}

enum phase replace_judge(struct supervisor *s, struct slot *slot)
{
	s->a->state.break_before_make = false;
	return has_moved(s, slot) ? drop_candidate(s, slot) : end_stalled(s, slot);
}

enum phase replace_settle(_unused_ struct supervisor *s, struct slot *slot)
{
	slot->quiet_until = deadline_after(QUIET_MOST);
	slot->timer = deadline_now();
	return PHASE_SETTLING;
}

/* Whether it is known by now that a second connection is not to be had. */
static bool is_full(struct supervisor *s, const struct slot *slot)
{
	struct sysfs_io io;

	if (!slot->turned_away || sysfs_read_io(s->a->state.index, &io) < 0)
		return false;
	if (s->a->state.break_before_make)
		return true;
	if (io.completed == slot->completed &&
		(io.in_flight > 0 || slot->phase == PHASE_TESTING))
		return false;
	s->a->state.break_before_make = true;
	supervisor_tell(s, LINK(slot), "full",
		"the server takes no connection beside this one: it is ended before "
		"there is another");
	return true;
}

/* The failure is worth a line; the link stays as it is, or is to be ended first. */
enum phase replace_keep(struct supervisor *s, struct slot *slot)
{
	bool renewing = slot->phase == PHASE_RENEWING;

	if (is_full(s, slot) && (renewing || !has_moved(s, slot)))
		return renewing ? replace_settle(s, slot) : end_stalled(s, slot);
	slot_tell_failure(s, slot);
	if (renewing)
		s->renew_at = deadline_after(RENEW_AGAIN);
	return stay(s, slot);
}

enum phase replace_renew(struct supervisor *s, struct slot *slot)
{
	struct sysfs_io io;

	/* Without a descriptor of it, nothing ends it at the right moment. */
	if (s->a->sockets[slot->number] < 0) {
		supervisor_tell(s, LINK(slot), "kept",
			"connection to %s is another supervisor's: replaced when it ends",
			slot_known(s, slot)->address);
		return PHASE_UP;
	}
	if (s->a->state.break_before_make) {
		keep_fd_no_more(s->a, slot->number);
		return replace_settle(s, slot);
	}
	if (sysfs_read_io(s->a->state.index, &io) == 0)
		slot->completed = io.completed;
	if (slot_start_attempt(s, slot))
		return PHASE_RENEWING;
	slot_tell(s, slot, false);
	s->renew_at = deadline_after(RENEW_LATER);
	return PHASE_UP;
}

/* The attempt that is under way may be one with the old credentials. */
enum phase replace_later(struct supervisor *s, struct slot *slot)
{
	s->renew_at = deadline_after(RENEW_LATER);
	return slot->phase;
}

/* Is nothing in flight just now? Then the change will not be felt. */
enum phase replace_exchange(struct supervisor *s, struct slot *slot)
{
	struct sysfs_io io;

	if (slot->planned) /* cut long ago, and nobody has told us */
		return recovery_hold(s, slot);
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
