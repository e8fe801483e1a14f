/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "supervisor/driver-timeouts.h"

/*
 * The driver asks for the backend identifier only on devices that have one: a device that
 * another program has made of ours meanwhile would take anything.
 */
int handover_reconfigure(const char *name, unsigned index,
	const struct nbd_settings *settings, struct error *err)
{
	struct nbd_settings complete = *settings;
	char backend[BACKEND_SIZE];
	struct sysfs_device device;
	int r = sysfs_read(index, &device);

	if (r < 0)
		return error_set(
			err, FAULT_KERNEL, r, "cannot read /sys/block/nbd%u: %m", index);
	if (!attachment_is(&device, name))
		return error_set(err, FAULT_KERNEL, -EINVAL,
			"/dev/nbd%u is not ours any more", index);
	attachment_backend(name, backend);
	complete.backend = backend;
	return nbd_netlink_reconfigure(index, &complete, err);
}

static int reconfigure(
	const struct supervisor *s, struct nbd_settings *settings, struct error *err)
{
	return handover_reconfigure(s->a->claim.name, s->a->state.index, settings, err);
}

static int set_timeout(struct supervisor *s, uint64_t seconds, struct error *err)
{
	struct nbd_settings settings = NBD_NOTHING;

	settings.timeout = seconds;
	return reconfigure(s, &settings, err);
}

bool handover_is_possible(const struct supervisor *s)
{
	struct nbd_settings settings = NBD_NOTHING;
	struct error ignored;

	return reconfigure(s, &settings, &ignored) != -EINVAL;
}

/* An answer that got lost may have been a yes. */
void handover_flip(struct supervisor *s)
{
	struct error ignored;

	if (s->a->state.n_links > 1 || s->flipped)
		return;
	s->flipped = set_timeout(s, 1, &ignored) != -EINVAL;
}

/* Not while a link is being ended by it. */
void handover_unflip(struct supervisor *s)
{
	struct error ignored;

	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (s->slots[i].phase == PHASE_SETTLING)
			return;
	if (s->flipped && set_timeout(s, 0, &ignored) == 0)
		s->flipped = false;
}

int handover_times(struct supervisor *s, struct error *err)
{
	struct nbd_settings settings = NBD_NOTHING;
	unsigned n = s->a->state.n_links;
	int r;

	/* Of a link that lives it may be 1 or 0: upkeep.c sees to it that it is 0. */
	s->flipped = n == 1;
	if (!s->flipped)
		settings.timeout = attachment_timeout(s->target, n, true);
	else if (!supervisor_all_up(s))
		settings.timeout = 1;
	settings.dead_conn_timeout = attachment_seconds(s->target->reconnect_timeout);
	r = reconfigure(s, &settings, err);
	s->tick_at = deadline_now();
	return r;
}
