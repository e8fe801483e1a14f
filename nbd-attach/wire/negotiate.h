/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a connected socket to what was wanted of the server: the whole conversation, in
 * the order that the TLS section of the protocol demands. Nothing is remembered from one
 * connection to the next.
 */
#pragma once

#include <stdbool.h>

#include "wire/export.h"
#include "wire/opt-list.h"
#include "wire/option.h"
#include "wire/server-mode.h"
#include "wire/tls.h"

/* What a conversation ended with. Fixed size: it goes into a report as it is. */
struct server_facts {
	struct nbd_export export;
	enum server_mode mode;
	bool tls;          /* the rest is about the session, if there is one */
	bool tls_verified; /* the server's certificate or key was checked */
	char tls_version[16];
	char tls_cipher[32];
};

/* Room for the state of a negotiation; it is too large for a stack. */
struct negotiation *negotiation_new(
	const struct target *t, int fd, usec_t deadline, struct error *err);
/* Ends TLS if it is still up. The socket stays the caller's. */
void negotiation_free(struct negotiation *n);
DEFINE_CLEANUP(struct negotiation *, negotiation_free)

/*
 * Each of these begins with the greeting, and with STARTTLS where the target wants TLS:
 * "require" sends nothing else in plaintext, ever; "prefer" goes on in plaintext where
 * the server refuses, which facts->tls tells. They fail as the exit codes say:
 * FAULT_UNREACHED for silence, FAULT_REFUSED, FAULT_TLS, FAULT_PROTOCOL. After a refusal
 * ABORT is sent, after a breach of the protocol or of TLS the session is just dropped.
 */

/* Enters the transmission phase: GO, or EXPORT_NAME where the server has no GO. */
int negotiate_go(struct negotiation *n, const struct tls_credentials *credentials,
	struct server_facts *ret, struct error *err);

/*
 * Asks about the export and leaves. Without TLS it also finds out the server's mode, for
 * which STARTTLS is asked last; where the server agrees, TLS is brought up only to leave.
 */
int negotiate_info(struct negotiation *n, const struct tls_credentials *credentials,
	struct server_facts *ret, struct error *err);

/* Calls fn for each export and leaves. */
int negotiate_list(struct negotiation *n, const struct tls_credentials *credentials,
	opt_list_fn fn, void *userdata, struct server_facts *ret, struct error *err);
