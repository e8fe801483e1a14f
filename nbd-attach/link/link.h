/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One connection to a server, seen from the privileged process: it starts a connector and
 * a link worker, takes the connector's socket, and waits for the worker's report, which
 * it checks. The page to read first.
 */
#pragma once

#include "link/children.h"

struct link {
	int fd; /* owned; in the transmission phase: plain, kernel TLS, or to a relay */
	pid_t relay; /* the process that moves the bytes; 0: none */
	struct server_facts facts;
	char address[ADDRESS_TEXT_SIZE];
	bool by_name; /* the server was asked with EXPORT_NAME, without GO */
};

/* How to make a link; or'ed. */
enum link_how {
	LINK_RELAY = 1 << 0,   /* a worker that stays carries the data */
	LINK_BY_NAME = 1 << 1, /* EXPORT_NAME, as --no-go: it worked the last time */
};

void link_done(struct link *link);

/*
 * Prepares for link workers, once: looks up their user and makes their empty network
 * namespace. Reads files and may ask a name service. Otherwise done at the first attempt,
 * which may come when there is no disk to read from.
 */
void link_prepare(void);

/* Ends a link that was not given to the kernel, if there is one: NBD_CMD_DISC. */
void link_disconnect(struct link *link);

/*
 * Connects and negotiates within the target's connect_timeout, and returns a socket for
 * the kernel. With LINK_RELAY the worker stays and carries the data between the server
 * and fd, for links that the kernel cannot carry. It ends when either side does. The
 * choice may be NULL: any address of the target.
 *
 * A server that does not survive GO (see enum entry) is asked once more, on another
 * connection, with EXPORT_NAME: ret->by_name tells. If the choice allows it, other
 * addresses of the target's name are tried where the server that was reached is of no
 * use.
 *
 * For TLS over TCP the kernel's modules must be loaded. All failures of wire/, with their
 * faults; -ETIMEDOUT also if the worker does not report in time.
 */
int link_open(const struct target *t, const struct credentials *c,
	const struct address_choice *choice, unsigned how, struct link *ret,
	struct error *err);

/*
 * The same for a caller that waits for several things. An attempt is under way until its
 * socket is readable or its deadline has passed, and before the worker is started
 * (pid 0), until `connected` is readable. Then link_attempt_proceed() and, unless the
 * attempt goes on, link_attempt_finish(). Neither waits.
 *
 * The worker, which is all that costs much, is started when there is a connection. A
 * connector that could not connect stays for the next attempt.
 *
 * *attempt: LINK_ATTEMPT_NONE, or what link_attempt_finish() has left.
 */
int link_attempt_start(const struct target *t, const struct credentials *c,
	const struct address_choice *choice, unsigned how, struct link_attempt *attempt,
	struct error *err);

/* True: it goes on, since there was a connection, and a worker for it was started. */
bool link_attempt_proceed(struct link_attempt *attempt, const struct credentials *c);

/*
 * What link_open() would return, but after one connection only; after a failure
 * ret->address is where it had connected to, or "". The target must outlive the attempt,
 * the credentials need not.
 */
int link_attempt_finish(
	struct link_attempt *attempt, struct link *ret, struct error *err);

/* Ends an attempt, if there is one, and what a former one left: children are killed. */
void link_attempt_cancel(struct link_attempt *attempt);

/* Whether a relay may carry TLS where the kernel cannot. */
static inline bool link_may_try_relay(const struct target *t)
{
	return t->tls != TLS_MODE_OFF && t->data_path == DATA_PATH_AUTO;
}

/* Whether it may carry a link that the kernel cannot carry, according to err. */
static inline bool link_may_be_relay(const struct target *t, const struct error *err)
{
	return err->fault == FAULT_KERNEL && link_may_try_relay(t);
}

/* Asks about the target's export, without using it. ret->fd is -1. */
int link_info(const struct target *t, const struct credentials *c, struct link *ret,
	struct error *err);

/* Calls fn for each export that the server lists, until it returns a negative value. */
typedef int (*link_list_fn)(const struct report_export *export, void *userdata);
int link_list(const struct target *t, const struct credentials *c, link_list_fn fn,
	void *userdata, struct link *ret, struct error *err);
