/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/option.h"

/* The server's TLS mode, in the protocol's terms, as far as it is known. */
enum server_mode {
	SERVER_MODE_UNKNOWN,
	SERVER_MODE_NOTLS,
	SERVER_MODE_FORCEDTLS,
	SERVER_MODE_SELECTIVETLS,
	SERVER_MODE_TLS, /* one of the latter two */
	SERVER_MODE_MAX = SERVER_MODE_TLS,
};

/*
 * Finds out the server's mode after INFO or LIST in plaintext, whose result was *r (0 or
 * -errno of option_refused()). Sends what is still needed: LIST, and STARTTLS last, which
 * brings TLS up if the server agrees, so that only ABORT may follow. If TLS was required,
 * err names the mode. If the session breaks, *r and err say so.
 */
enum server_mode server_mode_find(struct negotiation *n, int *r, struct error *err);
