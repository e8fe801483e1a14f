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

/* A worker reports at its deadline; one that does not is killed this much later. */
#define WORKER_GRACE (1500 * USEC_PER_MSEC)

/* After this a person is told what it waits for. */
#define WORKER_PATIENCE (3 * USEC_PER_SEC)

struct worker {
	pid_t pid;
	int socket;
};

void link_done(struct link *link)
{
	closep(&link->fd);
	link->fd = -1;
}

static void worker_end(struct worker *worker)
{
	closep(&worker->socket);
	if (worker->pid <= 0)
		return;
	kill(worker->pid, SIGKILL);
	while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int worker_start(
	const struct worker_order *order, struct worker *ret, struct error *err)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(
			err, FAULT_OTHER, -errno, "cannot start a link worker: %m");
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return error_set(
			err, FAULT_OTHER, -errno, "cannot start a link worker: %m");
	if (pid == 0)
		worker_run(order, theirs);
	*ret = (struct worker){.pid = pid, .socket = TAKE_FD(ours)};
	return 0;
}

/* The worker has closed its end without a word, which a sound one does only by dying. */
static int worker_died(struct worker *worker, struct error *err)
{
	int status = 0;
	int r = process_wait(worker->pid, deadline_after(WORKER_GRACE), &status);

	if (r < 0)
		return error_set(err, FAULT_OTHER, r, "the link worker hangs: %m");
	worker->pid = 0;
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

static int wait_for_report(const struct worker *worker, const struct worker_order *order)
{
	usec_t grace = order->deadline == USEC_INFINITY ? USEC_INFINITY
							: order->deadline + WORKER_GRACE;
	usec_t patience = deadline_after(WORKER_PATIENCE);
	int r = deadline_wait(worker->socket, POLLIN, MIN(patience, grace));

	if (r != -ETIMEDOUT || patience >= grace)
		return r;
	log_progress("waiting for %s …", server_name(order->target));
	return deadline_wait(worker->socket, POLLIN, grace);
}

/* The next report, checked; a socket that came with it goes to *ret_fd, else -1. */
static int next_report(struct worker *worker, const struct worker_order *order,
	union report *report, int *ret_fd, struct error *err)
{
	ssize_t size;
	int r = wait_for_report(worker, order);

	if (r == -ETIMEDOUT)
		return error_set(err, FAULT_UNREACHED, r,
			"%s was not reached in time (--connect-timeout)",
			server_name(order->target));
	if (r < 0)
		return error_set(err, FAULT_OTHER, r, "interrupted while connecting");
	size = fd_receive(worker->socket, report, sizeof(*report), ret_fd);
	if (size < 0)
		return error_set(
			err, FAULT_OTHER, (int)size, "no report of the link worker: %m");
	if (size == 0)
		return worker_died(worker, err);
	return report_check(report, (size_t)size, err);
}

static int conclude(const struct worker_order *order, const union report *report, int fd,
	struct link *ret, struct error *err)
{
	_cleanup_close_ int socket = fd;
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
	return 0;
}

static int run(const struct worker_order *order, link_list_fn fn, void *userdata,
	struct link *ret, struct error *err)
{
	_cleanup_(worker_end) struct worker worker = {.socket = -1};
	_cleanup_free_ union report *report = malloc(sizeof(*report));
	int r;

	if (!report)
		return error_memory(err);
	r = worker_start(order, &worker, err);
	for (unsigned i = 0; r == 0 && i <= REPLIES_MAX; i++) {
		_cleanup_close_ int fd = -1;

		r = next_report(&worker, order, report, &fd, err);
		if (r < 0)
			break;
		if (report->head.kind != REPORT_EXPORT)
			return conclude(order, report, TAKE_FD(fd), ret, err);
		r = fn ? fn(&report->export, userdata) : -EPROTO;
	}
	return r < 0 ? r
		     : error_set(err, FAULT_PROTOCOL, -EPROTO, "the list does not end");
}

static struct worker_order order_of(
	enum worker_task task, const struct target *t, const struct credentials *c)
{
	return (struct worker_order){.task = task,
		.target = t,
		.credentials = c,
		.deadline = deadline_after(t->connect_timeout)};
}

int link_open(const struct target *t, const struct credentials *c, struct link *ret,
	struct error *err)
{
	struct worker_order order = order_of(WORKER_LINK, t, c);

	return run(&order, NULL, NULL, ret, err);
}

int link_info(const struct target *t, const struct credentials *c, struct link *ret,
	struct error *err)
{
	struct worker_order order = order_of(WORKER_INFO, t, c);

	return run(&order, NULL, NULL, ret, err);
}

int link_list(const struct target *t, const struct credentials *c, link_list_fn fn,
	void *userdata, struct link *ret, struct error *err)
{
	struct worker_order order = order_of(WORKER_LIST, t, c);

	return run(&order, fn, userdata, ret, err);
}
