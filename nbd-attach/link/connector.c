/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <sys/prctl.h>

#include "common/fd.h"
#include "common/file.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/process.h"
#include "common/wipe.h"
#include "link/connector.h"
#include "link/report.h"
#include "link/sandbox.h"

enum {
	CONNECTOR_LOG = STDERR_FILENO,
	CONNECTOR_REPORT,
	CONNECTOR_TO_WORKER,
	CONNECTOR_TO_PARENT,
	CONNECTOR_FDS
};

static int keep_only(const struct connector_order *order, struct error *err)
{
	const int fds[CONNECTOR_FDS] = {
		-1, -1, order->log, order->report, order->to_worker, order->to_parent};
	int r = process_keep_only(fds, CONNECTOR_FDS);

	if (r < 0)
		return error_set(err, FAULT_OTHER, r, "cannot set up the connector: %m");
	if (order->log >= 0)
		log_to_parent(CONNECTOR_LOG);
	return 0;
}

/*
 * Nothing is sent to the server before the worker has read its credentials, since that
 * may fail. False: the worker has exited, and the parent knows why.
 */
static bool worker_is_ready(void)
{
	char byte;

	return fd_recvfrom(CONNECTOR_TO_WORKER, &byte, sizeof(byte), 0) > 0;
}

/*
 * A unix socket may be accessible to root only, and needs no name service. Everything
 * else needs no privileges.
 */
static int drop_privileges(const struct connector_order *order, struct error *err)
{
	int r;

	if (order->target->transport == TRANSPORT_UNIX)
		return 0;
	r = sandbox_drop_privileges(err);
	return r == 0 ? sandbox_restrict_connector(err) : r;
}

static int work(const struct connector_order *order, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct peer peer;
	int r = keep_only(order, err);

	if (r == 0)
		r = drop_privileges(order, err);
	if (r == 0 && !worker_is_ready())
		return 0;
	if (r == 0)
		r = connect_server(
			order->target, order->choice, order->deadline, &fd, &peer, err);
	if (r < 0)
		return r;
	r = fd_send(CONNECTOR_TO_PARENT, &peer, sizeof(peer), fd);
	/* if the worker has died, the parent reports why */
	if (r == 0)
		(void)fd_send(CONNECTOR_TO_WORKER, &peer, sizeof(peer), fd);
	return r;
}

_Noreturn void connector_run(const struct connector_order *order)
{
	struct error err = {0};
	int r;

	if (order->credentials)
		credentials_done((struct credentials *)order->credentials);
	wipe_free_memory();
	interrupt_reset();
	sandbox_limit_time(order->deadline);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* only the supervisor itself is protected from the OOM killer */
	(void)file_write_attribute("/proc/self/oom_score_adj", OOM_ORDINARY);
	r = work(order, &err);
	if (r < 0)
		report_failure(CONNECTOR_REPORT, r, ENTRY_ANY, &err);
	_exit(r < 0);
}
