/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

#include "attachment/fd-store.h"
#include "attachment/geometry.h"
#include "common/process.h"
#include "connection-world.h"
#include "kernel/root-disk.h"
#include "link/link-end.h"
#include "link/worker-exec.h"
#include "supervisor/rotation.h"

#define START     (1000 * USEC_PER_SEC)
#define WORKER    4242
#define CONNECTOR 4243

struct connection_world world;
uint32_t world_random;

static _printf_(1, 2) void call(const char *format, ...)
{
	size_t size = strlen(world.calls);
	va_list args;

	if (size > 0)
		world.calls[size++] = ' ';
	assert_true(size < CALLS_SIZE - 32);
	va_start(args, format);
	vsnprintf(world.calls + size, CALLS_SIZE - size, format, args);
	va_end(args);
}

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

ssize_t getrandom(void *buffer, size_t size, _unused_ unsigned flags)
{
	assert_int_equal(size, sizeof(world_random));
	memcpy(buffer, &world_random, size);
	return size;
}

bool root_disk_is_on(_unused_ unsigned index)
{
	return world.on_root_disk;
}

void worker_exec_disable(void)
{
	call("fork");
}

int link_attempt_start(const struct target *t, const struct credentials *c,
	const struct address_choice *choice, unsigned how, struct link_attempt *ret,
	struct error *err)
{
	call(how & LINK_BY_NAME ? "start-by-name" : "start");
	assert_ptr_equal(t, &world.target);
	assert_ptr_equal(c, &world.s.credentials);
	assert_false(ret->under_way);
	if (world.no_worker)
		return error_set(err, FAULT_OTHER, -EAGAIN, "cannot fork");
	*ret = LINK_ATTEMPT_NONE;
	ret->under_way = true;
	ret->deadline = world.now + 30 * USEC_PER_SEC;
	ret->choice = *choice;
	return 0;
}

int link_attempt_finish(struct link_attempt *attempt, struct link *ret, struct error *err)
{
	call("finish");
	assert_true(attempt->under_way);
	*attempt = LINK_ATTEMPT_NONE;
	attempt->connector = world.connector_stays ? CONNECTOR : 0;
	*err = world.found;
	if (err->fault != FAULT_NONE)
		return world.result ? world.result : -EIO;
	ret->fd = some_descriptor();
	strcpy(ret->address, world.address);
	return 0;
}

bool link_attempt_proceed(struct link_attempt *attempt, const struct credentials *c)
{
	assert_ptr_equal(c, &world.s.credentials);
	if (!world.connected || attempt->pid > 0)
		return false;
	call("proceed");
	attempt->pid = WORKER;
	return true;
}

void link_attempt_cancel(struct link_attempt *attempt)
{
	if (attempt->connector > 0)
		call("dismiss");
	*attempt = LINK_ATTEMPT_NONE;
}

int encryption_check(_unused_ struct encryption *e, int fd, struct error *err)
{
	return world.plain && fd >= 0
		? error_set(err, FAULT_KERNEL, -EPROTO, "in plaintext")
		: 0;
}

void fd_store_add(const struct attachment *a, unsigned link)
{
	world.kept = a->sockets[link] >= 0;
}

void fd_store_remove(_unused_ const struct attachment *a, _unused_ unsigned link)
{
	world.kept = false;
}

unsigned claim_count(_unused_ const struct claim *claim)
{
	return 1;
}

int geometry_check(_unused_ const struct target *t,
	_unused_ const struct server_facts *facts, _unused_ const struct state *state,
	uint64_t *ret_size, struct error *err)
{
	*ret_size = world.size;
	*err = world.geometry;
	return err->fault == FAULT_NONE ? 0 : -ESTALE;
}

void link_disconnect(struct link *link)
{
	if (link->fd < 0)
		return;
	call("disconnect");
	close(TAKE_FD(link->fd));
}

/* No NBD_CMD_DISC: the kernel may use the socket all the same. */
void link_done(struct link *link)
{
	call("drop");
	close(TAKE_FD(link->fd));
}

int handover_link(struct supervisor *of, struct connection *to, struct error *err)
{
	call("give");
	assert_true(to->candidate.fd >= 0);
	if (world.busy)
		return error_set(err, FAULT_KERNEL, -EBUSY, "it holds on to the old one");
	if (world.no_handover)
		return error_set(err, FAULT_KERNEL, -EINVAL, "the kernel takes none");
	of->short_timeout = false;
	of->a->sockets[to->number] = TAKE_FD(to->candidate.fd);
	to->size = to->candidate_size;
	strcpy(of->a->state.links[to->number].address, to->candidate.address);
	return 0;
}

/* As the real one does it: once for each outage. */
void driver_timeout_shorten(struct supervisor *of)
{
	if (!of->short_timeout)
		call("shorten");
	of->short_timeout = true;
}

void driver_reconnect_timeout_restore(struct supervisor *of)
{
	if (of->reconnect_shortened)
		call("restore");
	of->reconnect_shortened = false;
}

struct link_end link_end_find(int fd, pid_t relay)
{
	if (relay > 0)
		call("kill");
	return (struct link_end){.by_server = world.reset,
		.alert = fd >= 0 && world.alert ? world.alert : -ENODATA};
}

void link_end_text(int alert, char out[ALERT_TEXT_SIZE])
{
	out[0] = 0;
	if (alert >= 0)
		snprintf(out, ALERT_TEXT_SIZE, ": alert %d", alert);
}

void driver_timeout_extend(_unused_ struct supervisor *of)
{
	call("extend");
}

int handover_can_shut_down(const struct supervisor *of, const struct connection *of_link)
{
	return world.endable || of->a->sockets[of_link->number] >= 0 ? 0 : -EOPNOTSUPP;
}

void handover_shut_down(
	_unused_ struct supervisor *of, _unused_ const struct connection *of_link)
{
	call("shutdown");
}

void handover_discard_unsent(int fd)
{
	assert_int_equal(fd, world.a.sockets[world.conn->number]);
	world.discarded = true;
}

void deferred_stop(_unused_ struct supervisor *of)
{
}

void process_abandon(_unused_ pid_t child)
{
	call("leave");
}

bool rotation_before_attempt(struct supervisor *of)
{
	if (!world.no_keys)
		return true;
	call("credentials");
	error_set(&of->credentials_error, FAULT_USAGE, -EACCES, "no keys");
	return false;
}

void rotation_after_attempt(struct supervisor *of, const struct error *err)
{
	assert_ptr_equal(of, &world.s);
	assert_int_equal(err->fault, world.found.fault);
}

void supervisor_tell(_unused_ struct supervisor *of, int link, const char *kind,
	_unused_ const char *format, ...)
{
	call("tell:%s", kind);
	assert_int_equal(link, strstr(kind, "relay") ? -1 : (int)world.conn->number);
}

void supervisor_warn(_unused_ struct supervisor *of, const char *kind,
	_unused_ const char *format, ...)
{
	call("warn:%s", kind);
}

int sysfs_read_io(unsigned index, struct sysfs_io *ret)
{
	assert_int_equal(index, world.a.state.index);
	*ret = world.io;
	return world.blind ? -EIO : 0;
}

int some_descriptor(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

void connection_world_end(void)
{
	for (unsigned i = 0; i < NBD_LINKS_MAX; i++) {
		closep(&world.a.sockets[i]);
		closep(&world.s.conns[i].candidate.fd);
	}
}

void connection_world_begin(unsigned links)
{
	struct supervisor *s = &world.s;

	memset(&world, 0, sizeof(world));
	world.now = START;
	world.io = (struct sysfs_io){100, 3};
	world.size = 4711;
	world.a = ATTACHMENT_NONE;
	world.a.state.index = 5;
	world.a.state.n_links = links;
	s->a = &world.a;
	s->target = &world.target;
	s->check_at = s->renew_at = USEC_INFINITY;
	progress_init(&s->progress, 30 * USEC_PER_SEC);
	s->request_timeout = 15 * USEC_PER_SEC;
	progress_restart(&s->progress, world.now);
	s->progress.last = world.io;
	for (unsigned i = 0; i < NBD_LINKS_MAX; i++)
		s->conns[i] = (struct connection){.number = i,
			.attempt = LINK_ATTEMPT_NONE,
			.candidate = {.fd = -1},
			.timer = USEC_INFINITY};
	world.conn = &s->conns[links - 1];
	world.a.sockets[world.conn->number] = some_descriptor();
}

bool connection_is_attempting(void)
{
	enum phase phase = world.conn->phase;

	return phase == PHASE_PROBING || phase == PHASE_REPLACING ||
		phase == PHASE_CONNECTING;
}

bool connection_has_candidate(void)
{
	return world.conn->phase == PHASE_DRAINING || world.conn->phase == PHASE_PENDING;
}

bool connection_is_consistent(bool adopted)
{
	const struct connection *conn = world.conn;
	bool ours = connection_is_up(conn) && !adopted;
	bool waits = conn->phase == PHASE_BACKING_OFF || connection_has_candidate();
	bool first = world.a.state.break_before_make; /* before there is another */

	return conn->attempt.under_way == connection_is_attempting() &&
		(conn->candidate.fd >= 0) ==
		(connection_has_candidate() &&
			!(first && conn->phase == PHASE_DRAINING)) &&
		(world.a.sockets[conn->number] >= 0) == ours &&
		(!world.kept || conn->phase == PHASE_UP) &&
		(!conn->being_replaced || connection_has_candidate() ||
			(first && conn->phase == PHASE_CONNECTING)) &&
		(!waits || conn->timer != USEC_INFINITY);
}

static const struct transition *transition_of(
	enum phase phase, enum connection_event event)
{
	for (size_t i = 0; i < connection_life_size; i++)
		if (connection_life[i].phase == phase &&
			connection_life[i].event == event)
			return &connection_life[i];
	return NULL;
}

bool transition_is_listed(enum phase before, enum connection_event event)
{
	const struct transition *t = transition_of(before, event);

	return t ? t->next & (1U << world.conn->phase) : world.conn->phase == before;
}
