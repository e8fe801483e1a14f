/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/fd.h"
#include "common/file.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/process.h"
#include "common/text.h"
#include "common/wipe.h"
#include "link/isolation.h"
#include "link/link-end.h"
#include "link/report.h"
#include "link/sandbox.h"
#include "link/worker.h"
#include "wire/cmd-disc.h"
#include "wire/relay.h"

/* A worker's descriptors; the link replaces the socket that it came through. */
enum {
	WORKER_LOG = STDERR_FILENO,
	WORKER_SOCKET,
	WORKER_NEAR,
	WORKER_LINK_FD,
	WORKER_FDS
};

static int cannot_set_up(int r, struct error *err)
{
	return error_set(err, FAULT_OTHER, r, "cannot set up the link worker: %m");
}

/* A worker that is taken over must not have the parent's descriptors. */
static int keep_only(const struct worker_order *order, struct error *err)
{
	const int fds[WORKER_FDS] = {
		-1, -1, order->log, order->report, order->near, order->connector};
	int r = process_keep_only(fds, WORKER_FDS);

	if (r < 0)
		return cannot_set_up(r, err);
	if (order->log >= 0)
		log_to_parent(WORKER_LOG);
	return 0;
}

/*
 * Asks for the link and waits for it without a time limit: the connector reports what it
 * could not reach, and the parent has the deadline. Everything else is closed, because a
 * PKCS#11 module may have left something open while we were still root.
 */
static int receive_link(const struct worker_order *order, struct error *err)
{
	struct peer peer;
	int fd = -1;
	ssize_t size;

	if (!order->connected && fd_sendto(WORKER_LINK_FD, "", 1, 0) < 0 &&
		errno != EPIPE)
		return cannot_set_up(-errno, err);
	size = fd_receive(WORKER_LINK_FD, &peer, sizeof(peer), &fd);
	if (size < 0)
		return cannot_set_up((int)size, err);
	/* the connector's own report, if it has sent one, comes before this */
	if (fd < 0)
		return error_set(err, FAULT_OTHER, -ECHILD,
			"the connector exited without a report");
	if (dup2(fd, WORKER_LINK_FD) < 0)
		return cannot_set_up(-errno, err);
	return process_close_range(WORKER_FDS, PROCESS_FD_LAST);
}

static int report(const void *report, size_t size)
{
	return fd_sendto(WORKER_SOCKET, report, size, 0) < 0 ? -errno : 0;
}

static int report_export(const char *name, size_t name_size, const char *description,
	size_t description_size, _unused_ void *userdata)
{
	struct report_export export = {
		.head = {REPORT_MAGIC, REPORT_EXPORT}, .name_size = (uint32_t)name_size};

	memcpy(export.name, name, name_size);
	description_size =
		text_cut(description, description_size, sizeof(export.description) - 1);
	memcpy(export.description, description, description_size);
	export.description[text_repair(export.description, description_size)] = 0;
	return report(&export, REPORT_EXPORT_SIZE(name_size));
}

static int negotiate(const struct worker_order *order, struct negotiation *n,
	const struct tls_credentials *credentials, struct server_facts *ret,
	struct error *err)
{
	int r = -EINVAL;

	switch (order->task) {
	case WORKER_RELAY: r = negotiate_go(n, credentials, ret, err); break;
	case WORKER_LINK:
		r = negotiate_go(n, credentials, ret, err);
		if (r == 0 && n->stream.tls) {
			r = ktls_install(&n->stream, err);
			if (r < 0)
				cmd_disc(&n->stream);
			else
				tls_abandon(&n->stream);
		}
		break;
	case WORKER_INFO: r = negotiate_info(n, credentials, ret, err); break;
	case WORKER_LIST:
		r = negotiate_list(n, credentials, report_export, NULL, ret, err);
		break;
	}
	return r;
}

/*
 * From here on the process belongs to the device, not to the one that started it. Returns
 * its exit code.
 */
static int run_relay(
	struct relay *relay, const struct report_done *done, struct stream *far)
{
	int r;

	sandbox_outlive_parent();
	r = report(done, sizeof(*done));
	close(WORKER_SOCKET);
	close(WORKER_LOG); /* somebody may wait for end of file */
	if (r == 0)
		r = relay_run(relay, WORKER_NEAR, far);
	tls_abandon(far); /* the relay has ended the TLS session itself */
	return link_end_exit_code(r, relay_alert(relay));
}

enum sandbox_use worker_use(enum worker_task task)
{
	switch (task) {
	case WORKER_RELAY: return SANDBOX_RELAY;
	case WORKER_LINK: return SANDBOX_LINK;
	case WORKER_INFO:
	case WORKER_LIST: break;
	}
	return SANDBOX_QUERY;
}

/*
 * Wipes this process's copy of the credentials: GnuTLS has its own. GnuTLS decodes PEM in
 * memory that it does not wipe. So did the parent, whose heap a relay keeps as long as it
 * lives.
 */
static void forget_order(const struct worker_order *order)
{
	if (order->credentials)
		credentials_done((struct credentials *)order->credentials);
	if (order->task == WORKER_RELAY)
		wipe_free_memory();
}

/* Does all that needs privileges, and receives the link; then enters the sandbox. */
static int prepare(const struct worker_order *order, struct relay **ret_relay,
	struct tls_credentials **ret_credentials, struct error *err)
{
	int r = 0;

	if (order->task == WORKER_RELAY) {
		*ret_relay = relay_new();
		r = *ret_relay ? sandbox_prepare_relay(err) : error_memory(err);
	}
	if (r == 0 && order->target->tls != TLS_MODE_OFF)
		r = tls_credentials_new(
			order->target, order->credentials, ret_credentials, err);
	forget_order(order);
	if (r == 0)
		r = sandbox_drop_privileges(err);
	if (r == 0)
		r = receive_link(order, err);
	if (r < 0)
		return r;
	sandbox_limit_memory();
	isolation_restrict_self();
	return sandbox_enter(worker_use(order->task), err);
}

/* Returns the exit code, or -errno. */
static int work(
	const struct worker_order *order, enum entry *ret_retry, struct error *err)
{
	_cleanup_(tls_credentials_freep) struct tls_credentials *credentials = NULL;
	_cleanup_(negotiation_freep) struct negotiation *n = NULL;
	_cleanup_(relay_freep) struct relay *relay = NULL;
	struct report_done done = {.head = {REPORT_MAGIC, REPORT_DONE}};
	int r = prepare(order, &relay, &credentials, err);

	if (r < 0)
		return r;
	n = negotiation_new(order->target, WORKER_LINK_FD, order->deadline, err);
	if (!n)
		return -ENOMEM;
	n->entry = order->entry;
	r = negotiate(order, n, credentials, &done.facts, err);
	*ret_retry = n->retry;
	if (r < 0)
		return r;
	if (order->task == WORKER_RELAY) {
		tls_forget_credentials(&n->stream);
		tls_credentials_free(TAKE_PTR(credentials));
		return run_relay(relay, &done, &n->stream);
	}
	tls_close(&n->stream);
	return report(&done, sizeof(done));
}

_Noreturn void worker_run(const struct worker_order *order)
{
	enum entry retry = ENTRY_ANY;
	struct error err = {0};
	int r;

	interrupt_reset();
	isolation_leave_network();
	if (order->task != WORKER_RELAY) {
		/* only the supervisor itself is protected from the OOM killer */
		(void)file_write_attribute("/proc/self/oom_score_adj", OOM_ORDINARY);
		sandbox_limit_time(order->deadline);
	}
	r = keep_only(order, &err);
	if (r == 0)
		r = work(order, &retry, &err);
	if (r < 0)
		report_failure(WORKER_SOCKET, r, retry, &err);
	_exit(r < 0 ? EXIT_FAILURE : r);
}
