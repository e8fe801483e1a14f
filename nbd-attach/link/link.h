/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One connection to a server, from the side that stays privileged: starts a connector,
 * whose socket it takes, and a link worker, waits for its report, believes it only after
 * checking. The page to read first.
 */
#pragma once

#include "link/report.h"
#include "link/worker.h"

struct link {
	int fd; /* owned; in the transmission phase, plain or kernel TLS, or a relay's */
	pid_t relay; /* the process that moves the bytes; 0: none does */
	struct server_facts facts;
	char address[ADDRESS_TEXT_SIZE];
};

void link_done(struct link *link);

/*
 * What link workers need of this process, once: whom they become, and a network that is
 * empty. Reads files and may ask a name service; done at the first attempt, if it was not
 * before, as it is where that may come when there is no disk to read from.
 */
void link_prepare(void);

/* Ends a link that the kernel has not got, if it is one: NBD_CMD_DISC. */
void link_disconnect(struct link *link);

/*
 * With `relay` the worker stays and carries the data between the server and fd: for links
 * that the kernel cannot have. It ends when either side does.
 *
 * Connects and negotiates within the target's connect_timeout: a socket to hand to the
 * kernel. For TLS over TCP the kernel's modules must be loaded. All failures of wire/,
 * with their faults; -ETIMEDOUT also when the worker does not report in time.
 */
int link_open(const struct target *t, const struct credentials *c, bool relay,
	struct link *ret, struct error *err);

/*
 * The same for a caller that waits for several things: an attempt is under way until its
 * fd is readable or its deadline has passed; then link_attempt_finish(), which does not
 * wait any more, gives what link_open() would. The credentials are not needed after the
 * start, the target is.
 */
struct link_attempt {
	enum worker_task task;
	const struct target *target;
	pid_t pid;       /* of the worker; 0: no attempt */
	pid_t connector; /* its pid */
	int socket;
	int connected; /* the link comes from here, before the worker has it */
	int log;       /* what the two have to say with --verbose; or -1 */
	unsigned n_lines;
	int near; /* of a relay: the end for the kernel */
	usec_t deadline;
};
#define LINK_ATTEMPT_NONE \
	((struct link_attempt){.socket = -1, .connected = -1, .log = -1, .near = -1})

int link_attempt_start(const struct target *t, const struct credentials *c, bool relay,
	struct link_attempt *ret, struct error *err);
int link_attempt_finish(
	struct link_attempt *attempt, struct link *ret, struct error *err);

/* Ends an attempt, if there is one: the worker is killed. */
void link_attempt_cancel(struct link_attempt *attempt);

/* Whether a link that the kernel could not have, as err tells, may be made as a relay. */
static inline bool link_may_be_relay(const struct target *t, const struct error *err)
{
	return err->fault == FAULT_KERNEL && t->tls != TLS_MODE_OFF &&
		t->data_path == DATA_PATH_AUTO;
}

/* Asks about the target's export, without using it. ret->fd is -1. */
int link_info(const struct target *t, const struct credentials *c, struct link *ret,
	struct error *err);

/* Calls fn for each export that the server lists; its negative return ends it. */
typedef int (*link_list_fn)(const struct report_export *export, void *userdata);
int link_list(const struct target *t, const struct credentials *c, link_list_fn fn,
	void *userdata, struct link *ret, struct error *err);
