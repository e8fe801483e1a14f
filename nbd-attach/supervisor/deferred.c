/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each change is made by a child, because it may block in the kernel, and when nothing is
 * in flight, so that it does not block for long.
 *
 * The size must be changed at such a moment: if a link died while the driver waits, the
 * requests would wait for a new link, which the driver would not accept before the change
 * of the size is done. And the size is never sent together with a link, because the
 * driver changes it first.
 */
#include <errno.h>
#include <sys/param.h>

#include "common/process.h"
#include "common/timeouts.h"
#include "supervisor/deferred.h"
#include "supervisor/driver-timeouts.h"

/*
 * Waits until nothing is in flight; after `enough` (microseconds) it suffices that
 * requests have been completed. -EAGAIN: neither within `most`.
 */
static int wait_until_idle(unsigned index, usec_t enough, usec_t most)
{
	usec_t deadline = deadline_after(most);
	usec_t content = deadline_after(enough);
	struct sysfs_io first, now;

	if (sysfs_read_io(index, &first) < 0)
		return -ENODEV;
	for (now = first; now.in_flight > 0;) {
		if (now.completed != first.completed && deadline_left(content) == 0)
			return 0;
		if (deadline_sleep(DEFERRED_POLL, deadline) < 0 ||
			sysfs_read_io(index, &now) < 0)
			return -EAGAIN;
	}
	return 0;
}

struct timeouts {
	const char *name;
	unsigned index;
	bool short_timeout;
};

static int restore(const struct timeouts *timeouts)
{
	struct nbd_settings settings = NBD_NOTHING;
	struct error ignored;

	settings.timeout = 0;
	return driver_reconfigure(timeouts->name, timeouts->index, &settings, &ignored);
}

/*
 * Requests sent between the two changes get a timer of 30 s, so they are made as close
 * together as the server allows. If requests are completed all the time, those in flight
 * will soon be done. -EAGAIN: io_timeout is unchanged.
 */
static int set_timeouts(const void *userdata)
{
	const struct timeouts *timeouts = userdata;
	struct error ignored;
	unsigned msec;
	int idle = -EAGAIN, r = sysfs_io_timeout(timeouts->index, &msec);

	if (r < 0 || (!timeouts->short_timeout && msec == SUPERVISED_IO_TIMEOUT_MSEC))
		return r;
	if (timeouts->short_timeout) {
		idle = wait_until_idle(
			timeouts->index, DEFERRED_MOVING, SHORT_TIMEOUT_MAX);
		r = restore(timeouts);
	}
	if (r < 0)
		return r;
	if (idle < 0)
		idle = wait_until_idle(
			timeouts->index, DEFERRED_MOVING, DEFERRED_IDLE_TIMEOUT);
	return idle < 0 ? idle
			: sysfs_set_io_timeout(
				  timeouts->index, SUPERVISED_IO_TIMEOUT_MSEC, &ignored);
}

static struct timeouts timeouts_of(const struct supervisor *s)
{
	return (struct timeouts){.name = s->a->claim.name,
		.index = s->a->state.index,
		.short_timeout = s->short_timeout};
}

/* A link without a descriptor is being ended by the timeout, see handover_shut_down(). */
static bool must_wait(const struct supervisor *s)
{
	return s->timeouts_child > 0 ||
		(s->short_timeout && s->conns[0].phase == PHASE_DRAINING);
}

/* If no child can be started, at least no link is ended for being slow. */
static void start_timeouts(struct supervisor *s, const struct timeouts *timeouts)
{
	s->timeouts_child = process_start(set_timeouts, timeouts);
	if (s->timeouts_child > 0)
		return;
	s->timeouts_child = 0;
	driver_timeout_restore(s);
	s->timeouts_at = deadline_after(DEFERRED_RETRY);
}

void deferred_timeouts(struct supervisor *s)
{
	struct timeouts timeouts = timeouts_of(s);

	s->timeouts_at = USEC_INFINITY;
	if (s->a->state.n_links > 1)
		return;
	if (!supervisor_all_up(s)) {
		s->timeouts_at = deadline_after(
			DEFERRED_RETRY); /* a new link makes it due sooner */
	} else if (must_wait(s)) {
		s->timeouts_at = deadline_after(SHORT_TIMEOUT_MIN);
	} else {
		s->timeouts_restores = s->short_timeout;
		start_timeouts(s, &timeouts);
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
	int r = wait_until_idle(growth->index, USEC_INFINITY, DEFERRED_IDLE_TIMEOUT);

	settings.size = growth->size;
	return r < 0
		? r
		: driver_reconfigure(growth->name, growth->index, &settings, &ignored);
}

/* The device is as large as the smallest export of its links. */
static uint64_t wanted_size(const struct supervisor *s)
{
	uint64_t size = UINT64_MAX;

	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (s->conns[i].size < size)
			size = s->conns[i].size;
	return size;
}

void deferred_resize(struct supervisor *s, usec_t now)
{
	struct growth growth = {.name = s->a->claim.name,
		.index = s->a->state.index,
		.size = wanted_size(s)};

	if (growth.size <= s->a->state.size || s->resize_child > 0 || s->short_timeout ||
		!supervisor_all_up(s))
		return;
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (now - s->conns[i].up_since < LINK_STABLE_AFTER)
			return;
	s->resize_child = process_start(set_size, &growth);
}

/* True: it has ended, and *r is what it returned. */
static bool has_ended(pid_t *child, int *r)
{
	if (*child <= 0 || process_poll(*child, r) == -EAGAIN)
		return false;
	*child = 0;
	return true;
}

static void collect_timeouts(struct supervisor *s)
{
	int r = 0;

	if (!has_ended(&s->timeouts_child, &r))
		return;
	if (s->timeouts_restores && (r == 0 || r == -EAGAIN))
		s->short_timeout = false;
	if (r < 0)
		s->timeouts_at = MIN(s->timeouts_at, deadline_after(DEFERRED_RETRY));
}

void deferred_collect(struct supervisor *s)
{
	int r;

	collect_timeouts(s);
	(void)has_ended(&s->resize_child, &r); /* health.c sees the new size */
}

void deferred_stop(struct supervisor *s)
{
	collect_timeouts(s);
	if (s->timeouts_child <= 0 && !s->short_timeout)
		return;
	if (s->timeouts_child > 0)
		process_kill(s->timeouts_child);
	s->timeouts_child = 0;
	s->short_timeout =
		false; /* not certain: driver_timeout_shorten() sets it again */
	s->timeouts_at = deadline_now();
}
