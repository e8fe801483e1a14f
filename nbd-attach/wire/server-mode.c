/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "wire/credentials.h"
#include "wire/opt-list.h"
#include "wire/opt-starttls.h"
#include "wire/server-mode.h"
#include "wire/tls.h"

/* The session is broken, or the server shuts down and only ABORT may follow. */
static bool is_over(int r, const struct error *err)
{
	return r < 0 && (err->fault != FAULT_REFUSED || r == -ESHUTDOWN);
}

/*
 * An export was refused because TLS is required. A server in FORCEDTLS mode refuses every
 * option so, one in SELECTIVETLS mode only those that name an export.
 */
static enum server_mode probe_forced(struct negotiation *n, int *r, struct error *err)
{
	struct error list_error = {0};
	int list = opt_list(n, NULL, NULL, &list_error);

	if (is_over(list, &list_error)) {
		*r = list;
		*err = list_error;
		return SERVER_MODE_UNKNOWN;
	}
	if (list == -EPROTONOSUPPORT) {
		error_set(err, FAULT_REFUSED, *r,
			"the server requires TLS for everything (FORCEDTLS): use nbds://, or --tls "
			"require");
		return SERVER_MODE_FORCEDTLS;
	}
	error_set(err, FAULT_REFUSED, *r,
		"the server requires TLS for this export, or has no such export (SELECTIVETLS): "
		"use nbds://, or --tls require");
	return SERVER_MODE_SELECTIVETLS;
}

/*
 * The server accepts options in plaintext. If it agrees to STARTTLS, it is in
 * SELECTIVETLS mode, and the client must then do the handshake. Only ABORT follows, so
 * nothing is verified and no credential is sent.
 */
static enum server_mode probe_selective(struct negotiation *n, int *r, struct error *err)
{
	_cleanup_(tls_credentials_freep) struct tls_credentials *none = NULL;
	struct target anyone = *n->target;
	struct error tls_error = {0};
	int tls = opt_starttls(n, &tls_error);

	/*
	 * Some servers know no other way to refuse it, and nothing more is asked for: what
	 * they said before holds.
	 */
	if (tls == -ECONNRESET || tls == -ETIMEDOUT)
		return SERVER_MODE_UNKNOWN;
	if (tls < 0) {
		*r = tls;
		*err = tls_error;
		return SERVER_MODE_UNKNOWN;
	}
	if (tls == 0)
		return SERVER_MODE_NOTLS;
	anyone.tls_verify_peer = false;
	anyone.tls_priority = NULL;
	if (tls_credentials_new(
		    &anyone, &(const struct credentials){0}, &none, &tls_error) == 0)
		(void)tls_handshake(&n->stream, &anyone, none, &tls_error);
	return SERVER_MODE_SELECTIVETLS;
}

enum server_mode server_mode_find(struct negotiation *n, int *r, struct error *err)
{
	if (is_over(*r, err))
		return SERVER_MODE_UNKNOWN;
	if (*r == -EPROTONOSUPPORT)
		return probe_forced(n, r, err);
	return probe_selective(n, r, err);
}
