/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes of a device for which newer kernels first wait until nothing is in flight, and
 * hold up what comes meanwhile (blk_mq_freeze_queue()). So each is made by a child, which
 * may sleep in the kernel for as long as that takes, and at a moment with nothing in
 * flight, so that it takes no time.
 *
 * For the size there must be such a moment: would a link die while the driver waits, the
 * requests would wait for a new link, which the driver would not take before it has done
 * the size. And the size is never sent together with a link, for it is done first.
 */
#include <errno.h>

#include "common/process.h"
#include "session/supervisor.h"

#define QUIET_WAIT   (2 * USEC_PER_SEC)
#define QUIET_ENOUGH (100 * USEC_PER_MSEC)
#define QUIET_PAUSE  (1 * USEC_PER_MSEC)
#define TRY_AGAIN    (5 * USEC_PER_SEC)

/*
 * Waits for a moment with nothing in flight; or, once `enough` has passed (microseconds),
 * until it is seen that requests come and go. -EAGAIN: neither in time.
 */
static int wait_for_quiet(unsigned index, usec_t enough)
{
	usec_t deadline = deadline_after(QUIET_WAIT);
	usec_t content = deadline_after(enough);
	struct sysfs_io first, now;

	if (sysfs_read_io(index, &first) < 0)
		return -ENODEV;
	for (now = first; now.in_flight > 0;) {
		if (now.completed != first.completed && deadline_left(content) == 0)
			return 0;
		if (deadline_sleep(QUIET_PAUSE, deadline) < 0 ||
			sysfs_read_io(index, &now) < 0)
			return -EAGAIN;
	}
	return 0;
}

/* Where requests come and go all the time, what is in flight will soon be done. */
static int set_tick(const void *userdata)
{
	const unsigned *index = userdata;
	struct error ignored;
	unsigned msec;
	int r = sysfs_io_timeout(*index, &msec);

	if (r < 0 || msec == SUPERVISED_TICK_MSEC)
		return r;
	r = wait_for_quiet(*index, QUIET_ENOUGH);
	return r < 0 ? r : sysfs_set_io_timeout(*index, SUPERVISED_TICK_MSEC, &ignored);
}

void upkeep_tick(struct supervisor *s)
{
	unsigned index = s->a->state.index;

	s->tick_at = USEC_INFINITY;
	if (s->a->state.n_links > 1)
		return;
	if (s->tick_child > 0 || s->flipped || !supervisor_all_up(s))
		s->tick_at = deadline_after(TRY_AGAIN);
	else
		s->tick_child = process_start(set_tick, &index);
}

struct growth {
	const char *name;
	unsigned index;
	uint64_t size;
};

static int set_size(const void *userdata)
{
	const struct growth *growth = userdata;
	struct nbd_settings settings = NBD_NOTHING;
	struct error ignored;
	int r = wait_for_quiet(growth->index, USEC_INFINITY);

	settings.size = growth->size;
	return r < 0
		? r
		: handover_reconfigure(growth->name, growth->index, &settings, &ignored);
}

/* Each link leads to an export; the smallest of these is the device's size. */
static uint64_t wanted_size(const struct supervisor *s)
{
	uint64_t size = UINT64_MAX;

	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (s->slots[i].size < size)
			size = s->slots[i].size;
	return size;
}

void upkeep_grow(struct supervisor *s, usec_t now)
{
	struct growth growth = {.name = s->a->claim.name,
		.index = s->a->state.index,
		.size = wanted_size(s)};

	if (growth.size <= s->a->state.size || s->grow_child > 0 || s->flipped ||
		!supervisor_all_up(s))
		return;
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (now - s->slots[i].up_since < WELL_AFTER)
			return;
	s->grow_child = process_start(set_size, &growth);
}

/* True: it has ended, and *r is what it returned. */
static bool has_ended(pid_t *child, int *r)
{
	if (*child <= 0 || process_poll(*child, r) == -EAGAIN)
		return false;
	*child = 0;
	return true;
}

void upkeep_collect(struct supervisor *s)
{
	int r = 0;

	if (has_ended(&s->tick_child, &r) && r < 0)
		s->tick_at = deadline_after(TRY_AGAIN);
	(void)has_ended(&s->grow_child, &r); /* seen by the device's size */
}
