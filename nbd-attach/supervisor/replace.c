/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a link is replaced while the kernel uses it: because no replies come, or to renew
 * it. The new link is made first, and the old one shut down when nothing is in flight.
 *
 * Break before make: a server that accepts one connection at a time closes a second one
 * before its greeting, or leaves it waiting. A stopped server does the same; but if
 * replies come meanwhile, or none is due, it cannot be that. Then the old link is shut
 * down first, and the new one made after that. Such a server is done with the old one
 * before it accepts the next.
 */
#include <errno.h>

#include "attachment/fd-store.h"
#include "common/timeouts.h"
#include "supervisor/attempt.h"
#include "supervisor/handover.h"
#include "supervisor/recovery.h"
#include "supervisor/replace.h"

/* Only a handshake on a new connection tells a dead server from a slow one. */
enum phase replace_probe(struct supervisor *s, struct connection *conn)
{
	struct state_link *link = connection_link(s, conn);
	usec_t waited = deadline_now() - s->progress.since;

	if (s->a->state.n_links > 1 && handover_can_shut_down(s, conn) < 0)
		return PHASE_UP; /* the driver's timeout ends it */
	if (!conn->stalled) {
		conn->stalled = true;
		snprintf(link->error, sizeof(link->error), "no reply for %llu s",
			(unsigned long long)(waited / USEC_PER_SEC));
		supervisor_tell(s, LINK(conn), "stalled",
			"%s: trying a new connection to %s", link->error, link->address);
	}
	conn->completed = s->progress.last.completed;
	if (!attempt_start(s, conn)) { /* the next check tries again */
		attempt_tell(s, conn, false);
		return PHASE_UP;
	}
	progress_restart(&s->progress, deadline_now());
	return PHASE_PROBING;
}

/* The kernel goes on using the old link. */
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

/* Requests were completed since the probe began, or none is in flight. */
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

/* Whether the server is known by now to accept one connection at a time. */
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
		"the server accepts no second connection: this one is ended before "
		"another is made");
	return true;
}

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

static const char *why_kept(int r)
{
	switch (r) {
	case -EOPNOTSUPP: return "this kernel cannot end it (CONFIG_INET_DIAG_DESTROY)";
	case -EPERM: return "ending it needs CAP_NET_ADMIN";
	default: return "the kernel does not find it";
	}
}

static void tell_kept(struct supervisor *s, const struct connection *conn, int r)
{
	supervisor_tell(s, LINK(conn), "kept",
		"connection to %s was made by another supervisor, and %s: replaced when it ends",
		connection_link(s, conn)->address, why_kept(r));
}

enum phase replace_begin(struct supervisor *s, struct connection *conn)
{
	int r = handover_can_shut_down(s, conn);
	struct sysfs_io io;

	if (r < 0) { /* it cannot be shut down when nothing is in flight */
		tell_kept(s, conn, r);
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

/* The attempt under way may use the old credentials. */
enum phase replace_postpone(struct supervisor *s, struct connection *conn)
{
	s->renew_at = deadline_after(RENEW_BUSY_RETRY);
	return conn->phase;
}

/* With nothing in flight no request has to be resent. */
enum phase replace_when_idle(struct supervisor *s, struct connection *conn)
{
	struct sysfs_io io;

	if (conn->being_replaced) /* shut down long ago, and no EVENT_LOST */
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
