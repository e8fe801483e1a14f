/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event loop of a supervisor: descriptors, signals, timers. What an event means for a
 * link is in connection.c. One thread, one ppoll(2); nothing here waits for a server.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/param.h>

#include "attachment/device.h"
#include "attachment/fd-store.h"
#include "attachment/state-file.h"
#include "common/fd.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/process.h"
#include "common/timeouts.h"
#include "kernel/socket-table.h"
#include "supervisor/connection.h"
#include "supervisor/deferred.h"
#include "supervisor/driver-timeouts.h"
#include "supervisor/failing.h"
#include "supervisor/handover.h"
#include "supervisor/health.h"
#include "supervisor/rotation.h"
#include "supervisor/server-address.h"
#include "supervisor/supervise.h"

#define RUNNING    INT_MAX /* beside enum supervise_end */
#define LINK_ENDED (POLLHUP | POLLERR | POLLNVAL)

/* Writes the state file, and the status that the service manager shows. */
static void publish(struct supervisor *s)
{
	const struct state *state = &s->a->state;
	const char *error = "";
	struct error err;
	unsigned up = 0;
	int r;

	if (!s->changed)
		return;
	s->changed = false;
	r = state_write(&s->a->claim, state, s->target, &err);
	if (r < 0 && !s->write_failed)
		log_warning("%s", err.text);
	s->write_failed = r < 0;
	for (unsigned i = 0; i < state->n_links; i++) {
		up += connection_is_up(&s->conns[i]);
		if (state->links[i].error[0])
			error = state->links[i].error;
	}
	notify_send("STATUS=/dev/nbd%u: %u of %u links up%s%s", state->index, up,
		state->n_links, error[0] ? "; " : "", error);
}

static bool is_lost(const struct supervisor *s, const struct connection *conn)
{
	const struct state_link *known = &s->a->state.links[conn->number];
	struct pollfd fd = {.fd = s->a->sockets[conn->number]};

	if (fd.fd >= 0)
		return poll(&fd, 1, 0) > 0;
	return !socket_table_has(known->socket);
}

/* The driver has found a link dead, but does not say which. */
static void handle_nbd_event(struct supervisor *s)
{
	if (!nbd_events_link_died(s->events, s->a->state.index))
		return;
	for (unsigned i = 0; i < s->a->state.n_links; i++) {
		struct connection *conn = &s->conns[i];

		if (connection_is_up(conn) && is_lost(s, conn))
			connection_event(s, conn, EVENT_LOST);
		connection_event(s, conn, EVENT_MARKED_DEAD);
	}
}

/*
 * Polled: the driver, the bring-up, and for each connection its link, and of its attempt
 * the reports and the connector.
 */
enum { WATCH_EVENTS, WATCH_BRING_UP, WATCH_LINKS, WATCH_EACH = 3 };
#define WATCH_MAX (WATCH_LINKS + WATCH_EACH * NBD_LINKS_MAX)

static nfds_t watch(const struct supervisor *s, struct pollfd fds[WATCH_MAX])
{
	unsigned n = s->a->state.n_links;

	fds[WATCH_EVENTS] =
		(struct pollfd){s->events ? nbd_events_fd(s->events) : -1, POLLIN, 0};
	fds[WATCH_BRING_UP] = (struct pollfd){s->bring_up.pidfd, POLLIN, 0};
	for (unsigned i = 0; i < n; i++) {
		const struct connection *conn = &s->conns[i];
		const struct link_attempt *attempt = &conn->attempt;
		bool connecting = attempt->under_way && attempt->pid == 0;
		struct pollfd *each = &fds[WATCH_LINKS + WATCH_EACH * i];

		each[0] = (struct pollfd){connection_is_up(conn) ? s->a->sockets[i] : -1,
			conn->half_closed ? 0 : POLLRDHUP, 0};
		each[1] = (struct pollfd){
			attempt->under_way ? attempt->socket : -1, POLLIN, 0};
		each[2] =
			(struct pollfd){connecting ? attempt->connected : -1, POLLIN, 0};
	}
	return WATCH_LINKS + WATCH_EACH * n;
}

static void handle_link(
	struct supervisor *s, struct connection *conn, const struct pollfd each[])
{
	if (each[0].revents & LINK_ENDED) {
		connection_event(s, conn, EVENT_LOST);
	} else if (each[0].revents & POLLRDHUP) {
		conn->half_closed = true;
		connection_event(s, conn, EVENT_HALF_CLOSED);
	}
	if (each[1].revents || each[2].revents)
		connection_attempt_ready(s, conn);
}

/*
 * SIGHUP: reads the credentials again, and renews all links; in the middle of a rotation,
 * when the files are valid.
 */
static void reload(struct supervisor *s)
{
	s->reload_pending = rotation_must_wait(s);
	if (s->reload_pending)
		return;
	notify_send(
		"RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)deadline_now());
	s->reload_pending = !rotation_read(s);
	s->reload_at = deadline_after(CREDENTIALS_RETRY);
	for (unsigned i = 0; !s->reload_pending && i < s->a->state.n_links; i++)
		connection_event(s, &s->conns[i], EVENT_RENEW);
	notify_send("READY=1");
}

static usec_t next_timer(const struct supervisor *s)
{
	usec_t next = MIN(MIN(s->check_at, s->timeouts_at), MIN(s->ping_at, s->renew_at));

	next = MIN(next, s->bring_up.check_at);
	if (s->timeouts_child > 0 || s->resize_child > 0)
		next = MIN(next, deadline_after(CHILD_CHECK));
	for (unsigned i = 0; i < s->a->state.n_links; i++) {
		next = MIN(next, s->conns[i].timer);
		if (s->conns[i].attempt.under_way)
			next = MIN(next, s->conns[i].attempt.deadline);
	}
	return next;
}

static bool handle_timers(struct supervisor *s)
{
	usec_t now = deadline_now();
	struct error ignored;

	for (unsigned i = 0; i < s->a->state.n_links; i++) {
		struct connection *conn = &s->conns[i];

		if (conn->attempt.under_way && conn->attempt.deadline <= now)
			connection_attempt_ready(s, conn);
		if (conn->timer <= now) {
			conn->timer = USEC_INFINITY;
			connection_event(s, conn, EVENT_TIMER);
		}
	}
	deferred_collect(s);
	if (s->timeouts_at <= now)
		deferred_timeouts(s);
	if (s->ping_at <= now) {
		notify_send("WATCHDOG=1");
		s->ping_at = now + s->watchdog / 2;
	}
	if (s->check_at > now && s->renew_at > now)
		return true;
	process_reap();
	if (!s->events)
		(void)nbd_events_open(&s->events, &ignored);
	if (supervisor_all_up(s)) {
		if (s->short_timeout) /* deferred.c sets it right, with what goes with it
		                       */
			s->timeouts_at = MIN(s->timeouts_at, now + SHORT_TIMEOUT_MIN);
		if (s->reload_pending && s->reload_at <= now)
			reload(s);
	}
	return health_check(s, now);
}

static int handle_signal(struct supervisor *s)
{
	int signal = interrupt_pending();

	interrupt_clear();
	if (signal == SIGTERM)
		return SUPERVISE_LET_GO;
	if (signal == SIGINT || (signal == SIGHUP && s->bring_up.child > 0))
		return SUPERVISE_DETACH;
	if (signal == SIGHUP)
		reload(s);
	return RUNNING;
}

/* Detaching takes a while, in which nothing more may be sent in plaintext. */
static int refuse_plaintext(struct supervisor *s, struct error *err)
{
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (connection_is_up(&s->conns[i]))
			handover_shut_down(s, &s->conns[i]);
	*err = s->a->plaintext;
	return -EPROTO;
}

/* It is still running, and may be due for a check. */
static int check_bring_up(struct supervisor *s, struct error *err)
{
	char why[ERROR_TEXT_SIZE];
	int r = failing_give_up(s, err);

	if (r < 0 || s->bring_up.check_at > deadline_now())
		return r;
	failing_reason(s, why);
	return bring_up_check(&s->bring_up, s->a, why, err);
}

/* The bring-up has ended, or is still running. */
static int handle_bring_up(struct supervisor *s, struct error *err)
{
	int r = bring_up_finish(&s->bring_up, err);

	if (r == -EAGAIN)
		return check_bring_up(s, err);
	if (r == 0)
		r = attachment_check_encryption(s->a, err);
	if (s->a->plaintext.fault != FAULT_NONE)
		return refuse_plaintext(s, err);
	if (r < 0)
		return r;
	attachment_ready(s->a);
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (connection_is_up(&s->conns[i]))
			fd_store_add(s->a, i);
	s->changed = true;
	s->timeouts_at = deadline_now();
	publish(s);
	if (s->ready)
		s->ready(s->a->state.index);
	return 0;
}

/* Waits for events, and handles all of them. */
static int run_once(struct supervisor *s, struct error *err)
{
	struct pollfd fds[WATCH_MAX];
	nfds_t n = watch(s, fds);
	int r = interrupt_pending() ? -EINTR : deadline_poll(fds, n, next_timer(s));

	if (r == -EINTR)
		return handle_signal(s);
	if (r > 0) {
		for (unsigned i = 0; i < s->a->state.n_links; i++)
			handle_link(s, &s->conns[i], &fds[WATCH_LINKS + WATCH_EACH * i]);
		if (fds[WATCH_EVENTS].revents)
			handle_nbd_event(s);
	}
	if (s->bring_up.child > 0 && s->a->plaintext.fault != FAULT_NONE)
		return refuse_plaintext(s, err);
	if (s->bring_up.child > 0) {
		r = handle_bring_up(s, err);
		if (r < 0)
			return r;
	}
	return handle_timers(s) ? RUNNING : SUPERVISE_GONE;
}

static void begin(struct supervisor *s)
{
	struct state *state = &s->a->state;
	usec_t now = deadline_now();

	s->request_timeout = s->target->io_timeout;
	progress_init(&s->progress,
		state->n_links == 1 ? s->target->io_timeout : 2 * s->request_timeout);
	progress_restart(&s->progress, now);
	/* supervise() may have been called for it before, and left the timeout at 1. */
	s->short_timeout = state->ready && state->n_links == 1;
	s->check_at = now;
	s->timeouts_at = state->ready ? now : USEC_INFINITY;
	s->renew_at = s->ping_at = USEC_INFINITY;
	s->watchdog = notify_watchdog_interval();
	if (s->watchdog != USEC_INFINITY)
		s->ping_at = now;
	for (unsigned i = 0; i < NBD_LINKS_MAX; i++)
		s->conns[i] = (struct connection){.number = i,
			.attempt = LINK_ATTEMPT_NONE,
			.candidate = {.fd = -1},
			.size = state->size,
			.completed_before = FAILING_NOT_KNOWN,
			.any_alert = -ENODATA,
			.timer = USEC_INFINITY};
	/* The first links of a new device count as those that replace them. */
	for (unsigned i = 0; i < state->n_links && !state->ready && !s->a->adopted; i++) {
		s->conns[i].up_since = now;
		failing_begin(s, &s->conns[i]);
	}
}

/* Closes a socket that the kernel does not use: replaced, or not accepted. */
static void drop_stale(struct attachment *a, unsigned link)
{
	int *fd = &a->sockets[link];

	if (*fd < 0 || fd_inode(*fd) == a->state.links[link].socket)
		return;
	fd_store_remove(a, link);
	closep(fd);
	*fd = -1;
}

/* The kernel's socket tables show which links of an earlier supervisor are alive. */
static int adopt_links(struct supervisor *s, struct error *err)
{
	struct state *state = &s->a->state;
	bool taken = false;

	for (unsigned i = 0; i < state->n_links; i++) {
		struct state_link *link = &state->links[i];

		if (s->a->sockets[i] >= 0 && !s->a->adopted)
			continue; /* made by this process */
		taken = true;
		if (socket_table_has(link->candidate))
			link->socket = link->candidate;
		link->candidate = 0;
		drop_stale(s->a, i);
		/* If we have its descriptor, poll(2) tells whether it has ended. */
		if (s->a->sockets[i] < 0 && !socket_table_has(link->socket)) {
			connection_event(s, &s->conns[i], EVENT_LOST);
			continue;
		}
		link->error[0] = 0; /* the earlier supervisor's */
		connection_set_state(link, LINK_UP);
	}
	if (s->a->adopted)
		server_address_adopted(s);
	s->a->adopted = false;
	return taken ? driver_timeouts_set(s, err) : 0;
}

/* The driver has refused a change: is the device no longer attached, or not ours? */
static bool is_gone(const struct attachment *a)
{
	struct sysfs_device device;
	struct error ignored;
	int r = attachment_find(a->claim.name, &device, &ignored);

	return r == -ENOENT || (r == 0 && device.index != a->state.index);
}

/*
 * Such a failure must not end the supervision of an attached disk: a lost link is noticed
 * without the driver's events, and the timeouts are set after the next one.
 */
static int tolerate(const struct supervisor *s, int r, const struct error *err)
{
	if (r == 0 || !s->a->state.ready)
		return r;
	log_warning("%s: %s", s->a->claim.name, err->text);
	return 0;
}

static void end(struct supervisor *s)
{
	bring_up_cancel(&s->bring_up, s->a);
	/* The timeouts it would set are wrong if a link is lost meanwhile. */
	if (s->timeouts_child > 0)
		process_kill(s->timeouts_child);
	if (s->resize_child > 0)
		process_abandon(s->resize_child);
	if (s->read_child > 0)
		process_abandon(s->read_child);
	for (unsigned i = 0; i < NBD_LINKS_MAX; i++) {
		link_attempt_cancel(&s->conns[i].attempt);
		link_disconnect(&s->conns[i].candidate);
	}
	credentials_done(&s->credentials);
	if (s->events)
		nbd_events_close(s->events);
}

/* Those of the first links; else anew. Links that are up need none. */
static void take_credentials(struct supervisor *s)
{
	if (s->a->has_credentials) {
		s->credentials = s->a->credentials;
		s->a->credentials = (struct credentials){0};
		s->a->has_credentials = false;
	} else if (credentials_read(s->target, &s->credentials, &s->credentials_error) <
		0) {
		log_warning("%s", s->credentials_error.text);
	}
}

int supervise(struct attachment *a, const struct target *t, void (*ready)(unsigned index),
	struct error *err)
{
	_cleanup_(end) struct supervisor s = {.a = a,
		.target = t,
		.bring_up = BRING_UP_NONE,
		.ready = ready,
		.changed = true};
	int r;

	begin(&s);
	/* Early, because a name service may need the disk once a link is lost. */
	link_prepare();
	take_credentials(&s);
	r = tolerate(&s, nbd_events_open(&s.events, err), err);
	if (r == 0)
		r = adopt_links(&s, err);
	if (r == -EINVAL && is_gone(a))
		return SUPERVISE_GONE;
	r = tolerate(&s, r, err);
	if (r == 0 && !a->state.ready)
		r = bring_up_start(a, t, true, &s.bring_up, err);
	if (r < 0)
		return r;
	if (a->state.ready && ready)
		ready(a->state.index);
	r = RUNNING;
	while (r == RUNNING) {
		publish(&s);
		r = run_once(&s, err);
	}
	/* Whatever follows may not know of it; the state has the rest. */
	if (r != SUPERVISE_GONE && supervisor_all_up(&s))
		driver_timeout_restore(&s);
	if (r == SUPERVISE_LET_GO && a->state.ready)
		supervisor_tell(&s, -1, "let-go", "let go by its supervisor");
	publish(&s);
	return r;
}
