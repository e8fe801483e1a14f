/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connector: a forked child that resolves the server's name, connects, and hands the
 * socket to the link worker and to their parent. The answers of name servers are read in
 * it, without keys and without privileges, and no byte of the server is. So nothing that
 * a server says can have a say in where the link goes.
 */
#pragma once

#include "common/deadline.h"
#include "target/target.h"
#include "wire/connect.h"
#include "wire/credentials.h"

struct connector_order {
	const struct target *target;
	const struct credentials *credentials; /* wiped in the child */
	usec_t deadline;
	/* sockets */
	int report;    /* for report_failure() */
	int to_worker; /* a byte from there, to begin; then each gets a struct peer, and …
	                */
	int to_parent; /* … the link beside it, this one first */
	int log;       /* for log_to_parent(), or -1 */
};

/* Does it, and exits. Those sockets are the only descriptors it keeps. */
_Noreturn void connector_run(const struct connector_order *order);
