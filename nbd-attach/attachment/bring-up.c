/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/param.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "attachment/bring-up.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/process.h"
#include "common/timeouts.h"
#include "kernel/device-node.h"
#include "kernel/hardware-queues.h"
#include "kernel/read-ahead.h"
#include "kernel/udev.h"
#include "link/link-end.h"

struct bring_up_result {
	int r;
	bool scanned;
	bool links_are_lost; /* all, when the parent last looked */
	bool udev_is_busy;
	struct error error;
};

struct order {
	const struct state *state;
	bool supervised;
	struct bring_up_result *result;
};

/* A device that existed before has it already, see clean_device_connect(). */
static void set_io_timeout(const struct order *o)
{
	unsigned wanted = attachment_io_timeout(o->state->n_links, o->supervised), msec;
	struct error ignored;

	if (wanted > 0 &&
		(sysfs_io_timeout(o->state->index, &msec) < 0 || msec != wanted))
		(void)sysfs_set_io_timeout(o->state->index, wanted, &ignored);
}

/*
 * Some kernels wait here until nothing is in flight. The timeout is set before our first
 * request, so that requests in flight when a link dies are soon resent.
 */
static int set_limits(const struct order *o, struct error *err)
{
	const struct limits limits = state_limits(o->state);

	set_io_timeout(o);
	return limits_apply(o->state->index, &limits, err);
}

/*
 * Waits for udev's links in /dev as long as the server answers, because udev reads the
 * disk, too. The parent checks whether the server still answers.
 */
static bool udev_is_done(struct udev_event *added, const struct bring_up_result *result)
{
	struct sysfs_io before = {0}, now = {0};
	int r;

	do {
		before = now;
		r = udev_await(added, deadline_after(BRING_UP_UDEV_TIMEOUT));
		if (sysfs_read_io(added->index, &now) < 0)
			break;
	} while (r == -ETIMEDOUT &&
		(result->links_are_lost || now.in_flight > 0 ||
			now.completed != before.completed));
	return r == 0;
}

/*
 * The disk stays open, so that what the kernel and udev read is fetched from the server
 * only once. Its uevent comes before those of its partitions, because udev derives their
 * names from its name.
 */
static int make_ready(const struct order *o, struct error *err)
{
	_cleanup_(udev_event_done) struct udev_event added = UDEV_EVENT_NONE;
	unsigned index = o->state->index;
	int fd, r = set_limits(o, err);

	if (r == 0)
		r = udev_trigger(index, "add", &added, err);
	if (r == 0)
		r = device_node_scan(
			index, deadline_after(BRING_UP_NODE_TIMEOUT), &fd, err);
	if (r < 0)
		return r;
	o->result->scanned = true;
	read_ahead(index, fd);
	if (o->state->tls && !o->state->relay[0])
		hardware_queues_read(
			index); /* so that each link's encryption can be checked */
	o->result->udev_is_busy = !udev_is_done(&added, o->result);
	close(fd);
	return 0;
}

static int work(const void *userdata)
{
	const struct order *o = userdata;

	(void)prctl(PR_SET_NAME, SCAN_PROCESS, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	o->result->r = make_ready(o, &o->result->error);
	return 0;
}

static void forget(struct bring_up *m)
{
	closep(&m->pidfd);
	if (m->result)
		munmap(m->result, sizeof(*m->result));
	*m = BRING_UP_NONE;
}

static int start(const struct attachment *a, bool supervised, struct bring_up *m)
{
	struct order order = {.state = &a->state, .supervised = supervised};
	void *shared = mmap(NULL, sizeof(*m->result), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return -errno;
	m->result = order.result = shared;
	m->result->r = -ECHILD;
	m->child = process_start(work, &order);
	if (m->child < 0)
		return m->child;
	m->pidfd = (int)syscall(SYS_pidfd_open, m->child, 0U);
	return 0;
}

int bring_up_start(struct attachment *a, const struct target *t, bool supervised,
	struct bring_up *ret, struct error *err)
{
	struct bring_up m = BRING_UP_NONE;
	int r = start(a, supervised, &m);

	if (r < 0) {
		bring_up_cancel(&m, a);
		return error_set(err, FAULT_OTHER, r,
			"cannot start the process that makes /dev/nbd%u ready: %m",
			a->state.index);
	}
	/* With several links the kernel ends a slow one before that. */
	progress_init(
		&m.progress, a->state.n_links == 1 ? t->io_timeout : 2 * t->io_timeout);
	progress_restart(&m.progress, deadline_now());
	m.check_at = deadline_now();
	*ret = m;
	return 0;
}

static bool links_are_lost(const struct state *state)
{
	for (unsigned i = 0; i < state->n_links; i++)
		if (state->links[i].state == LINK_UP)
			return false;
	return true;
}

/* Not every kernel counts a request that waits for a new link: there may be one. */
static int read_io(const struct bring_up *m, unsigned index, struct sysfs_io *ret)
{
	int r = sysfs_read_io(index, ret);

	if (r == 0 && m->result->links_are_lost)
		ret->in_flight = MAX(ret->in_flight, 1U);
	return r;
}

int bring_up_check(struct bring_up *m, const struct attachment *a, const char *why,
	struct error *err)
{
	usec_t now = deadline_now();
	struct sysfs_io io;

	m->result->links_are_lost = links_are_lost(&a->state);
	if (read_io(m, a->state.index, &io) == 0 &&
		progress_check(&m->progress, &io, now))
		return error_set(err, FAULT_UNREACHED, -ETIMEDOUT,
			"%s has not answered a request for %llu s (--io-timeout)%s%s",
			a->state.server,
			(unsigned long long)(m->progress.effective_timeout /
				USEC_PER_SEC),
			why[0] ? ": " : "", why);
	m->check_at = MIN(progress_next(&m->progress, now), now + BRING_UP_CHECK);
	return 0;
}

int bring_up_finish(struct bring_up *m, struct error *err)
{
	int r, ignored;

	if (process_poll(m->child, &ignored) == -EAGAIN)
		return -EAGAIN;
	r = m->result->r;
	if (r < 0)
		*err = m->result->error;
	if (r == -ECHILD)
		error_set(err, FAULT_OTHER, r,
			"the process that makes the device ready was killed");
	if (r == 0 && m->result->udev_is_busy)
		log_warning(
			"udev is still busy: the device's links in /dev may come later");
	forget(m);
	return r;
}

void bring_up_cancel(struct bring_up *m, struct attachment *a)
{
	int status;

	if (m->child > 0) {
		kill(m->child, SIGKILL);
		if (process_wait(m->child, deadline_after(BRING_UP_CANCEL_TIMEOUT),
			    &status) < 0)
			process_abandon(m->child);
		a->unread &= !m->result->scanned;
	}
	forget(m);
}

static bool is_lost(const struct attachment *a)
{
	for (unsigned i = 0; i < a->state.n_links; i++) {
		struct pollfd fd = {.fd = a->sockets[i]};

		if (fd.fd >= 0 && poll(&fd, 1, 0) == 0)
			return false;
	}
	return true;
}

/* Without a supervisor nobody makes a new link, and the driver would wait for one. */
static int check_links(struct attachment *a, struct error *err)
{
	char why[ALERT_TEXT_SIZE];
	int alert = -ENODATA;

	if (!is_lost(a))
		return 0;
	for (unsigned i = 0; i < a->state.n_links; i++) {
		struct link_end end = link_end_find(a->sockets[i], a->relays[i]);

		alert = MAX(alert, end.alert);
		a->relays[i] = 0;
	}
	link_end_text(alert, why);
	return error_set(err, alert > ALERT_CLOSE_NOTIFY ? FAULT_TLS : FAULT_UNREACHED,
		-ENOTCONN, "the connection to %s was lost while its disk was attached%s",
		a->state.server, why);
}

int bring_up_run(struct attachment *a, const struct target *t, struct error *err)
{
	struct bring_up m = BRING_UP_NONE;
	int r = bring_up_start(a, t, false, &m, err);

	while (r == 0) {
		r = bring_up_check(&m, a, "", err);
		if (r == 0)
			r = check_links(a, err);
		if (r == 0 && deadline_wait(m.pidfd, POLLIN, m.check_at) == -EINTR)
			r = error_set(err, FAULT_OTHER, -EINTR, "interrupted");
		if (r < 0)
			break;
		r = bring_up_finish(&m, err);
		if (r == 0)
			return 0;
		if (r == -EAGAIN)
			r = 0;
	}
	bring_up_cancel(&m, a);
	return r;
}
