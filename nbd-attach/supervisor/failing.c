/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/param.h>

#include "common/timeouts.h"
#include "link/link-end.h"
#include "supervisor/driver-timeouts.h"
#include "supervisor/failing.h"

/* While the device is made ready, a child waits for its first requests. */
static bool is_new(const struct supervisor *s)
{
	return s->bring_up.child > 0;
}

unsigned failing_min(const struct supervisor *s)
{
	return is_new(s) && s->a->state.n_links > 1 ? LINKS_FAILING_MIN_SLOW
						    : LINKS_FAILING_MIN;
}

void failing_begin(const struct supervisor *s, struct connection *conn)
{
	struct sysfs_io io;

	conn->completed_before = sysfs_read_io(s->a->state.index, &io) == 0
		? io.completed
		: FAILING_NOT_KNOWN;
}

static bool has_worked(const struct connection *conn, const struct sysfs_io *io)
{
	return conn->completed_before == FAILING_NOT_KNOWN ||
		io->completed != conn->completed_before;
}

/*
 * Whether an idle link works is unknown, but nothing waits for it. Not every kernel
 * counts a request that waits for a link: the last check may have seen it.
 */
static bool is_idle(const struct supervisor *s, const struct connection *conn,
	const struct sysfs_io *io, usec_t now)
{
	return io->in_flight == 0 && s->progress.last.in_flight == 0 &&
		now - conn->up_since >= LINK_STABLE_AFTER;
}

/* The kernel gets another chance: the server may have been mended meanwhile. */
static void give_up_relay(struct supervisor *s, enum relay_trial next, const char *why)
{
	s->relay_trial = next;
	s->a->state.relay[0] = 0;
	supervisor_tell(s, -1, "no-relay",
		"%s: from now on the kernel carries the data again", why);
}

void failing_count(struct supervisor *s, struct connection *conn,
	const struct sysfs_io *io, usec_t now)
{
	bool early = now - conn->up_since < LINK_STABLE_AFTER;

	conn->flaps = early ? conn->flaps + 1 : 0;
	if (conn->being_replaced || !io)
		return;
	if (has_worked(conn, io) || is_idle(s, conn, io, now))
		conn->fruitless = 0;
	else if (conn->fruitless++ == 0)
		conn->failing_since = now;
	/* A reset that follows may have overtaken it. */
	if (conn->alert >= 0 || MAX(conn->fruitless, conn->flaps) <= 1)
		conn->any_alert = conn->alert;
	if (s->relay_trial == RELAY_HELPED && !conn->failing)
		give_up_relay(s, RELAY_NOT_TRIED, "the link by relay has ended");
}

static void try_relay(struct supervisor *s, const char *why)
{
	char *relay = s->a->state.relay;

	if (s->relay_trial == RELAY_ON_TRIAL && ++s->relays_lost >= failing_min(s))
		give_up_relay(s, RELAY_FAILED, "a relay did not help");
	if (s->relay_trial != RELAY_NOT_TRIED || !s->a->state.tls || relay[0] ||
		!link_may_try_relay(s->target))
		return;
	s->relay_trial = RELAY_ON_TRIAL;
	s->relays_lost = 0;
	if (is_new(s)) /* it gets as much time as the links before */
		progress_restart(&s->bring_up.progress, deadline_now());
	snprintf(relay, sizeof(s->a->state.relay), "%s", why);
	supervisor_tell(s, -1, "relay",
		"from now on the data goes through a process in user space: %s", why);
}

static void describe_fruitless(const struct connection *conn, char out[ERROR_TEXT_SIZE])
{
	char alert[ALERT_TEXT_SIZE];

	link_end_text(conn->any_alert, alert);
	if (conn->fruitless == 1)
		snprintf(out, ERROR_TEXT_SIZE,
			"a connection ended before a request was completed%s", alert);
	else
		snprintf(out, ERROR_TEXT_SIZE,
			"%u connections in a row ended before a request was completed%s",
			conn->fruitless, alert);
}

static void describe_flaps(const struct connection *conn, char out[ERROR_TEXT_SIZE])
{
	char alert[ALERT_TEXT_SIZE];

	link_end_text(conn->any_alert, alert);
	snprintf(out, ERROR_TEXT_SIZE,
		"%u connections in a row ended within %u s of being made%s", conn->flaps,
		(unsigned)(LINK_STABLE_AFTER / USEC_PER_SEC), alert);
}

bool failing_report(struct supervisor *s, struct connection *conn)
{
	struct state_link *link = &s->a->state.links[conn->number];

	if (!conn->failing && conn->fruitless < failing_min(s) &&
		conn->flaps < LINKS_FAILING_MIN)
		return false;
	if (conn->fruitless >= failing_min(s)) /* kept until a link works */
		describe_fruitless(conn, link->error);
	else
		describe_flaps(conn, link->error);
	s->changed = true;
	if (!conn->failing)
		supervisor_tell(
			s, LINK(conn), "failing", "%s: %s", link->address, link->error);
	conn->failing = true;
	try_relay(s, link->error);
	return conn->fruitless >= failing_min(s);
}

void failing_reason(const struct supervisor *s, char out[ERROR_TEXT_SIZE])
{
	out[0] = 0;
	for (unsigned i = 0; i < s->a->state.n_links && !out[0]; i++)
		if (s->a->state.links[i].error[0])
			snprintf(out, ERROR_TEXT_SIZE, "%s", s->a->state.links[i].error);
		else if (s->conns[i].fruitless > 0)
			describe_fruitless(&s->conns[i], out);
}

int failing_give_up(const struct supervisor *s, struct error *err)
{
	for (unsigned i = 0; i < s->a->state.n_links; i++) {
		const struct connection *conn = &s->conns[i];

		if (conn->fruitless < 2 * failing_min(s) ||
			s->relay_trial == RELAY_ON_TRIAL)
			continue;
		return error_set(err,
			conn->any_alert > ALERT_CLOSE_NOTIFY ? FAULT_TLS
							     : FAULT_UNREACHED,
			-ECONNABORTED, "cannot read from %s: %s", s->a->state.server,
			s->a->state.links[i].error);
	}
	return 0;
}

/* A link that kept failing has been stable for long enough, with replies or idle. */
static void settle(struct supervisor *s, struct connection *conn)
{
	struct state_link *link = &s->a->state.links[conn->number];

	conn->failing = false;
	if (s->relay_trial == RELAY_ON_TRIAL)
		s->relay_trial = RELAY_HELPED;
	else if (s->relay_trial == RELAY_FAILED)
		s->relay_trial = RELAY_NOT_TRIED;
	link->error[0] = 0;
	supervisor_tell(
		s, LINK(conn), "restored", "connection to %s works again", link->address);
}

void failing_check(struct supervisor *s, const struct sysfs_io *io, usec_t now)
{
	bool works = true;

	for (unsigned i = 0; i < s->a->state.n_links; i++) {
		struct connection *conn = &s->conns[i];

		if (conn->fruitless > 0 && connection_is_up(conn) &&
			(has_worked(conn, io) || is_idle(s, conn, io, now)))
			conn->fruitless = 0;
		if (conn->failing && conn->fruitless == 0 && connection_is_up(conn) &&
			now - conn->up_since >= LINK_STABLE_AFTER)
			settle(s, conn);
		if (conn->failing || conn->fruitless > 0)
			s->check_at = MIN(s->check_at, now + PROGRESS_CHECK_MIN);
		works = works && conn->fruitless == 0;
	}
	if (works)
		driver_reconnect_timeout_restore(s);
}
