/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/process.h"
#include "link/children.h"
#include "link/connector.h"
#include "link/sandbox.h"
#include "link/worker-exec.h"

#define NEAR_BUFFER (1024 * 1024)

static void close_all(int *const fds[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		closep(fds[i]);
		*fds[i] = -1;
	}
}

/* Those that the worker gets. */
static void close_ends(struct link_attempt *a)
{
	int *const ends[] = {
		&a->ends.report, &a->ends.far, &a->ends.connector, &a->ends.log};

	close_all(ends, ELEMENTSOF(ends));
}

void children_end(struct link_attempt *a)
{
	int *const ours[] = {&a->socket, &a->connected, &a->log, &a->near};

	close_all(ours, ELEMENTSOF(ours));
	close_ends(a);
	if (a->pid > 0)
		process_kill(a->pid);
	if (a->connector > 0)
		process_kill(a->connector);
	a->pid = a->connector = 0;
}

static int make_pair(int type, int *ret_a, int *ret_b)
{
	int pair[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*ret_a = pair[0];
	*ret_b = pair[1];
	return 0;
}

/* Large enough for what the kernel sends at once: fewer switches to the relay. */
static int make_near(int *ret_near, int *ret_far)
{
	const int size = NEAR_BUFFER;
	int r = make_pair(SOCK_STREAM, ret_near, ret_far);

	if (r < 0)
		return r;
	setsockopt(*ret_near, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(*ret_far, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return 0;
}

/* The connector's own: nobody else keeps them, so that their end shows. */
struct connector_ends {
	int to_parent, to_worker;
};

static void connector_ends_done(struct connector_ends *e)
{
	closep(&e->to_parent);
	closep(&e->to_worker);
}

static int make_sockets(struct link_attempt *a, struct connector_ends *theirs)
{
	int r = make_pair(SOCK_SEQPACKET, &a->socket, &a->ends.report);

	if (r == 0)
		r = make_pair(SOCK_SEQPACKET, &a->connected, &theirs->to_parent);
	if (r == 0)
		r = make_pair(SOCK_SEQPACKET, &a->ends.connector, &theirs->to_worker);
	if (r == 0 && a->task == WORKER_RELAY)
		r = make_near(&a->near, &a->ends.far);
	if (r == 0 && log_is_verbose())
		r = make_pair(SOCK_SEQPACKET | SOCK_NONBLOCK, &a->log, &a->ends.log);
	/* Only the children write to it. */
	if (r == 0 && a->log >= 0)
		(void)shutdown(a->log, SHUT_WR);
	return r;
}

static int start_connector(struct link_attempt *a, const struct credentials *c)
{
	_cleanup_(connector_ends_done) struct connector_ends theirs = {-1, -1};
	int r = make_sockets(a, &theirs);
	const struct connector_order order = {.target = a->target,
		.credentials = c,
		.deadline = a->report_by,
		.report = a->ends.report,
		.to_worker = theirs.to_worker,
		.to_parent = theirs.to_parent,
		.log = a->ends.log};

	if (r < 0)
		return r;
	sandbox_compile_connector();
	a->connector = fork();
	if (a->connector == 0)
		connector_run(&order);
	return a->connector < 0 ? -errno : 0;
}

int children_connect(
	struct link_attempt *a, const struct credentials *c, bool await_worker)
{
	const struct connector_try order = {.choice = a->choice,
		.deadline = a->report_by,
		.await_worker = await_worker};
	int r;

	if (a->connector > 0 && fd_send(a->connected, &order, sizeof(order), -1) == 0)
		return 0;
	children_end(a); /* it has exited meanwhile */
	r = start_connector(a, c);
	return r < 0 ? r : fd_send(a->connected, &order, sizeof(order), -1);
}

int children_start_worker(
	struct link_attempt *a, const struct credentials *c, bool connected)
{
	const struct worker_order order = {.task = a->task,
		.target = a->target,
		.credentials = c,
		.entry = a->entry,
		.connected = connected,
		.deadline = a->report_by,
		.report = a->ends.report,
		.near = a->ends.far,
		.connector = a->ends.connector,
		.log = a->ends.log};

	(void)sandbox_compile(worker_use(a->task));
	a->pid = fork();
	if (a->pid == 0)
		worker_exec_run(&order);
	if (a->pid < 0)
		return -errno;
	close_ends(a);
	return 0;
}
