/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "attachment/fd-store.h"
#include "common/fd.h"
#include "supervisor/deferred.h"
#include "supervisor/driver-timeouts.h"
#include "supervisor/handover.h"

#define NO_SEND_TIMEOUT ((struct timeval){0})

/*
 * What is on its way is sent again by the next link. So it must not reach the server
 * later still, when the same blocks may have been written anew: with SO_LINGER the kernel
 * throws away what it has not sent once nobody has the socket any more. The driver lets
 * go of it before it uses the next one, and the service manager is asked to, but in its
 * own time: should it still have it, TCP gives up where it would repeat something. (What
 * the server, or what is on the way to it, has received already nobody can take back.)
 */
static void throw_away_unsent(int fd)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};
	const unsigned user_timeout = 1; /* ms; 0 would be the system's */

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	(void)setsockopt(
		fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof(user_timeout));
}

/*
 * Of a link that was taken over from another process there is no descriptor to shut. It
 * is ended when nothing moves, so that the timer does it.
 */
void handover_cut(struct supervisor *s, const struct slot *slot)
{
	int fd = s->a->sockets[slot->number];

	if (fd < 0) {
		upkeep_stop(s);
		handover_flip(s);
		return;
	}
	keep_fd_no_more(s->a, slot->number);
	if (!slot->quiet)
		throw_away_unsent(fd);
	shutdown(fd, SHUT_RDWR);
}

static void write_state(struct supervisor *s)
{
	struct error ignored;

	/* A full disk is no reason to let I/O wait; it is told with the next change. */
	(void)state_write(&s->a->claim, &s->a->state, s->target, &ignored);
	s->changed = true;
}

static bool was_taken(int fd)
{
	struct timeval timeout = NO_SEND_TIMEOUT;
	socklen_t size = sizeof(timeout);

	return getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, &size) < 0 ||
		timeout.tv_sec > 0 || timeout.tv_usec > 0;
}

static int not_taken(struct error *err)
{
	return error_set(err, FAULT_KERNEL, -EBUSY,
		"the kernel's nbd driver holds on to the dead connection");
}

static int give(struct supervisor *s, int fd, struct error *err)
{
	struct nbd_settings settings = NBD_NOTHING;

	settings.fds = &fd;
	settings.n_fds = 1;
	if (s->flipped)
		settings.timeout = 1; /* an earlier message may have got lost */
	return handover_reconfigure(s->a->claim.name, s->a->state.index, &settings, err);
}

/* A timeout is in force: what came of it can be seen. */
static int give_and_see(struct supervisor *s, int fd, struct error *err)
{
	int r = give(s, fd, err);

	return r == 0 && !was_taken(fd) ? not_taken(err) : r;
}

/* Requests that are sent now would wait for long, should this link die, too. */
static bool tick_is_slow(const struct supervisor *s)
{
	return s->flipped || s->tick_at != USEC_INFINITY || s->tick_child > 0;
}

static int give_single(
	struct supervisor *s, const struct slot *slot, int fd, struct error *err)
{
	int r;

	if (slot->noted && slot->flaps == 0 && !tick_is_slow(s))
		return give(s, fd, err);
	s->flipped = true;
	r = give_and_see(s, fd, err);
	if (r < 0)
		return r;
	(void)setsockopt(
		fd, SOL_SOCKET, SO_SNDTIMEO, &NO_SEND_TIMEOUT, sizeof(NO_SEND_TIMEOUT));
	s->tick_at = deadline_after(TICK_DELAY);
	return 0;
}

int handover_link(struct supervisor *s, struct slot *slot, struct error *err)
{
	struct state_link *known = &s->a->state.links[slot->number];
	int r;

	/* Whoever adopts the device must know the link, if we die before or after. */
	known->candidate = fd_inode(slot->candidate.fd);
	write_state(s);
	encryption_begin(&s->a->encryption[slot->number], slot->candidate.fd);
	/* With several links there is a timeout in any case. */
	r = s->a->state.n_links > 1 ? give_and_see(s, slot->candidate.fd, err)
				    : give_single(s, slot, slot->candidate.fd, err);
	if (r == 0)
		known->socket = known->candidate;
	known->candidate = 0;
	if (r < 0)
		return r;
	memcpy(known->address, slot->candidate.address, sizeof(known->address));
	state_set_tls(&s->a->state, &slot->candidate.facts);
	s->a->sockets[slot->number] = TAKE_FD(slot->candidate.fd);
	s->a->relays[slot->number] = slot->candidate.relay;
	slot->candidate.relay = 0;
	slot->size = slot->candidate_size;
	return 0;
}
