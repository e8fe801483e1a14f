/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "common/fd.h"
#include "common/file.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/process.h"
#include "common/wipe.h"
#include "link/connector.h"
#include "link/report.h"
#include "link/sandbox.h"

/* What a name server may have done to it, or a leak of some NSS module, ends with it. */
#define CONNECTOR_TRIES 100

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

/* In a resolver that was given up a thread may still wait for name servers. */
static bool may_stay(int r, unsigned n)
{
	return r != -ETIMEDOUT && n < CONNECTOR_TRIES;
}

/* The parent sends no other order to one that leaves: it would be lost. */
static void report_and_leave(int r, const struct error *err)
{
	(void)fd_shutdown(CONNECTOR_TO_PARENT, SHUT_RD);
	report_failure(CONNECTOR_REPORT, r, ENTRY_ANY, err);
}

/* 0: it is done, or nobody waits for it any more. */
static int try_once(const struct connector_order *order, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct connector_try try;
	struct peer peer;
	int r;

	if (fd_recvfrom(CONNECTOR_TO_PARENT, &try, sizeof(try), 0) != sizeof(try))
		return 0;
	if (try.await_worker && !worker_is_ready())
		return 0;
	r = connect_server(order->target, &try.choice, try.deadline, &fd, &peer, err);
	if (r < 0)
		return r;
	r = fd_send(CONNECTOR_TO_PARENT, &peer, sizeof(peer), fd);
	/* if the worker has died, the parent reports why */
	if (r == 0)
		(void)fd_send(CONNECTOR_TO_WORKER, &peer, sizeof(peer), fd);
	return r;
}

static int try_often(const struct connector_order *order, struct error *err)
{
	int r = try_once(order, err);

	for (unsigned n = 1; r < 0 && may_stay(r, n); n++) {
		report_failure(CONNECTOR_REPORT, r, ENTRY_ANY, err);
		*err = (struct error){0};
		r = try_once(order, err);
	}
	return r;
}

static int work(const struct connector_order *order)
{
	struct error err = {0};
	int r = keep_only(order, &err);

	if (r == 0)
		r = drop_privileges(order, &err);
	if (r == 0)
		r = try_often(order, &err);
	if (r < 0)
		report_and_leave(r, &err);
	return r;
}

_Noreturn void connector_run(const struct connector_order *order)
{
	if (order->credentials)
		credentials_done((struct credentials *)order->credentials);
	wipe_free_memory();
	interrupt_reset();
	sandbox_limit_time(order->deadline);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* only the supervisor itself is protected from the OOM killer */
	(void)file_write_attribute("/proc/self/oom_score_adj", OOM_ORDINARY);
	_exit(work(order) < 0);
}
