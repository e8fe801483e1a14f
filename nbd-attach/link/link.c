/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/process.h"
#include "common/timeouts.h"
#include "link/children.h"
#include "link/isolation.h"
#include "link/link-internal.h"
#include "link/sandbox.h"
#include "link/worker-exec.h"
#include "wire/cmd-disc.h"
#include "wire/greeting.h"

/* Lines of a worker's log with --verbose; an honest worker needs a dozen. */
#define LOG_LINES_MAX 200

void link_done(struct link *link)
{
	closep(&link->fd);
	link->fd = -1;
	if (link->relay > 0)
		process_abandon(link->relay);
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
	children_end(attempt);
	*attempt = LINK_ATTEMPT_NONE;
}

/* Forgets what the last attempt was for, but not its children. */
static void note_wish(struct link_attempt *attempt, const struct link_wish *w)
{
	const struct target *t = w->target;
	usec_t deadline = deadline_after(t->connect_timeout);

	attempt->task = w->task;
	attempt->entry = t->no_go ? ENTRY_NAME : w->entry;
	attempt->retry = ENTRY_ANY;
	attempt->target = t;
	attempt->choice = w->choice;
	attempt->report_by = deadline;
	attempt->deadline =
		deadline == USEC_INFINITY ? deadline : deadline + WORKER_KILL_DELAY;
	attempt->n_lines = 0;
	attempt->not_started = 0;
	attempt->connector_stays = false;
	attempt->under_way = true;
}

void link_prepare(void)
{
	sandbox_find_user();
	isolation_prepare();
}

static int cannot_start(int r, struct error *err)
{
	return error_set(err, FAULT_OTHER, r, "cannot start a link worker: %m");
}

/*
 * Whether the server may have caused a worker's crash. That may have been an attack, and
 * forked workers are all alike in what an attacker has to guess, so such a server must
 * not get ten of them in a second. SIGKILL means out of memory, and SIGBUS that the disk
 * with the program is away.
 */
static bool is_caused_by_server(int signal_number)
{
	return signal_number != SIGKILL && signal_number != SIGBUS;
}

/* The worker has closed its end without a report, so it has died or was taken over. */
static int worker_died(struct link_attempt *attempt, struct error *err)
{
	int status = 0;
	int r = process_wait(attempt->pid, deadline_after(WORKER_KILL_DELAY), &status);

	if (r < 0)
		return error_set(err, FAULT_OTHER, r, "the link worker hangs: %m");
	attempt->pid = 0;
	if (WIFSIGNALED(status))
		return error_set(err,
			is_caused_by_server(WTERMSIG(status)) ? FAULT_PROTOCOL
							      : FAULT_OTHER,
			-ECHILD, "the link worker died of signal %d (%s)",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) == WORKER_EXEC_FAILED) {
		/* A worker that was taken over can exit so, too, but gains nothing. */
		worker_exec_disable();
		return error_set(err, FAULT_OTHER, -ECHILD,
			"the link worker could not be executed (libraries may have been "
			"replaced): it is forked from now on");
	}
	return error_set(
		err, FAULT_PROTOCOL, -ECHILD, "the link worker exited without a report");
}

static const char *server_name(const struct target *t)
{
	return t->host ? t->host : "the server";
}

/* Passes on what is there, within limits: a child that was taken over may flood it. */
static void forward_log(struct link_attempt *attempt)
{
	char line[1024];
	ssize_t size = 0;

	while (attempt->n_lines < LOG_LINES_MAX &&
		(size = fd_recvfrom(attempt->log, line, sizeof(line) - 1, MSG_DONTWAIT)) >
			0) {
		line[size] = 0;
		attempt->n_lines++;
		log_debug("link worker: %s", line);
	}
	if (size == 0 || attempt->n_lines == LOG_LINES_MAX) {
		close(attempt->log);
		attempt->log = -1;
	}
}

static int wait_until(struct link_attempt *attempt, usec_t deadline)
{
	for (;;) {
		struct pollfd fds[] = {
			{attempt->socket, POLLIN, 0}, {attempt->log, POLLIN, 0}};
		int r = deadline_poll(fds, ELEMENTSOF(fds), deadline);

		if (r < 0)
			return r;
		if (fds[1].revents)
			forward_log(attempt);
		if (fds[0].revents)
			return 0;
	}
}

/* An NBD server speaks first. What came over a unix socket is not known. */
static bool is_silent(const struct link_attempt *attempt, struct peer *peer)
{
	_cleanup_close_ int fd = -1;
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	struct error ignored;

	return fd_peek(attempt->connected, peer, sizeof(*peer), &fd) == sizeof(*peer) &&
		report_check_socket(
			fd, peer, attempt->target, &attempt->choice, &ignored) == 0 &&
		getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
		info.tcpi_bytes_received == 0;
}

static void tell_wait(const struct link_attempt *attempt)
{
	char address[ADDRESS_TEXT_SIZE];
	struct peer peer;

	if (!is_silent(attempt, &peer)) {
		log_progress("waiting for %s …", server_name(attempt->target));
		return;
	}
	peer_text(&peer, attempt->target, address);
	log_progress(
		"waiting for %s, which has accepted the connection, but sent nothing: " GREETING_SILENCE
		" …",
		address);
}

/* Without a worker the connector has reported, or it has died, or it is too late. */
static int wait_for_report(struct link_attempt *attempt)
{
	usec_t patience = deadline_after(WORKER_PROGRESS_DELAY);
	int r;

	if (attempt->pid == 0) {
		r = wait_until(attempt, 0);
		return r == -ETIMEDOUT && deadline_left(attempt->deadline) > 0 ? -ECHILD
									       : r;
	}
	r = wait_until(attempt, MIN(patience, attempt->deadline));

	if (r != -ETIMEDOUT || patience >= attempt->deadline)
		return r;
	tell_wait(attempt);
	return wait_until(attempt, attempt->deadline);
}

/* The next report, checked. */
static int next_report(
	struct link_attempt *attempt, union report *report, struct error *err)
{
	_cleanup_close_ int unexpected = -1;
	ssize_t size;
	int r = wait_for_report(attempt);

	if (attempt->not_started < 0)
		return cannot_start(attempt->not_started, err);
	if (r == -ETIMEDOUT)
		return error_set(err, FAULT_UNREACHED, r,
			"%s was not reached in time (--connect-timeout)",
			server_name(attempt->target));
	if (r == -ECHILD)
		return error_set(
			err, FAULT_OTHER, r, "the connector exited without a report");
	if (r < 0)
		return error_set(err, FAULT_OTHER, r, "interrupted while connecting");
	size = fd_receive(attempt->socket, report, sizeof(*report), &unexpected);
	if (size < 0)
		return error_set(err, FAULT_OTHER, (int)size,
			"cannot receive the link worker's report: %m");
	if (size == 0)
		return worker_died(attempt, err);
	return report_check(report, (size_t)size, err);
}

/* The connector's message, which was sent before the worker could begin. */
static int take_connection(
	struct link_attempt *attempt, struct peer *peer, int *ret_fd, struct error *err)
{
	ssize_t size = -ENOTCONN;

	if (deadline_wait(attempt->connected, POLLIN, 0) >= 0)
		size = fd_receive(attempt->connected, peer, sizeof(*peer), ret_fd);
	return size == sizeof(*peer)
		? 0
		: error_set(err, FAULT_OTHER, -ENOTCONN,
			  "the connector did not hand over the link");
}

static int check_facts(const struct link_attempt *attempt,
	const struct server_facts *facts, struct error *err)
{
	if (attempt->target->tls == TLS_MODE_REQUIRE && !facts->tls)
		return error_set(err, FAULT_TLS, -EPROTO,
			"the link worker made a link without TLS");
	if (attempt->task != WORKER_LIST && facts->export.minimum == 0)
		return error_set(err, FAULT_PROTOCOL, -EPROTO,
			"the link worker gave a bad report: no export");
	if (attempt->target->tls == TLS_MODE_PREFER && !facts->tls)
		log_warning(
			"the server offers no TLS: continuing in plaintext (--tls prefer)");
	return 0;
}

static int conclude(struct link_attempt *attempt, const union report *report,
	struct link *ret, struct error *err)
{
	_cleanup_close_ int fd = -1;
	const struct target *t = attempt->target;
	const struct server_facts *facts = &report->done.facts;
	struct peer peer;
	int r;

	if (report->head.kind == REPORT_FAILED) {
		*err = report->failed.error;
		attempt->retry = (enum entry)report->failed.retry;
		attempt->connector_stays = attempt->pid == 0;
		return report->failed.r;
	}
	if (attempt->pid == 0)
		return error_set(err, FAULT_PROTOCOL, -EPROTO,
			"the connector gave a report that only a link worker may give");
	r = take_connection(attempt, &peer, &fd, err);
	if (r == 0)
		r = report_check_socket(fd, &peer, t, &attempt->choice, err);
	if (r == 0)
		peer_text(&peer, t, ret->address);
	if (r == 0 && attempt->task == WORKER_LINK)
		r = report_check_link(fd, &peer, facts->tls, err);
	if (r == 0)
		r = check_facts(attempt, facts, err);
	if (r < 0)
		return r;
	ret->facts = *facts;
	/* it cannot be verified if that was not asked for */
	ret->facts.tls_verified &= t->tls_verify_peer || t->tls_auth == TLS_AUTH_PSK;
	ret->fd = attempt->task == WORKER_LINK ? TAKE_FD(fd) : -1;
	ret->by_name = attempt->entry == ENTRY_NAME;
	ret->relay = attempt->task == WORKER_RELAY ? attempt->pid : 0;
	if (attempt->task == WORKER_RELAY) {
		ret->fd = TAKE_FD(attempt->near);
		attempt->pid = 0;
	}
	return 0;
}

static void note_address(struct link_attempt *attempt, struct link *ret)
{
	_cleanup_close_ int fd = -1;
	struct error ignored;
	struct peer peer;

	if (take_connection(attempt, &peer, &fd, &ignored) == 0 &&
		report_check_socket(
			fd, &peer, attempt->target, &attempt->choice, &ignored) == 0)
		peer_text(&peer, attempt->target, ret->address);
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
		r = next_report(attempt, report, err);
		if (r < 0)
			return r;
		if (report->head.kind != REPORT_EXPORT)
			return conclude(attempt, report, ret, err);
		r = fn ? fn(&report->export, userdata)
		       : error_set(err, FAULT_PROTOCOL, -EPROTO,
				 "the link worker sent an unexpected list of exports");
		if (r < 0)
			return r;
	}
	return error_set(
		err, FAULT_PROTOCOL, -EPROTO, "the server's list of exports is too long");
}

/* Whatever comes of it, the attempt is over. */
static int finish(struct link_attempt *attempt, link_list_fn fn, void *userdata,
	enum entry *ret_retry, struct link *ret, struct error *err)
{
	int r;

	ret->address[0] = 0;
	r = take_reports(attempt, fn, userdata, ret, err);
	if (r < 0 && !ret->address[0])
		note_address(attempt, ret);
	*ret_retry = attempt->retry;
	attempt->under_way = false;
	if (!attempt->connector_stays)
		link_attempt_cancel(attempt);
	return r;
}

int link_attempt_finish(struct link_attempt *attempt, struct link *ret, struct error *err)
{
	enum entry ignored;

	return finish(attempt, NULL, NULL, &ignored, ret, err);
}

int link_try(const struct link_wish *w, link_list_fn fn, void *userdata,
	enum entry *ret_retry, struct link *ret, struct error *err)
{
	struct link_attempt attempt = LINK_ATTEMPT_NONE;
	int r;

	ret->address[0] = 0;
	link_prepare();
	note_wish(&attempt, w);
	/* credentials that cannot be used are to be reported before anything is sent */
	r = children_connect(&attempt, w->credentials, true);
	if (r == 0)
		r = children_start_worker(&attempt, w->credentials, false);
	if (r == 0)
		return finish(&attempt, fn, userdata, ret_retry, ret, err);
	link_attempt_cancel(&attempt);
	return cannot_start(r, err);
}

int link_attempt_start(const struct target *t, const struct credentials *c,
	const struct address_choice *choice, unsigned how, struct link_attempt *attempt,
	struct error *err)
{
	const struct link_wish w = link_wish(t, c, choice, how);
	int r;

	link_prepare();
	if (attempt->task != w.task) /* it lacks a relay's sockets, or has too many */
		link_attempt_cancel(attempt);
	note_wish(attempt, &w);
	r = children_connect(attempt, c, false);
	if (r == 0)
		return 0;
	link_attempt_cancel(attempt);
	return cannot_start(r, err);
}

static bool has_connected(const struct link_attempt *attempt)
{
	_cleanup_close_ int fd = -1;
	struct peer peer;

	return fd_peek(attempt->connected, &peer, sizeof(peer), &fd) > 0;
}

bool link_attempt_proceed(struct link_attempt *attempt, const struct credentials *c)
{
	if (attempt->pid > 0 || !has_connected(attempt))
		return false;
	attempt->not_started = children_start_worker(attempt, c, true);
	return attempt->not_started == 0;
}
