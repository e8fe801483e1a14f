/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connector: a forked child that resolves the server's name, connects, and passes the
 * socket to the link worker and to their parent. It parses the answers of name servers,
 * without keys and without privileges, but reads no byte of the server. So no server can
 * influence where the link goes.
 *
 * One that could not connect stays for the next attempt, which then costs no new process
 * and no other sandbox: a server may be away for days.
 */
#pragma once

#include "common/deadline.h"
#include "target/target.h"
#include "wire/connect.h"
#include "wire/credentials.h"

struct connector_order {
	const struct target *target;
	const struct credentials *credentials; /* wiped in the child */
	usec_t deadline;                       /* of the first attempt */
	/* sockets */
	int report;    /* for report_failure() */
	int to_worker; /* the worker sends a byte when it is ready */
	int to_parent; /* gets a struct peer and the link, before the worker does */
	int log;       /* for log_to_parent(), or -1 */
};

/* The parent's message for each attempt. */
struct connector_try {
	struct address_choice choice;
	usec_t deadline;
	bool await_worker; /* connects once the worker is ready */
};

/*
 * Connects as often as it is told to, until that succeeds, or takes too long. The sockets
 * of the order are the only descriptors it keeps. It exits when the parent closes its
 * end.
 */
_Noreturn void connector_run(const struct connector_order *order);
