/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a lost link is replaced.
 *
 * The kernel accepts a new link only once it knows that the old one is dead, and silently
 * drops it otherwise (nbd_reconnect_socket()). So a candidate is held back until the
 * driver has announced a dead link (EVENT_MARKED_DEAD), or for MARKED_DEAD_NO_EVENT,
 * since announcements may be lost.
 */
#include <errno.h>
#include <sys/param.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "attachment/claim.h"
#include "attachment/fd-store.h"
#include "common/process.h"
#include "common/timeouts.h"
#include "link/link-end.h"
#include "supervisor/attempt.h"
#include "supervisor/backoff.h"
#include "supervisor/deferred.h"
#include "supervisor/driver-timeouts.h"
#include "supervisor/failing.h"
#include "supervisor/handover.h"
#include "supervisor/recovery.h"
#include "supervisor/server-address.h"

static uint32_t random_number(void)
{
	uint32_t number = 0;

	/* There may be none yet at boot: then all clients wait equally long. */
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
		return 0;
	return number;
}

/*
 * No attempt could be started: the cause is on this machine, and may soon be gone; unless
 * the kernel does not encrypt.
 */
static enum phase back_off_locally(struct supervisor *s, struct connection *conn)
{
	conn->being_replaced = conn->idle = false;
	attempt_tell(s, conn, s->a->plaintext.fault != FAULT_NONE);
	driver_timeout_shorten(s);
	conn->timer = deadline_after(
		backoff_delay(BACKOFF_LOCAL, conn->tries++, 0, 1, random_number()));
	return PHASE_BACKING_OFF;
}

enum phase recovery_connect(struct supervisor *s, struct connection *conn)
{
	conn->timer = USEC_INFINITY;
	return attempt_start(s, conn) ? PHASE_CONNECTING : back_off_locally(s, conn);
}

/*
 * A relay exits when both its connections have ended. If it hangs, requests that it has
 * not passed on must not reach the server after they were resent: it is killed. Returns
 * how the link has ended.
 */
static struct link_end stop_relay(struct supervisor *s, const struct connection *conn)
{
	pid_t *relay = &s->a->relays[conn->number];
	struct link_end end = {.alert = -ENODATA};

	if (*relay > 0 && conn->idle)
		process_abandon(*relay);
	else
		end = link_end_find(s->a->sockets[conn->number], *relay);
	*relay = 0;
	return end;
}

/*
 * With several links the driver ends one whose request takes too long. Then no reply has
 * come for about that time; two thirds, since the request's start is not known exactly.
 * Not every kernel counts a request that waits for a link: the last check may have seen
 * it.
 */
static bool has_timed_out(const struct supervisor *s, const struct connection *conn,
	const struct sysfs_io *io, usec_t now)
{
	const struct sysfs_io *last = &s->progress.last;

	/* then we may have ended it: server_address_leave() */
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (s->conns[i].failing)
			return false;

	return s->a->state.n_links > 1 && !conn->being_replaced &&
		(io->in_flight > 0 || last->in_flight > 0) &&
		io->completed == last->completed &&
		now - s->progress.since >= s->request_timeout / 3 * 2;
}

/* All links of a device go the same way: what ends one of them ends the others, too. */
static void find_idle_limit(struct supervisor *s, struct connection *conn, usec_t time)
{
	supervisor_tell(s, LINK(conn), "idle",
		"connection to %s is lost whenever it is idle for %.0f s: a proxy or "
		"firewall may have such a timeout; restored each time, which is no "
		"longer reported",
		connection_link(s, conn)->address, (double)time / (double)USEC_PER_SEC);
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		s->conns[i].idle_losses = conn->idle_losses;
	conn->quiet = true;
}

/* It was idle for that time, unless requests were in flight. */
static void tell_loss(
	struct supervisor *s, struct connection *conn, usec_t time, bool idle)
{
	const char *address = connection_link(s, conn)->address;
	char alert[ALERT_TEXT_SIZE];

	if (conn->being_replaced) {
		supervisor_tell(s, LINK(conn), "ended",
			"connection to %s ended, to be replaced", address);
		return;
	}
	if (conn->failing)
		return; /* as those before */
	switch (idle_loss_add(&conn->idle_losses, time, idle)) {
	case IDLE_LOSS_NONE:
		link_end_text(conn->alert, alert);
		supervisor_tell(
			s, LINK(conn), "lost", "connection to %s lost%s", address, alert);
		break;
	case IDLE_LOSS_FOUND: find_idle_limit(s, conn, time); break;
	case IDLE_LOSS_REGULAR: conn->quiet = s->changed = true; break;
	}
}

/* The first link was made before this process began, or just after that. */
static usec_t age_of(
	const struct supervisor *s, const struct connection *conn, usec_t now)
{
	time_t since = connection_link(s, conn)->since;

	return conn->up_since > 0 ? now - conn->up_since
				  : (usec_t)MAX(time(NULL) - since, 0) * USEC_PER_SEC;
}

/*
 * An adopted link that is found dead may have been so for long: nothing is announced any
 * more. The driver is asked, because it may be alive after all: see is_still_alive().
 */
static usec_t when_marked_dead(const struct connection *conn)
{
	return conn->no_descriptor ? MARKED_DEAD_DELAY : MARKED_DEAD_NO_EVENT;
}

/* Forgets what was known of the link, and reports its loss. */
static void record_loss(struct supervisor *s, struct connection *conn)
{
	int *fd = &s->a->sockets[conn->number];
	usec_t now = deadline_now(), idle_for = idle_time(*fd, age_of(s, conn, now));
	struct sysfs_io io = {0};
	struct link_end end;
	bool readable, idle;

	conn->phase =
		PHASE_BACKING_OFF; /* no longer up, whatever the action makes of it */
	readable = sysfs_read_io(s->a->state.index, &io) == 0;
	idle = readable && io.in_flight == 0;
	s->a->state.repeated += io.in_flight;
	conn->completed = io.completed;
	end = stop_relay(s, conn);
	conn->alert = end.alert;
	conn->timed_out = !end.by_server && has_timed_out(s, conn, &io, now);
	conn->no_descriptor = *fd < 0;
	(void)encryption_check(&s->a->encryption[conn->number], *fd, &s->a->plaintext);
	connection_link(s, conn)->encrypts = false;
	fd_store_remove(s->a, conn->number);
	if (*fd >= 0 && !idle)
		handover_discard_unsent(*fd);
	closep(fd);
	*fd = -1;
	deferred_stop(s);
	failing_count(s, conn, readable ? &io : NULL, now);
	conn->tries = conn->turn = 0;
	conn->lost_at = now;
	conn->accepts_at = now + when_marked_dead(conn);
	conn->marked_dead = conn->not_found = conn->stalled = false;
	conn->needs_keys = false;
	s->check_at = MIN(s->check_at, now + DEVICE_GONE_CHECK);
	conn->half_closed = false;
	server_address_lost(s);
	/* Others get its requests now, and may send for the first time. */
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		s->conns[i].read_through = false;
	if (conn->being_replaced && conn->candidate.fd >= 0)
		return;
	conn->error = (struct error){0};
	conn->attempt_reset = false;
	connection_link(s, conn)->error[0] = 0;
	connection_set_state(connection_link(s, conn), LINK_RECONNECTING);
	tell_loss(s, conn, idle_for, idle);
}

enum phase recovery_reconnect(struct supervisor *s, struct connection *conn)
{
	enum backoff_reason reason = BACKOFF_FLAPPING;
	unsigned tries;

	record_loss(s, conn);
	tries = conn->flaps;
	if (failing_report(s, conn)) {
		reason = BACKOFF_REFUSED;
		tries = conn->fruitless - failing_min(s);
		driver_timeout_shorten(s); /* requests would not see the timeout */
		server_address_leave(s, conn);
	} else if (tries == 0) {
		return recovery_connect(s, conn);
	}
	conn->timer = conn->lost_at + backoff_delay(reason, tries, 0, 1, random_number());
	return PHASE_BACKING_OFF;
}

enum phase recovery_await_attempt(struct supervisor *s, struct connection *conn)
{
	record_loss(s, conn);
	conn->timer = USEC_INFINITY;
	return PHASE_CONNECTING;
}

enum phase recovery_await_driver(struct supervisor *s, struct connection *conn)
{
	if (conn->candidate.fd < 0) /* break before make */
		return recovery_reconnect(s, conn);
	record_loss(s, conn);
	conn->timer = conn->accepts_at;
	return PHASE_PENDING;
}

enum phase recovery_note_dead(_unused_ struct supervisor *s, struct connection *conn)
{
	usec_t soon = deadline_after(MARKED_DEAD_DELAY);

	conn->marked_dead = true;
	if (soon < conn->accepts_at)
		conn->accepts_at = soon;
	if (conn->phase == PHASE_PENDING)
		conn->timer = conn->accepts_at;
	return conn->phase;
}

/* The driver sees the end of the stream itself, unless it is blocked in sending. */
enum phase recovery_await_close(_unused_ struct supervisor *s, struct connection *conn)
{
	conn->timer = deadline_after(HALF_CLOSED_TIMEOUT);
	return conn->phase;
}

enum phase recovery_shut_down(struct supervisor *s, struct connection *conn)
{
	conn->timer = USEC_INFINITY;
	handover_shut_down(s, conn);
	return conn->phase;
}

/* A server that was only unreachable has refused nothing yet: tries starts anew. */
static usec_t delay_after_failure(
	const struct supervisor *s, struct connection *conn, usec_t now)
{
	enum backoff_reason reason = conn->attempt_reset ? BACKOFF_FLAPPING
		: attempt_was_refused(conn)              ? BACKOFF_REFUSED
		: conn->error.fault == FAULT_USAGE       ? BACKOFF_LOCAL
							 : BACKOFF_UNREACHED;

	conn->tries = reason == BACKOFF_UNREACHED ? 0 : conn->tries + 1;
	return backoff_delay(reason, conn->tries, now - conn->lost_at,
		claim_count(&s->a->claim), random_number());
}

enum phase recovery_back_off(struct supervisor *s, struct connection *conn)
{
	usec_t now = deadline_now();

	conn->being_replaced = conn->idle = conn->quiet = false;
	attempt_tell_failure(s, conn);
	driver_timeout_shorten(s);
	conn->timer = now + delay_after_failure(s, conn, now);
	return PHASE_BACKING_OFF;
}

/* The links of a slow server time out together, which counts once. */
static void allow_more_time(struct supervisor *s)
{
	driver_timeout_extend(s);
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		s->conns[i].timed_out = false;
}

static void record_up(struct supervisor *s, struct connection *conn)
{
	struct state_link *link = connection_link(s, conn);
	usec_t now = deadline_now();
	double away = (double)(now - conn->lost_at) / (double)USEC_PER_SEC;

	link->reconnects++;
	if (!conn->failing)
		link->error[0] = 0;
	connection_set_state(link, LINK_UP);
	conn->up_since = now;
	conn->timer = USEC_INFINITY;
	conn->read_through = false;
	fd_store_add(s->a, conn->number);
	progress_restart(&s->progress, now);
	if (s->a->encryption[conn->number].pending)
		s->check_at = MIN(s->check_at, now + ENCRYPTION_FIRST_CHECK);
	if (conn->being_replaced)
		supervisor_tell(s, LINK(conn), "replaced", "connection to %s replaced",
			link->address);
	else if (!conn->quiet && !conn->failing)
		supervisor_tell(s, LINK(conn), "restored",
			"connection to %s restored after %.1f s", link->address, away);
	server_address_record(s, conn);
	if (conn->timed_out && now - conn->lost_at < LINK_STABLE_AFTER)
		allow_more_time(s);
	conn->being_replaced = conn->idle = conn->stalled = conn->timed_out = false;
	conn->quiet = false;
}

/* Without NBD_CMD_DISC: the kernel may use the socket all the same. */
static enum phase install_failed(struct supervisor *s, struct connection *conn)
{
	shutdown(conn->candidate.fd, SHUT_RDWR);
	link_done(&conn->candidate);
	s->check_owner = true;
	s->check_at = 0;
	return recovery_back_off(s, conn);
}

/*
 * The state file of another supervisor may name a socket other than the one in use. That
 * link is alive if the driver knows of no dead link while requests are completed.
 */
static bool is_still_alive(const struct supervisor *s, const struct connection *conn)
{
	struct sysfs_io io;

	return conn->no_descriptor && sysfs_read_io(s->a->state.index, &io) == 0 &&
		io.completed != conn->completed;
}

static enum phase keep_unknown_link(struct supervisor *s, struct connection *conn)
{
	struct state_link *link = connection_link(s, conn);

	link_disconnect(&conn->candidate);
	conn->completed_before = FAILING_NOT_KNOWN;
	link->socket = 0; /* unknown: the driver will announce its end */
	link->error[0] = 0;
	connection_set_state(link, LINK_UP);
	conn->timer = USEC_INFINITY;
	conn->being_replaced = conn->idle = conn->stalled = conn->no_descriptor = false;
	progress_restart(&s->progress, deadline_now());
	s->check_at = 0; /* sets back the timeouts of an outage */
	supervisor_tell(s, LINK(conn), "alive",
		"the connection was not lost: the driver uses one that was not known");
	return PHASE_UP;
}

enum phase recovery_install(struct supervisor *s, struct connection *conn)
{
	int r;

	if (s->a->plaintext.fault != FAULT_NONE) {
		link_disconnect(&conn->candidate);
		return recovery_connect(s, conn);
	}
	if (deadline_left(conn->accepts_at) > 0) {
		conn->timer = conn->accepts_at;
		return PHASE_PENDING;
	}
	failing_begin(s, conn);
	r = handover_link(s, conn, &conn->error);
	if (r == -EBUSY && is_still_alive(s, conn))
		return keep_unknown_link(s, conn);
	if (r == -EBUSY) {
		attempt_tell_failure(s, conn);
		conn->timer = deadline_after(MARKED_DEAD_RETRY);
		return PHASE_PENDING;
	}
	if (r < 0)
		return install_failed(s, conn);
	record_up(s, conn);
	return PHASE_UP;
}
