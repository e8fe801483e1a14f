/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The link worker: a child that lives for one connection attempt or, as a relay, as long
 * as the connection. It is executed where possible (worker-exec.h). All bytes of a server
 * are parsed in it, without privileges, and nowhere else.
 */
#pragma once

#include "common/deadline.h"
#include "link/sandbox.h"
#include "target/target.h"
#include "wire/credentials.h"
#include "wire/option.h"

enum worker_task {
	WORKER_LINK,  /* enter the transmission phase, with keys in the kernel if TLS */
	WORKER_RELAY, /* the same, but stay, and move the bytes to and from `near` */
	WORKER_INFO,  /* ask about the export */
	WORKER_LIST,  /* list the exports: a report for each */
};

struct worker_order {
	enum worker_task task;
	const struct target *target;
	const struct credentials *credentials;
	enum entry entry;
	bool connected; /* the connector does not wait for this worker */
	usec_t deadline;
	/* sockets */
	int report;    /* see report.h */
	int near;      /* WORKER_RELAY: the kernel has the other end; else -1 */
	int connector; /* sends the link: see connector.h */
	int log;       /* for log_to_parent(), or -1 */
};

/* The sandbox in which it does the task. */
enum sandbox_use worker_use(enum worker_task task);

/*
 * Does the task, reports and exits. The link and the sockets of the order are the only
 * descriptors it keeps. The exit code of a relay tells how the link has ended: see
 * link-end.h.
 */
_Noreturn void worker_run(const struct worker_order *order);
