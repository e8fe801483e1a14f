/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The whole negotiation on a connected socket, in the order that the protocol's TLS
 * section demands. Nothing is remembered from one connection to the next.
 */
#pragma once

#include <stdbool.h>

#include "wire/export.h"
#include "wire/opt-list.h"
#include "wire/option.h"
#include "wire/server-mode.h"
#include "wire/tls.h"

/* The result of a negotiation. Of fixed size, because it is part of a worker's report. */
struct server_facts {
	struct nbd_export export;
	enum server_mode mode;
	bool tls;          /* if true, the members below are set */
	bool tls_verified; /* the server's certificate or key was checked */
	char tls_version[16];
	char tls_cipher[32];
};

/* The state of a negotiation; too large for the stack. */
struct negotiation *negotiation_new(
	const struct target *t, int fd, usec_t deadline, struct error *err);
/* Ends TLS if it is still up. Does not close the socket. */
void negotiation_free(struct negotiation *n);
DEFINE_CLEANUP(struct negotiation *, negotiation_free)

/*
 * Each of these begins with the greeting, followed by STARTTLS if the target wants TLS:
 * "require" never sends anything else in plaintext; "prefer" goes on in plaintext if the
 * server refuses, see facts->tls. Failures: FAULT_UNREACHED if the server is silent,
 * FAULT_REFUSED, FAULT_TLS, FAULT_PROTOCOL. After a refusal ABORT is sent; after a breach
 * of the protocol or of TLS nothing is sent any more.
 */

/* Enters the transmission phase: GO, or EXPORT_NAME if the server has no GO. */
int negotiate_go(struct negotiation *n, const struct tls_credentials *credentials,
	struct server_facts *ret, struct error *err);

/*
 * Asks about the export and ends the negotiation. Without TLS it also finds out the
 * server's mode, for which it sends STARTTLS last; if the server agrees, it completes the
 * handshake only to send ABORT.
 */
int negotiate_info(struct negotiation *n, const struct tls_credentials *credentials,
	struct server_facts *ret, struct error *err);

/* Calls fn for each export and ends the negotiation. */
int negotiate_list(struct negotiation *n, const struct tls_credentials *credentials,
	opt_list_fn fn, void *userdata, struct server_facts *ret, struct error *err);
