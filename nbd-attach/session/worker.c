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
#include "session/cage.h"
#include "session/report.h"
#include "session/worker.h"
#include "wire/cmd-disc.h"
#include "wire/relay.h"

#define WORKER_SOCKET  3
#define WORKER_NEAR    4
#define WORKER_LINK_FD 5

/* Of what the parent has open nothing may be left in the hands of whoever takes us over.
 */
static int keep_only(int socket, int near, struct error *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* out of the way of the numbers that are given below */
	near = fcntl(near < 0 ? null : near, F_DUPFD_CLOEXEC, WORKER_LINK_FD + 1);
	if (null < 0 || near < 0 || dup2(null, STDIN_FILENO) < 0 ||
		dup2(null, STDOUT_FILENO) < 0 ||
		(!log_is_verbose() && dup2(null, STDERR_FILENO) < 0) ||
		dup2(socket, WORKER_SOCKET) < 0 || dup2(near, WORKER_NEAR) < 0 ||
		process_close_range(WORKER_NEAR + 1, PROCESS_FD_LAST) < 0)
		return error_set(
			err, FAULT_OTHER, -errno, "cannot set up the link worker: %m");
	return 0;
}

/* What the name service or a trust module may have left open while we were still root. */
static int keep_only_link(int *fd, struct error *err)
{
	if (*fd != WORKER_LINK_FD && dup2(*fd, WORKER_LINK_FD) < 0)
		return error_set(
			err, FAULT_OTHER, -errno, "cannot set up the link worker: %m");
	*fd = WORKER_LINK_FD;
	return process_close_range(WORKER_LINK_FD + 1, PROCESS_FD_LAST);
}

static int report_export(const char *name, size_t name_size, const char *description,
	size_t description_size, _unused_ void *userdata)
{
	struct report_export report = {.head = {REPORT_MAGIC, REPORT_EXPORT}};

	memcpy(report.name, name, name_size);
	description_size =
		text_cut(description, description_size, sizeof(report.description) - 1);
	memcpy(report.description, description, description_size);
	return fd_send(WORKER_SOCKET, &report, sizeof(report), -1);
}

static void report_failed(int r, const struct error *err)
{
	struct report_failed report = {.head = {REPORT_MAGIC, REPORT_FAILED}, .r = r};

	if (err->fault == FAULT_NONE)
		error_set(&report.error, FAULT_OTHER, r, "the link worker failed: %m");
	else
		report.error = *err;
	(void)fd_send(WORKER_SOCKET, &report, sizeof(report), -1);
}

static int converse(const struct worker_order *order, struct negotiation *n,
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

/* The way to a unix socket may be open to root only; everything else needs no rights. */
static int reach(
	const struct worker_order *order, int *ret_fd, char *address, struct error *err)
{
	bool as_root = order->target->transport == TRANSPORT_UNIX;
	int r = as_root ? 0 : cage_drop_privileges(err);

	if (r == 0)
		r = connect_server(order->target, order->deadline, ret_fd, address, err);
	if (r == 0 && as_root)
		r = cage_drop_privileges(err);
	return r;
}

/* From here on it belongs to the device, not to the process that started it. */
static int be_relay(
	struct relay *relay, const struct report_done *report, struct stream *far)
{
	int r;

	cage_outlive_parent();
	r = fd_send(WORKER_SOCKET, report, sizeof(*report), -1);
	close(WORKER_SOCKET);
	close(STDERR_FILENO); /* somebody may wait for its end */
	if (r == 0)
		(void)relay_run(relay, WORKER_NEAR, far);
	tls_abandon(far); /* the relay has said what there was to say */
	return 0;
}

static int work(const struct worker_order *order, struct error *err)
{
	_cleanup_(tls_credentials_freep) struct tls_credentials *credentials = NULL;
	_cleanup_(negotiation_freep) struct negotiation *n = NULL;
	_cleanup_(relay_freep) struct relay *relay = NULL;
	struct report_done report = {.head = {REPORT_MAGIC, REPORT_DONE}};
	int r = 0, fd = -1;

	if (order->task == WORKER_RELAY) {
		relay = relay_new();
		r = relay ? cage_prepare_relay(err) : error_memory(err);
	}
	if (r == 0 && order->target->tls != TLS_MODE_OFF)
		r = tls_credentials_new(
			order->target, order->credentials, &credentials, err);
	if (r == 0)
		r = reach(order, &fd, report.address, err);
	if (r == 0)
		r = keep_only_link(&fd, err);
	if (r < 0)
		return r;
	cage_limit_memory();
	r = cage_close(err);
	if (r < 0)
		return r;

	n = negotiation_new(order->target, fd, order->deadline, err);
	if (!n)
		return -ENOMEM;
	r = converse(order, n, credentials, &report.facts, err);
	if (r < 0)
		return r;
	if (order->task == WORKER_RELAY)
		return be_relay(relay, &report, &n->stream);
	tls_close(&n->stream);
	return fd_send(WORKER_SOCKET, &report, sizeof(report),
		order->task == WORKER_LINK ? fd : -1);
}

_Noreturn void worker_run(const struct worker_order *order, int socket)
{
	struct error err = {0};
	int r;

	interrupt_reset();
	if (order->task != WORKER_RELAY) /* a supervisor's protection is its own */
		(void)file_write_attribute("/proc/self/oom_score_adj", OOM_ORDINARY);
	r = keep_only(socket, order->near, &err);
	if (r == 0)
		r = work(order, &err);
	if (r < 0)
		report_failed(r, &err);
	_exit(r < 0);
}
