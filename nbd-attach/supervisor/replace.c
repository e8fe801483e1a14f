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
#include "common/timeouts.h"
#include "supervisor/attempt.h"
#include "supervisor/handover.h"
#include "supervisor/recovery.h"

/* Nothing moves: only a handshake on a new connection tells a dead server from a slow
 * one.
 */
enum phase replace_probe(struct supervisor *s, struct connection *conn)
{
	struct state_link *link = connection_link(s, conn);
	usec_t waited = deadline_now() - s->progress.since;

	if (s->a->sockets[conn->number] < 0 && s->a->state.n_links > 1)
		return PHASE_UP; /* that one is the kernel's to end */
	if (!conn->stalled) {
		conn->stalled = true;
		snprintf(link->error, sizeof(link->error), "no reply for %llu s",
			(unsigned long long)(waited / USEC_PER_SEC));
		supervisor_tell(s, LINK(conn), "stalled",
			"%s: trying a new connection to %s", link->error, link->address);
	}
	conn->completed = s->progress.last.completed;
	if (!attempt_start(s, conn)) { /* the next look tries again */
		attempt_tell(s, conn, false);
		return PHASE_UP;
	}
	progress_restart(&s->progress, deadline_now());
	return PHASE_PROBING;
}

/* The old link goes on being used. */
static enum phase keep_link(struct supervisor *s, const struct connection *conn)
{
	fd_store_add(s->a, conn->number);
	progress_restart(&s->progress, deadline_now());
	return PHASE_UP;
}

static enum phase drop_candidate(struct supervisor *s, struct connection *conn)
{
	link_disconnect(&conn->candidate);
	return keep_link(s, conn);
}

/* Requests were completed since the test began, or none is under way. */
static bool has_progressed(const struct supervisor *s, const struct connection *conn)
{
	struct sysfs_io io;

	return sysfs_read_io(s->a->state.index, &io) == 0 &&
		(io.completed != conn->completed || io.in_flight == 0);
}

static enum phase replace_at_once(struct supervisor *s, struct connection *conn)
{
	progress_replaced(&s->progress, deadline_now());
	conn->drain_until = 0;
	conn->timer = deadline_now();
	return PHASE_DRAINING;
}

enum phase replace_if_stalled(struct supervisor *s, struct connection *conn)
{
	s->a->state.break_before_make = false;
	return has_progressed(s, conn) ? drop_candidate(s, conn)
				       : replace_at_once(s, conn);
}

enum phase replace_drain(_unused_ struct supervisor *s, struct connection *conn)
{
	conn->drain_until = deadline_after(DRAIN_TIMEOUT);
	conn->timer = deadline_now();
	return PHASE_DRAINING;
}

/* Whether it is known by now that a second connection is not to be had. */
static bool refuses_second_link(struct supervisor *s, const struct connection *conn)
{
	struct sysfs_io io;

	if (!conn->no_greeting || sysfs_read_io(s->a->state.index, &io) < 0)
		return false;
	if (s->a->state.break_before_make)
		return true;
	if (io.completed == conn->completed &&
		(io.in_flight > 0 || conn->phase == PHASE_PROBING))
		return false;
	s->a->state.break_before_make = true;
	supervisor_tell(s, LINK(conn), "full",
		"the server takes no connection beside this one: it is ended before "
		"there is another");
	return true;
}

/* The failure is worth a line; the link stays as it is, or is to be ended first. */
enum phase replace_failed(struct supervisor *s, struct connection *conn)
{
	bool renewing = conn->phase == PHASE_REPLACING;

	if (refuses_second_link(s, conn) && (renewing || !has_progressed(s, conn)))
		return renewing ? replace_drain(s, conn) : replace_at_once(s, conn);
	attempt_tell_failure(s, conn);
	if (renewing)
		s->renew_at = deadline_after(RENEW_FAILED_RETRY);
	return keep_link(s, conn);
}

enum phase replace_begin(struct supervisor *s, struct connection *conn)
{
	struct sysfs_io io;

	/* Without a descriptor of it, nothing ends it at the right moment. */
	if (s->a->sockets[conn->number] < 0) {
		supervisor_tell(s, LINK(conn), "kept",
			"connection to %s is another supervisor's: replaced when it ends",
			connection_link(s, conn)->address);
		return PHASE_UP;
	}
	if (s->a->state.break_before_make) {
		fd_store_remove(s->a, conn->number);
		return replace_drain(s, conn);
	}
	if (sysfs_read_io(s->a->state.index, &io) == 0)
		conn->completed = io.completed;
	if (attempt_start(s, conn))
		return PHASE_REPLACING;
	attempt_tell(s, conn, false);
	s->renew_at = deadline_after(RENEW_BUSY_RETRY);
	return PHASE_UP;
}

/* The attempt that is under way may be one with the old credentials. */
enum phase replace_postpone(struct supervisor *s, struct connection *conn)
{
	s->renew_at = deadline_after(RENEW_BUSY_RETRY);
	return conn->phase;
}

/* Is nothing in flight just now? Then the change will not be felt. */
enum phase replace_when_idle(struct supervisor *s, struct connection *conn)
{
	struct sysfs_io io;

	if (conn->being_replaced) /* cut long ago, and nobody has told us */
		return recovery_await_driver(s, conn);
	conn->idle = sysfs_read_io(s->a->state.index, &io) == 0 && io.in_flight == 0;
	if (!conn->idle && deadline_left(conn->drain_until) > 0) {
		conn->timer = deadline_after(DRAIN_POLL);
		return PHASE_DRAINING;
	}
	conn->being_replaced = true;
	handover_shut_down(s, conn);
	conn->timer = deadline_after(CUT_TIMEOUT);
	return PHASE_DRAINING;
}
