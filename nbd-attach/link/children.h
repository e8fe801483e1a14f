/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The children of an attempt, and the sockets between them and us. */
#pragma once

#include <sys/types.h>

#include "link/report.h"
#include "link/worker.h"

/* See link_attempt_start() in link.h. What it is for is set before the calls below. */
struct link_attempt {
	enum worker_task task;
	enum entry entry, retry; /* retry: what to begin with after a failure */
	const struct target *target;
	struct address_choice choice;
	bool under_way;
	pid_t pid;       /* of the worker; 0: not started */
	pid_t connector; /* its pid */
	int socket;      /* receives reports */
	int connected;   /* receives the link, before the worker does */
	int log;         /* messages of both with --verbose; or -1 */
	unsigned n_lines;
	int near; /* of a relay: the kernel's end */
	/* the worker's ends of these; -1 once it is started */
	struct {
		int report, far, connector, log;
	} ends;
	int not_started; /* why the worker could not be: -errno */
	bool connector_stays;
	usec_t report_by, deadline; /* the children's, and ours */
};
#define LINK_ATTEMPT_NONE                    \
	((struct link_attempt){.socket = -1, \
		.connected = -1,             \
		.log = -1,                   \
		.near = -1,                  \
		.ends = {-1, -1, -1, -1}})

/*
 * Has a connector connect: a new one, or the one that the last attempt has left. With
 * await_worker it begins when the worker is ready, which is to be started at once.
 * -errno.
 */
int children_connect(
	struct link_attempt *attempt, const struct credentials *c, bool await_worker);

/* Starts the worker; connected: the connector has not waited for it. -errno. */
int children_start_worker(
	struct link_attempt *attempt, const struct credentials *c, bool connected);

/* Closes all sockets and kills what still runs. */
void children_end(struct link_attempt *attempt);
