/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sending options and receiving replies (NBD protocol, "Fixed newstyle negotiation").
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/target.h"
#include "wire/nbd-protocol.h"
#include "wire/stream.h"

/*
 * The longest reply that is accepted: a REP_SERVER with a name and a description of 4096
 * bytes each, with room for info types that are not known yet.
 */
#define REPLY_SIZE_MAX (64 * 1024)

/* The most replies to one option that are accepted. */
#define REPLIES_MAX 10000

/*
 * How to ask for the export. Servers that do not skip the data of an option they do not
 * know (nbd-server before 3.14), or crash on INFO (nbd-server 3.16 to 3.17), are lost for
 * this connection once they are asked so: the next one begins with the next way.
 */
enum entry {
	ENTRY_ANY,  /* INFO, where the export is not to be used, or else GO */
	ENTRY_GO,   /* GO, also only to leave again */
	ENTRY_NAME, /* EXPORT_NAME */
	ENTRY_MAX = ENTRY_NAME,
};

/* One negotiation with one server, from the greeting to the transmission phase. */
struct negotiation {
	struct stream stream;
	const struct target *target;
	enum entry entry;    /* what to begin with; set by the caller */
	enum entry retry;    /* after a failure: worth a new connection; else ENTRY_ANY */
	bool replied;        /* a whole reply to the last option has come */
	bool astray;         /* what came is no reply to it */
	bool fixed_newstyle; /* both sides: options other than EXPORT_NAME may be sent */
	bool no_zeroes;      /* both sides: EXPORT_NAME's reply has no padding */
	char reply[REPLY_SIZE_MAX + 1]; /* data of the last reply, and a NUL byte */
};

struct reply {
	uint32_t type; /* NBD_REP_… */
	uint32_t size; /* of the data in negotiation.reply */
};

static inline bool reply_is_error(const struct reply *reply)
{
	return reply->type & NBD_REP_ERR_BIT;
}

/* Sends one option. Do not call it before the final reply to the previous one. */
int option_send(struct negotiation *n, enum nbd_option option, const void *data,
	size_t size, struct error *err);

/*
 * Receives one reply to that option. FAULT_PROTOCOL: wrong magic, a reply to another
 * option, a length out of range, an ACK with data, TLS_REQD inside TLS, a type that is
 * not an error, ACK or `expected` (0: none).
 */
int option_receive(struct negotiation *n, enum nbd_option option, uint32_t expected,
	struct reply *ret, struct error *err);

/*
 * Puts the meaning of an error reply into err, with the server's text quoted, and returns
 * -errno: -ENOTSUP for UNSUP, -EPROTONOSUPPORT for TLS_REQD, -EACCES for POLICY, -ENOENT
 * for UNKNOWN, -ESHUTDOWN for SHUTDOWN, -EINVAL for any other. FAULT_REFUSED.
 */
int option_refused(const struct negotiation *n, enum nbd_option option,
	const struct reply *reply, struct error *err);

/* "GO", for messages. */
const char *option_name(enum nbd_option option);
