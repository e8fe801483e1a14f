/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cmocka.h>

#include "attachment/claim.h"
#include "attachment/device.h"
#include "attachment/fd-store.h"
#include "attachment/state-file.h"
#include "common/fd.h"
#include "common/process.h"
#include "handover-world.h"
#include "kernel/tcp-diag.h"

#define CHILD 4242

struct handover_world world;

usec_t deadline_now(void)
{
	return world.now;
}

usec_t deadline_after(usec_t span)
{
	return world.now + span;
}

usec_t deadline_left(usec_t deadline)
{
	return deadline > world.now ? deadline - world.now : 0;
}

void handover_world_pass(usec_t span)
{
	world.now += span;
	if (world.timeout == 1 && !world.dead)
		world.short_for += span;
}

int deadline_sleep(usec_t span, usec_t deadline)
{
	if (deadline_left(deadline) == 0)
		return -ETIMEDOUT;
	handover_world_pass(span);
	return 0;
}

pid_t process_start(int (*work)(const void *userdata), const void *userdata)
{
	if (world.no_child)
		return -EAGAIN;
	world.r = work(userdata);
	return CHILD;
}

int process_poll(pid_t child, int *ret_result)
{
	assert_int_equal(child, CHILD);
	*ret_result = world.r;
	return world.frozen ? -EAGAIN : 0;
}

void process_kill(pid_t child)
{
	assert_int_equal(child, CHILD);
	world.killed = true;
}

int sysfs_read(_unused_ unsigned index, struct sysfs_device *ret)
{
	*ret = (struct sysfs_device){.configured = true};
	return 0;
}

int sysfs_read_io(_unused_ unsigned index, struct sysfs_io *ret)
{
	*ret = (struct sysfs_io){.completed = 7, .in_flight = world.slow};
	return 0;
}

int sysfs_io_timeout(_unused_ unsigned index, unsigned *ret_msec)
{
	*ret_msec = world.msec;
	return 0;
}

int sysfs_set_io_timeout(
	_unused_ unsigned index, unsigned msec, _unused_ struct error *err)
{
	if (!world.frozen)
		world.msec = msec;
	return 0;
}

int tcp_diag_can_end(uint64_t inode)
{
	return inode == world.endable ? 0 : -ENOENT;
}

int tcp_diag_end(uint64_t inode)
{
	world.ended = inode == world.endable;
	return tcp_diag_can_end(inode);
}

bool attachment_is(_unused_ const struct sysfs_device *device, _unused_ const char *name)
{
	return true;
}

void attachment_backend(const char *name, char out[BACKEND_SIZE])
{
	snprintf(out, BACKEND_SIZE, "%s", name);
}

uint64_t attachment_seconds(usec_t span)
{
	return span / USEC_PER_SEC;
}

uint64_t attachment_timeout(
	_unused_ const struct target *t, unsigned links, _unused_ bool supervised)
{
	return links == 1 ? 0 : 30;
}

int state_write(_unused_ const struct claim *claim, _unused_ const struct state *state,
	_unused_ const struct target *t, _unused_ struct error *err)
{
	return 0;
}

/* Before the driver gets it. */
void encryption_begin(struct encryption *e, int fd)
{
	assert_true(fd >= 0);
	e->pending = true;
}

void fd_store_remove(_unused_ const struct attachment *a, _unused_ unsigned link)
{
	world.kept = false;
}

void state_set_tls(
	_unused_ struct state *state, _unused_ const struct server_facts *facts)
{
}

void supervisor_tell(_unused_ struct supervisor *s, _unused_ int link, const char *kind,
	_unused_ const char *format, ...)
{
	assert_string_equal(kind, "slow");
}

bool supervisor_all_up(const struct supervisor *s)
{
	return s->conns[0].phase == PHASE_UP;
}

/* The order is the driver's: the timeout first, and a link only for one that is dead. */
int nbd_netlink_reconfigure(_unused_ unsigned index, const struct nbd_settings *settings,
	_unused_ struct error *err)
{
	if (settings->timeout != NBD_UNSET) {
		world.timeout = settings->timeout;
		world.msec = world.timeout ? (unsigned)world.timeout * 1000 : LONG;
	}
	if (settings->dead_conn_timeout != NBD_UNSET)
		world.reconnect = settings->dead_conn_timeout;
	if (settings->n_fds == 0 || !world.dead)
		return 0;
	if (world.timeout > 0) {
		const struct timeval span = {.tv_sec = (time_t)world.timeout};

		setsockopt(
			settings->fds[0], SOL_SOCKET, SO_SNDTIMEO, &span, sizeof(span));
	}
	world.dead = false;
	return 0;
}

int handover_world_begin(_unused_ void **state)
{
	struct supervisor *s = &world.s;

	memset(&world, 0, sizeof(world));
	world.now = 1000 * USEC_PER_SEC;
	world.msec = SHORT;
	world.a = ATTACHMENT_NONE;
	world.a.state.n_links = 1;
	s->a = &world.a;
	s->target = &world.target;
	s->timeouts_at = s->check_at = USEC_INFINITY;
	s->conns[0] = (struct connection){.candidate = {.fd = -1}};
	return 0;
}

int handover_world_end(_unused_ void **state)
{
	closep(&world.a.sockets[0]);
	closep(&world.s.conns[0].candidate.fd);
	return 0;
}
