/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each change is made by a child, which may sleep in the kernel for as long as that
 * takes, and at a moment with nothing in flight, so that it takes no time.
 *
 * For the size there must be such a moment: would a link die while the driver waits, the
 * requests would wait for a new link, which the driver would not take before it has done
 * the size. And the size is never sent together with a link, for it is done first.
 */
#include <errno.h>
#include <sys/param.h>

#include "common/process.h"
#include "supervisor/deferred.h"
#include "supervisor/driver-timeouts.h"

#define QUIET_WAIT   (2 * USEC_PER_SEC)
#define FLIPPED_WAIT (250 * USEC_PER_MSEC)
#define QUIET_ENOUGH (10 * USEC_PER_MSEC)
#define QUIET_PAUSE  (1 * USEC_PER_MSEC)
#define TRY_AGAIN    (5 * USEC_PER_SEC)

/*
 * Waits for a moment with nothing in flight; or, once `enough` has passed (microseconds),
 * until it is seen that requests come and go. -EAGAIN: neither within `most`.
 */
static int wait_for_quiet(unsigned index, usec_t enough, usec_t most)
{
	usec_t deadline = deadline_after(most);
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

struct tick {
	const char *name;
	unsigned index;
	bool flipped;
};

static int unflip(const struct tick *tick)
{
	struct nbd_settings settings = NBD_NOTHING;
	struct error ignored;

	settings.timeout = 0;
	return handover_reconfigure(tick->name, tick->index, &settings, &ignored);
}

/*
 * What is sent between the two changes gets a timer of 30 s: they come as close together
 * as the server lets them. Where requests come and go all the time, what is in flight
 * will soon be done. -EAGAIN: io_timeout is as it was.
 */
static int set_tick(const void *userdata)
{
	const struct tick *tick = userdata;
	struct error ignored;
	unsigned msec;
	int quiet = -EAGAIN, r = sysfs_io_timeout(tick->index, &msec);

	if (r < 0 || (!tick->flipped && msec == SUPERVISED_TICK_MSEC))
		return r;
	if (tick->flipped) {
		quiet = wait_for_quiet(tick->index, QUIET_ENOUGH, FLIPPED_WAIT);
		r = unflip(tick);
	}
	if (r < 0)
		return r;
	if (quiet < 0)
		quiet = wait_for_quiet(tick->index, QUIET_ENOUGH, QUIET_WAIT);
	return quiet < 0
		? quiet
		: sysfs_set_io_timeout(tick->index, SUPERVISED_TICK_MSEC, &ignored);
}

static struct tick tick_of(const struct supervisor *s)
{
	return (struct tick){.name = s->a->claim.name,
		.index = s->a->state.index,
		.flipped = s->flipped};
}

/* Not while the timeout is to end a link. */
static bool must_wait(const struct supervisor *s)
{
	return s->tick_child > 0 || (s->flipped && s->slots[0].phase == PHASE_SETTLING);
}

/* Without a child at least no link is ended for being slow. */
static void start_tick(struct supervisor *s, const struct tick *tick)
{
	s->tick_child = process_start(set_tick, tick);
	if (s->tick_child > 0)
		return;
	s->tick_child = 0;
	handover_unflip(s);
	s->tick_at = deadline_after(TRY_AGAIN);
}

void upkeep_tick(struct supervisor *s)
{
	struct tick tick = tick_of(s);

	s->tick_at = USEC_INFINITY;
	if (s->a->state.n_links > 1)
		return;
	if (!supervisor_all_up(s)) {
		s->tick_at = deadline_after(TRY_AGAIN); /* a new link makes it sooner */
	} else if (must_wait(s)) {
		s->tick_at = deadline_after(TICK_DELAY);
	} else {
		s->tick_unflips = s->flipped;
		start_tick(s, &tick);
	}
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
	int r = wait_for_quiet(growth->index, USEC_INFINITY, QUIET_WAIT);

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

static void collect_tick(struct supervisor *s)
{
	int r = 0;

	if (!has_ended(&s->tick_child, &r))
		return;
	if (s->tick_unflips && (r == 0 || r == -EAGAIN))
		s->flipped = false;
	if (r < 0)
		s->tick_at = MIN(s->tick_at, deadline_after(TRY_AGAIN));
}

void upkeep_collect(struct supervisor *s)
{
	int r;

	collect_tick(s);
	(void)has_ended(&s->grow_child, &r); /* seen by the device's size */
}

void upkeep_stop(struct supervisor *s)
{
	collect_tick(s);
	if (s->tick_child <= 0 && !s->flipped)
		return;
	if (s->tick_child > 0)
		process_kill(s->tick_child);
	s->tick_child = 0;
	s->flipped = false; /* or not: nobody knows for sure */
	s->tick_at = deadline_now();
}
