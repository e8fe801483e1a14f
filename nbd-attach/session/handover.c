/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel's device is told while it is supervised (nbd_genl_reconfigure()).
 *
 * Nothing but the timer of the block layer sends a request again that was on its way
 * when its link died (nbd_xmit_timeout()), and with NBD_ATTR_TIMEOUT 0, which never ends
 * a link for being slow, the timer leaves such a request alone as long as there is no new
 * link. So, for a single link: queue/io_timeout is short, that the timer comes often; and
 * while the server is away NBD_ATTR_TIMEOUT is 1 (the flip), which makes the timer move
 * those requests to where others wait for the new link already. With it, in the same
 * message, NBD_ATTR_TIMEOUT becomes 0 again, before the link is there that it could end.
 * That sets queue/io_timeout to 30 s, which is put right a little later.
 *
 * The size is never sent together with a link: the driver changes it first, and newer
 * kernels wait for all requests before they do, for those too that wait for the link.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/process.h"
#include "kernel/nbd-netlink.h"
#include "session/supervisor.h"

/* What was waiting is on its way by then: changing io_timeout holds it up no more. */
#define TICK_DELAY (2500 * USEC_PER_MSEC)
#define TICK_CHECK (5 * USEC_PER_SEC)

#define GROWTH_LOOK (200 * USEC_PER_MSEC)

static const struct nbd_settings nothing = {
	.size = NBD_UNSET,
	.block_size = NBD_UNSET,
	.timeout = NBD_UNSET,
	.dead_conn_timeout = NBD_UNSET,
	.server_flags = NBD_UNSET,
	.client_flags = NBD_UNSET,
};

static int reconfigure(
	const struct supervisor *s, struct nbd_settings *settings, struct error *err)
{
	char backend[BACKEND_SIZE];

	attachment_backend(s->a->claim.name, backend);
	settings->backend = backend;
	return nbd_netlink_reconfigure(s->a->state.index, settings, err);
}

static int set_timeout(struct supervisor *s, uint64_t seconds, struct error *err)
{
	struct nbd_settings settings = nothing;

	settings.timeout = seconds;
	return reconfigure(s, &settings, err);
}

void handover_flip(struct supervisor *s)
{
	struct error ignored;

	if (s->a->state.n_links > 1 || s->flipped)
		return;
	s->flipped = set_timeout(s, 1, &ignored) == 0;
}

int handover_times(struct supervisor *s, struct error *err)
{
	struct nbd_settings settings = nothing;
	unsigned n = s->a->state.n_links;
	int r;

	s->flipped = n == 1 && !supervisor_all_up(s);
	if (!s->flipped)
		settings.timeout = attachment_timeout(s->target, n, true);
	settings.dead_conn_timeout = attachment_seconds(s->target->reconnect_timeout);
	r = reconfigure(s, &settings, err);
	if (r == 0)
		s->tick_at = deadline_now();
	return r;
}

/*
 * Of a link that was taken over from another process there is no descriptor to shut. It
 * is ended when nothing moves, so that the timer does it.
 */
void handover_cut(struct supervisor *s, const struct slot *slot)
{
	int fd = s->a->sockets[slot->number];

	if (fd < 0)
		handover_flip(s);
	else
		shutdown(fd, SHUT_RDWR);
}

static int write_state(struct supervisor *s, struct error *err)
{
	int r = state_write(&s->a->claim, &s->a->state, s->target, err);

	s->changed = r < 0;
	return r;
}

/* Whoever adopts the device must know the link, whether it died before or after this. */
static int give(struct supervisor *s, struct slot *slot, struct error *err)
{
	struct state_link *known = &s->a->state.links[slot->number];
	struct nbd_settings settings = nothing;
	struct error ignored;
	int r;

	settings.fds = &slot->candidate.fd;
	settings.n_fds = 1;
	if (s->flipped)
		settings.timeout = 0;
	known->candidate = fd_inode(slot->candidate.fd);
	(void)write_state(s, &ignored); /* a full disk is no reason to let I/O wait */
	r = reconfigure(s, &settings, err);
	if (r == 0)
		known->socket = known->candidate;
	known->candidate = 0;
	s->changed = true;
	return r;
}

int handover_link(struct supervisor *s, struct slot *slot, struct error *err)
{
	struct state_link *known = &s->a->state.links[slot->number];
	int r = give(s, slot, err);

	if (r < 0)
		return r;
	if (s->flipped)
		s->tick_at = deadline_after(TICK_DELAY);
	s->flipped = false;
	memcpy(known->address, slot->candidate.address, sizeof(known->address));
	state_set_tls(&s->a->state, &slot->candidate.facts);
	s->a->sockets[slot->number] = TAKE_FD(slot->candidate.fd);
	slot->size = slot->candidate_size;
	return 0;
}

static int set_tick(const void *index)
{
	struct error ignored;

	return sysfs_set_io_timeout(
		*(const unsigned *)index, SUPERVISED_TICK_MSEC, &ignored);
}

/* In a child: some kernels wait in there until nothing is in flight. */
void handover_tick(struct supervisor *s, usec_t now)
{
	unsigned index = s->a->state.index, msec;

	s->tick_at = USEC_INFINITY;
	if (s->a->state.n_links > 1 || s->flipped || sysfs_io_timeout(index, &msec) < 0 ||
		msec == SUPERVISED_TICK_MSEC)
		return;
	if (supervisor_all_up(s))
		(void)process_leave(set_tick, &index);
	s->tick_at = now + TICK_CHECK; /* see whether it was done */
}

struct growth {
	char backend[BACKEND_SIZE];
	unsigned index;
	uint64_t size;
};

static int set_size(const void *userdata)
{
	const struct growth *growth = userdata;
	struct nbd_settings settings = nothing;
	struct error ignored;

	settings.backend = growth->backend;
	settings.size = growth->size;
	return nbd_netlink_reconfigure(growth->index, &settings, &ignored);
}

/* In a child, too: if a link dies just then, that call waits for the next one. */
void handover_grow(struct supervisor *s)
{
	const struct state *state = &s->a->state;
	struct growth growth = {.index = state->index, .size = UINT64_MAX};

	for (unsigned i = 0; i < state->n_links; i++)
		if (s->slots[i].size < growth.size)
			growth.size = s->slots[i].size;
	if (growth.size <= state->size || growth.size == s->grow_to ||
		!supervisor_all_up(s))
		return;
	attachment_backend(s->a->claim.name, growth.backend);
	if (process_leave(set_size, &growth) < 0)
		return;
	s->grow_to = growth.size;
	s->look_at = deadline_after(GROWTH_LOOK);
}
