/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "attachment/fd-store.h"
#include "attachment/state-file.h"
#include "common/fd.h"
#include "common/timeouts.h"
#include "kernel/tcp-diag.h"
#include "supervisor/deferred.h"
#include "supervisor/driver-timeouts.h"
#include "supervisor/handover.h"

#define NO_SEND_TIMEOUT ((struct timeval){0})

/*
 * With SO_LINGER the kernel discards what it has not sent when the last descriptor is
 * closed. The driver closes its own before it uses the next link, and the service manager
 * is asked to, but may be late: then TCP gives up (TCP_USER_TIMEOUT) instead of
 * retransmitting. (What the server or the network has received already cannot be taken
 * back.)
 */
void handover_discard_unsent(int fd)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};
	const unsigned user_timeout = 1; /* ms; 0 would be the system's default */

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	(void)setsockopt(
		fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof(user_timeout));
}

int handover_can_shut_down(const struct supervisor *s, const struct connection *conn)
{
	return s->a->sockets[conn->number] >= 0
		? 0
		: tcp_diag_can_end(connection_link(s, conn)->socket);
}

/*
 * Of an adopted link we have no descriptor to shut down. If the kernel cannot end it for
 * us, it is only ended when no replies come: then the driver's timeout does it.
 */
void handover_shut_down(struct supervisor *s, const struct connection *conn)
{
	int fd = s->a->sockets[conn->number];

	if (fd < 0 && tcp_diag_end(connection_link(s, conn)->socket) == 0)
		return;
	if (fd < 0) {
		deferred_stop(s);
		driver_timeout_shorten(s);
		return;
	}
	fd_store_remove(s->a, conn->number);
	if (!conn->idle)
		handover_discard_unsent(fd);
	shutdown(fd, SHUT_RDWR);
}

static void write_state(struct supervisor *s)
{
	struct error ignored;

	/* I/O must not wait because /run is full; publish() reports the failure. */
	(void)state_write(&s->a->claim, &s->a->state, s->target, &ignored);
	s->changed = true;
}

static bool was_accepted(int fd)
{
	struct timeval timeout = NO_SEND_TIMEOUT;
	socklen_t size = sizeof(timeout);

	return getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, &size) < 0 ||
		timeout.tv_sec > 0 || timeout.tv_usec > 0;
}

static int not_accepted(struct error *err)
{
	return error_set(err, FAULT_KERNEL, -EBUSY,
		"the kernel's nbd driver has not given up the dead connection yet");
}

static int pass_socket(struct supervisor *s, int fd, struct error *err)
{
	struct nbd_settings settings = NBD_NOTHING;

	settings.fds = &fd;
	settings.n_fds = 1;
	settings.dead_conn_timeout = driver_reconnect_timeout(s);
	if (s->short_timeout)
		settings.timeout = 1; /* an earlier message may have been lost */
	return driver_reconfigure(s->a->claim.name, s->a->state.index, &settings, err);
}

/* With a timeout in force the socket shows whether the driver accepted it. */
static int pass_and_verify(struct supervisor *s, int fd, struct error *err)
{
	int r = pass_socket(s, fd, err);

	return r == 0 && !was_accepted(fd) ? not_accepted(err) : r;
}

/* Requests sent now would wait for long if this link dies, too. */
static bool io_timeout_is_long(const struct supervisor *s)
{
	return s->short_timeout || s->timeouts_at != USEC_INFINITY ||
		s->timeouts_child > 0;
}

static int pass_single(
	struct supervisor *s, const struct connection *conn, int fd, struct error *err)
{
	int r;

	if (conn->marked_dead && conn->flaps == 0 && !io_timeout_is_long(s))
		return pass_socket(s, fd, err);
	s->short_timeout = true;
	r = pass_and_verify(s, fd, err);
	if (r < 0)
		return r;
	(void)setsockopt(
		fd, SOL_SOCKET, SO_SNDTIMEO, &NO_SEND_TIMEOUT, sizeof(NO_SEND_TIMEOUT));
	s->timeouts_at = deadline_after(SHORT_TIMEOUT_MIN);
	return 0;
}

int handover_link(struct supervisor *s, struct connection *conn, struct error *err)
{
	struct state_link *known = &s->a->state.links[conn->number];
	int r;

	/* If we die now, the next supervisor must know both sockets. */
	known->candidate = fd_inode(conn->candidate.fd);
	write_state(s);
	encryption_begin(&s->a->encryption[conn->number], conn->candidate.fd);
	/* With several links a timeout is always in force. */
	r = s->a->state.n_links > 1 ? pass_and_verify(s, conn->candidate.fd, err)
				    : pass_single(s, conn, conn->candidate.fd, err);
	if (r == 0)
		known->socket = known->candidate;
	known->candidate = 0;
	if (r < 0)
		return r;
	memcpy(known->address, conn->candidate.address, sizeof(known->address));
	state_set_tls(&s->a->state, &conn->candidate.facts);
	s->a->sockets[conn->number] = TAKE_FD(conn->candidate.fd);
	s->a->relays[conn->number] = conn->candidate.relay;
	conn->candidate.relay = 0;
	conn->size = conn->candidate_size;
	return 0;
}
