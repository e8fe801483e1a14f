/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/param.h>
#include <sys/prctl.h>

#include "common/process.h"
#include "common/timeouts.h"
#include "kernel/hardware-queues.h"
#include "kernel/hold.h"
#include "supervisor/handover.h"
#include "supervisor/proof.h"

static int read_disk(const void *index)
{
	/* the search for users of the disk must recognize this process as ours */
	(void)prctl(PR_SET_NAME, HOLD_PROCESS, 0, 0, 0);
	hardware_queues_read(*(const unsigned *)index);
	return 0;
}

static void collect(struct supervisor *s)
{
	int ignored;

	if (s->read_child > 0 && process_poll(s->read_child, &ignored) == 0)
		s->read_child = 0;
}

/*
 * Reads blocks through all links that are up. False: that was done before, and sent
 * nothing over this one.
 */
static bool read_through_links(struct supervisor *s, const struct connection *conn)
{
	if (conn->read_through)
		return s->read_child > 0;
	/* bring-up reads the disk, too, and must be able to close it. */
	if (s->read_child > 0 || s->bring_up.child > 0)
		return true;
	s->read_child = process_start(read_disk, &s->a->state.index);
	if (s->read_child < 0) {
		s->read_child = 0; /* frequent checks must do for now */
		return true;
	}
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		s->conns[i].read_through = connection_is_up(&s->conns[i]);
	return true;
}

/*
 * The only link carries the requests that are in flight. Reads of ours, which complete,
 * would hide that a request takes longer than the timeout: the server would not get more
 * time, and the link would be replaced again and again.
 */
static bool sends_anyway(const struct supervisor *s)
{
	return s->a->state.n_links == 1 && s->progress.last.in_flight > 0;
}

void proof_check(struct supervisor *s, usec_t now)
{
	collect(s);
	for (unsigned i = 0; i < s->a->state.n_links; i++) {
		struct connection *conn = &s->conns[i];
		struct encryption *e = &s->a->encryption[i];

		if (!connection_is_up(conn) || !e->pending)
			continue;
		if (encryption_check(e, s->a->sockets[i], &s->a->plaintext) < 0) {
			handover_shut_down(s, conn);
			continue;
		}
		s->a->state.links[i].encrypts = !e->pending;
		s->changed |= !e->pending;
		if (e->pending &&
			(sends_anyway(s) || read_through_links(s, conn) ||
				s->progress.last.in_flight > 0))
			s->check_at = MIN(s->check_at, now + ENCRYPTION_CHECK);
	}
}
