/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/param.h>

#include "attachment/device.h"
#include "common/timeouts.h"
#include "kernel/socket-table.h"
#include "link/tls-records.h"
#include "supervisor/connection.h"
#include "supervisor/deferred.h"
#include "supervisor/driver-timeouts.h"
#include "supervisor/failing.h"
#include "supervisor/forced-reboot.h"
#include "supervisor/handover.h"
#include "supervisor/health.h"
#include "supervisor/private-root.h"
#include "supervisor/proof.h"

/* Asks the kernel, because /sys may be missing while it is moved to a new root. */
static bool is_in_use(unsigned index)
{
	struct error ignored;
	bool connected = true;
	int r = nbd_netlink_status(index, &connected, &ignored);

	return r == 0 ? connected : r != -ENOENT;
}

/* False if the device now belongs to another program, or is not attached. */
static bool is_ours(struct supervisor *s)
{
	struct sysfs_device device;
	int r = sysfs_read(s->a->state.index, &device);

	if (r < 0)
		return is_in_use(s->a->state.index);
	if (device.backend[0] && !attachment_is(&device, s->a->claim.name))
		return false;
	if (!device.configured || !device.backend[0] || s->check_owner) {
		s->check_owner = false;
		return driver_accepts_us(s);
	}
	if (device.size > s->a->state.size) {
		supervisor_tell(s, -1, "grown", "grown from %llu to %llu bytes",
			(unsigned long long)s->a->state.size,
			(unsigned long long)device.size);
		s->a->state.size = device.size;
	}
	return true;
}

/* The kernel applies this timeout: it can only be reported here. */
static void check_reconnect_timeout(struct supervisor *s, usec_t now)
{
	usec_t since = driver_waiting_since(s);
	bool overdue = since <= now && now - since >= s->target->reconnect_timeout;

	if (overdue && !s->reconnect_expired)
		supervisor_tell(s, -1, "timeout",
			"no server for longer than --reconnect-timeout: I/O fails until "
			"the server is back");
	s->reconnect_expired = overdue;
}

/* Only a stall is over when replies come; a renewal that failed keeps its error. */
static void check_resumed(struct supervisor *s)
{
	for (unsigned i = 0; i < s->a->state.n_links; i++) {
		struct state_link *link = &s->a->state.links[i];

		if (s->conns[i].phase != PHASE_UP || !s->conns[i].stalled)
			continue;
		s->conns[i].stalled = false;
		link->error[0] = 0;
		supervisor_tell(s, (int)i, "resumed", "%s answers again", link->address);
	}
}

/* Reads the kernel's TCP table once, for its state and its traffic. */
static bool is_there(const struct supervisor *s, struct connection *conn)
{
	uint64_t socket = connection_link(s, conn)->socket;

	if (s->a->state.tls && tcp_diag_read(socket, &conn->traffic) == 0)
		return !conn->traffic.half_closed;
	return socket_table_has(socket);
}

/* Links without a descriptor: the driver announces their end once, at most. */
static void check_adopted(struct supervisor *s, usec_t now)
{
	for (unsigned i = 0; i < s->a->state.n_links; i++) {
		struct connection *conn = &s->conns[i];

		conn->traffic = (struct tcp_traffic){0};
		if (!connection_is_up(conn) || s->a->sockets[i] >= 0 ||
			s->a->state.links[i].socket ==
				0) /* unknown: keep_unknown_link() */
			continue;
		if (is_there(s, conn)) {
			conn->not_found = false;
		} else if (conn->not_found) {
			connection_event(s, conn, EVENT_LOST);
		} else { /* a table that changes while it is read may miss a line */
			conn->not_found = true;
			s->check_at = now + ADOPTED_LOST_CHECK;
		}
	}
}

static bool none_is_up(const struct supervisor *s)
{
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (connection_is_up(&s->conns[i]))
			return false;
	return true;
}

static void for_each_up(struct supervisor *s, enum connection_event event)
{
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (connection_is_up(&s->conns[i]))
			connection_event(s, &s->conns[i], event);
}

/* Of an adopted link the kernel knows the bytes, not the records. */
static bool is_near_limit(const struct supervisor *s, unsigned link)
{
	return s->a->sockets[link] >= 0
		? tls_records_near_limit(s->a->sockets[link])
		: tls_records_may_be_near_limit(&s->conns[link].traffic);
}

static void check_keys(struct supervisor *s, usec_t now)
{
	if (s->renew_at <= now) {
		s->renew_at = USEC_INFINITY;
		for_each_up(s, EVENT_RENEW);
		return;
	}
	if (s->renew_at != USEC_INFINITY)
		return; /* a retry is due already */
	for (unsigned i = 0; i < s->a->state.n_links; i++) {
		struct connection *conn = &s->conns[i];

		if (conn->phase != PHASE_UP || conn->needs_keys || !is_near_limit(s, i))
			continue;
		conn->needs_keys = true;
		supervisor_tell(s, (int)i, "worn",
			"the TLS keys %s been used for many records: a new link is needed",
			s->a->sockets[i] >= 0 ? "have" : "may have");
		connection_event(s, conn, EVENT_RENEW);
	}
}

/* A reply that stops half-way is a clearer sign than one that is late. */
static void check_torn_records(struct supervisor *s, usec_t now)
{
	if (!s->a->state.tls || now - s->progress.since < RECORD_TIMEOUT)
		return;
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (s->conns[i].phase == PHASE_UP &&
			tls_record_is_incomplete(s->a->sockets[i], RECORD_TIMEOUT))
			connection_event(s, &s->conns[i], EVENT_STALLED);
}

static void check_progress(struct supervisor *s, const struct sysfs_io *io, usec_t now)
{
	uint64_t completed = s->progress.last.completed;

	if (progress_check(&s->progress, io, now))
		for_each_up(s, EVENT_STALLED);
	else if (io->in_flight > 0)
		check_torn_records(s, now);
	if (io->completed != completed)
		check_resumed(s);
}

bool health_check(struct supervisor *s, usec_t now)
{
	struct sysfs_io io;
	int r;

	if (!is_ours(s))
		return false;
	r = sysfs_read_io(s->a->state.index, &io);
	if (r == 0)
		check_progress(s, &io, now);
	s->check_at = progress_next(&s->progress, now);
	if (r == 0)
		failing_check(s, &io, now);
	s->changed |= s->write_failed;
	check_adopted(s, now);
	proof_check(s, now);
	check_keys(s, now);
	check_reconnect_timeout(s, now);
	if (private_root_is_entered())
		forced_reboot_check(s->a->state.index, none_is_up(s), now);
	deferred_resize(s, now);
	return true;
}
