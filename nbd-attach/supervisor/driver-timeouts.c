/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/param.h>

#include "attachment/device.h"
#include "common/timeouts.h"
#include "supervisor/driver-timeouts.h"

#define EXTENDED_MAX 16 /* times --io-timeout, as for a single link */

/*
 * The driver checks the backend identifier only on devices that have one. If another
 * program has attached our device anew without one, it would accept any change.
 */
int driver_reconfigure(const char *name, unsigned index,
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
			"/dev/nbd%u now belongs to another program", index);
	attachment_backend(name, backend);
	complete.backend = backend;
	return nbd_netlink_reconfigure(index, &complete, err);
}

static int reconfigure(
	const struct supervisor *s, struct nbd_settings *settings, struct error *err)
{
	return driver_reconfigure(s->a->claim.name, s->a->state.index, settings, err);
}

static int set_timeout(struct supervisor *s, uint64_t seconds, struct error *err)
{
	struct nbd_settings settings = NBD_NOTHING;

	settings.timeout = seconds;
	return reconfigure(s, &settings, err);
}

bool driver_accepts_us(const struct supervisor *s)
{
	struct nbd_settings settings = NBD_NOTHING;
	struct error ignored;

	return reconfigure(s, &settings, &ignored) != -EINVAL;
}

/* Unless the driver refused (-EINVAL) the timeout may have changed. */
void driver_timeout_shorten(struct supervisor *s)
{
	struct error ignored;

	if (s->a->state.n_links > 1 || s->short_timeout)
		return;
	s->short_timeout = set_timeout(s, 1, &ignored) != -EINVAL;
}

/* Not while the timeout is to end a link, see handover_shut_down(). */
void driver_timeout_restore(struct supervisor *s)
{
	struct error ignored;

	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (s->conns[i].phase == PHASE_DRAINING)
			return;
	if (s->short_timeout && set_timeout(s, 0, &ignored) == 0)
		s->short_timeout = false;
}

/* EVENT_STALLED must not come before the driver's timeout. */
static void take_request_timeout(struct supervisor *s, usec_t timeout)
{
	s->request_timeout = timeout;
	progress_extend(&s->progress, 2 * timeout);
}

void driver_timeout_extend(struct supervisor *s)
{
	usec_t longer = MIN(2 * s->request_timeout, EXTENDED_MAX * s->target->io_timeout);
	struct error ignored;

	if (longer == s->request_timeout ||
		set_timeout(s, attachment_seconds(longer), &ignored) < 0)
		return;
	supervisor_tell(s, -1, "slow",
		"the server answers, but not each request within %llu s: one may take %llu s "
		"from now on",
		(unsigned long long)attachment_seconds(s->request_timeout),
		(unsigned long long)attachment_seconds(longer));
	take_request_timeout(s, longer);
}

usec_t driver_waiting_since(const struct supervisor *s)
{
	usec_t since = 0;

	for (unsigned i = 0; i < s->a->state.n_links; i++) {
		const struct connection *conn = &s->conns[i];

		if (connection_is_up(conn) && conn->fruitless == 0)
			return USEC_INFINITY;
		since = MAX(
			since, conn->fruitless > 0 ? conn->failing_since : conn->lost_at);
	}
	return since;
}

static bool any_is_fruitless(const struct supervisor *s)
{
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (s->conns[i].fruitless > 0)
			return true;
	return false;
}

uint64_t driver_reconnect_timeout(struct supervisor *s)
{
	usec_t since = driver_waiting_since(s), timeout = s->target->reconnect_timeout;
	usec_t left;

	if (!any_is_fruitless(s) || since == USEC_INFINITY || timeout == USEC_INFINITY)
		return NBD_UNSET;
	left = MAX(deadline_left(since + timeout), RECONNECT_TIMEOUT_LEFT_MIN);
	s->reconnect_shortened = true;
	return attachment_seconds(MIN(left, timeout));
}

void driver_reconnect_timeout_restore(struct supervisor *s)
{
	struct nbd_settings settings = NBD_NOTHING;
	struct error ignored;

	if (!s->reconnect_shortened)
		return;
	settings.dead_conn_timeout = attachment_seconds(s->target->reconnect_timeout);
	s->reconnect_shortened = reconfigure(s, &settings, &ignored) < 0;
}

/* The kernel still has the timeout that an earlier supervisor has extended. */
static usec_t find_request_timeout(const struct supervisor *s)
{
	usec_t asked = s->target->io_timeout;
	unsigned msec;

	if (sysfs_io_timeout(s->a->state.index, &msec) < 0)
		return asked;
	return MIN(MAX(msec * USEC_PER_MSEC, asked), EXTENDED_MAX * asked);
}

int driver_timeouts_set(struct supervisor *s, struct error *err)
{
	struct nbd_settings settings = NBD_NOTHING;
	unsigned n = s->a->state.n_links;
	int r;

	/* With a link that is up it may be 1 or 0: deferred.c sets it to 0. */
	s->short_timeout = n == 1;
	if (!s->short_timeout) {
		take_request_timeout(s, find_request_timeout(s));
		settings.timeout = attachment_seconds(s->request_timeout);
	} else if (!supervisor_all_up(s)) {
		settings.timeout = 1;
	}
	settings.dead_conn_timeout = attachment_seconds(s->target->reconnect_timeout);
	r = reconfigure(s, &settings, err);
	s->timeouts_at = deadline_now();
	return r;
}
