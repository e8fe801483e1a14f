/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/process.h"
#include "session/link.h"
#include "wire/cmd-disc.h"

/* A worker reports at its deadline; one that does not is killed this much later. */
#define WORKER_GRACE (1500 * USEC_PER_MSEC)

/* After this a person is told what it waits for. */
#define WORKER_PATIENCE (3 * USEC_PER_SEC)

#define NEAR_BUFFER (1024 * 1024)

void link_done(struct link *link)
{
	closep(&link->fd);
	link->fd = -1;
	if (link->relay > 0)
		process_leave(link->relay);
	link->relay = 0;
}

void link_disconnect(struct link *link)
{
	struct stream plain; /* kernel TLS, if any, is below it */

	if (link->fd < 0)
		return;
	stream_init(&plain, link->fd, 0);
	cmd_disc(&plain);
	link_done(link);
}

void link_attempt_cancel(struct link_attempt *attempt)
{
	closep(&attempt->socket);
	closep(&attempt->near);
	if (attempt->pid > 0)
		process_kill(attempt->pid);
	*attempt = LINK_ATTEMPT_NONE;
}

/* What the kernel sends at once should fit: two processes take turns here. */
static int make_near(int *ret_near, int *ret_far)
{
	const int size = NEAR_BUFFER;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	for (size_t i = 0; i < ELEMENTSOF(pair); i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	*ret_near = pair[0];
	*ret_far = pair[1];
	return 0;
}

static int start(enum worker_task task, const struct target *t,
	const struct credentials *c, struct link_attempt *ret, struct error *err)
{
	usec_t deadline = deadline_after(t->connect_timeout);
	struct link_attempt attempt = {.order = {.task = task,
					       .target = t,
					       .credentials = c,
					       .deadline = deadline,
					       .near = -1}};
	_cleanup_close_ int ours = -1, theirs = -1, near = -1, far = -1;
	int pair[2];

	if (task == WORKER_RELAY && make_near(&near, &far) < 0)
		return error_set(
			err, FAULT_OTHER, -errno, "cannot start a link worker: %m");
	attempt.order.near = far;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(
			err, FAULT_OTHER, -errno, "cannot start a link worker: %m");
	ours = pair[0];
	theirs = pair[1];
	attempt.pid = fork();
	if (attempt.pid < 0)
		return error_set(
			err, FAULT_OTHER, -errno, "cannot start a link worker: %m");
	if (attempt.pid == 0)
		worker_run(&attempt.order, theirs);
	attempt.order.credentials = NULL;
	attempt.socket = TAKE_FD(ours);
	attempt.near = TAKE_FD(near);
	attempt.deadline = deadline == USEC_INFINITY ? deadline : deadline + WORKER_GRACE;
	*ret = attempt;
	return 0;
}

/* The worker has closed its end without a word, which a sound one does only by dying. */
static int worker_died(struct link_attempt *attempt, struct error *err)
{
	int status = 0;
	int r = process_wait(attempt->pid, deadline_after(WORKER_GRACE), &status);

	if (r < 0)
		return error_set(err, FAULT_OTHER, r, "the link worker hangs: %m");
	attempt->pid = 0;
	if (WIFSIGNALED(status))
		return error_set(err, FAULT_OTHER, -ECHILD,
			"the link worker died of signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	return error_set(
		err, FAULT_OTHER, -ECHILD, "the link worker left without a report");
}

static const char *server_name(const struct target *t)
{
	return t->host ? t->host : "the server";
}

static int wait_for_report(const struct link_attempt *attempt)
{
	usec_t patience = deadline_after(WORKER_PATIENCE);
	int r = deadline_wait(attempt->socket, POLLIN, MIN(patience, attempt->deadline));

	if (r != -ETIMEDOUT || patience >= attempt->deadline)
		return r;
	log_progress("waiting for %s …", server_name(attempt->order.target));
	return deadline_wait(attempt->socket, POLLIN, attempt->deadline);
}

/* The next report, checked; a socket that came with it goes to *ret_fd, else -1. */
static int next_report(struct link_attempt *attempt, union report *report, int *ret_fd,
	struct error *err)
{
	ssize_t size;
	int r = wait_for_report(attempt);

	if (r == -ETIMEDOUT)
		return error_set(err, FAULT_UNREACHED, r,
			"%s was not reached in time (--connect-timeout)",
			server_name(attempt->order.target));
	if (r < 0)
		return error_set(err, FAULT_OTHER, r, "interrupted while connecting");
	size = fd_receive(attempt->socket, report, sizeof(*report), ret_fd);
	if (size < 0)
		return error_set(
			err, FAULT_OTHER, (int)size, "no report of the link worker: %m");
	if (size == 0)
		return worker_died(attempt, err);
	return report_check(report, (size_t)size, err);
}

static int conclude(struct link_attempt *attempt, const union report *report, int fd,
	struct link *ret, struct error *err)
{
	_cleanup_close_ int socket = fd;
	const struct worker_order *order = &attempt->order;
	const struct server_facts *facts = &report->done.facts;

	if (report->head.kind == REPORT_FAILED) {
		*err = report->failed.error;
		return report->failed.r;
	}
	if (order->target->tls == TLS_MODE_REQUIRE && !facts->tls)
		return error_set(err, FAULT_TLS, -EPROTO, "the link is without TLS");
	if (order->task != WORKER_LIST && facts->export.minimum == 0)
		return error_set(err, FAULT_PROTOCOL, -EPROTO,
			"the link worker gave a bad report: no export");
	if (order->task == WORKER_LINK) {
		int r = report_check_socket(socket, order->target, facts->tls, err);

		if (r < 0)
			return r;
	}
	if (order->target->tls == TLS_MODE_PREFER && !facts->tls)
		log_warning(
			"the server offers no TLS: going on in plaintext (--tls prefer)");
	ret->facts = *facts;
	/* what nobody asked to be checked cannot have been */
	ret->facts.tls_verified &=
		order->target->tls_verify_peer || order->target->tls_auth == TLS_AUTH_PSK;
	memcpy(ret->address, report->done.address, sizeof(ret->address));
	ret->fd = order->task == WORKER_LINK ? TAKE_FD(socket) : -1;
	ret->relay = 0;
	if (order->task == WORKER_RELAY) {
		ret->fd = TAKE_FD(attempt->near);
		ret->relay = attempt->pid;
		attempt->pid = 0;
	}
	return 0;
}

/* Reads reports until the one that ends the attempt. */
static int take_reports(struct link_attempt *attempt, link_list_fn fn, void *userdata,
	struct link *ret, struct error *err)
{
	_cleanup_free_ union report *report = calloc(1, sizeof(*report));
	int r;

	if (!report)
		return error_memory(err);
	for (unsigned i = 0; i <= REPLIES_MAX; i++) {
		_cleanup_close_ int fd = -1;

		r = next_report(attempt, report, &fd, err);
		if (r < 0)
			return r;
		if (report->head.kind != REPORT_EXPORT)
			return conclude(attempt, report, TAKE_FD(fd), ret, err);
		r = fn ? fn(&report->export, userdata)
		       : error_set(err, FAULT_PROTOCOL, -EPROTO,
				 "the link worker gave a list that nobody asked for");
		if (r < 0)
			return r;
	}
	return error_set(err, FAULT_PROTOCOL, -EPROTO, "the list does not end");
}

static int run(enum worker_task task, const struct target *t, const struct credentials *c,
	link_list_fn fn, void *userdata, struct link *ret, struct error *err)
{
	struct link_attempt attempt = LINK_ATTEMPT_NONE;
	int r = start(task, t, c, &attempt, err);

	if (r == 0)
		r = take_reports(&attempt, fn, userdata, ret, err);
	link_attempt_cancel(&attempt);
	return r;
}

int link_attempt_start(const struct target *t, const struct credentials *c, bool relay,
	struct link_attempt *ret, struct error *err)
{
	return start(relay ? WORKER_RELAY : WORKER_LINK, t, c, ret, err);
}

int link_attempt_finish(struct link_attempt *attempt, struct link *ret, struct error *err)
{
	int r = take_reports(attempt, NULL, NULL, ret, err);

	link_attempt_cancel(attempt);
	return r;
}

int link_open(const struct target *t, const struct credentials *c, bool relay,
	struct link *ret, struct error *err)
{
	return run(relay ? WORKER_RELAY : WORKER_LINK, t, c, NULL, NULL, ret, err);
}

int link_info(const struct target *t, const struct credentials *c, struct link *ret,
	struct error *err)
{
	return run(WORKER_INFO, t, c, NULL, NULL, ret, err);
}

int link_list(const struct target *t, const struct credentials *c, link_list_fn fn,
	void *userdata, struct link *ret, struct error *err)
{
	return run(WORKER_LIST, t, c, fn, userdata, ret, err);
}
