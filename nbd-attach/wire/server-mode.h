/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/option.h"

/* The server's TLS mode, as the protocol names them, as far as it can be seen. */
enum server_mode {
	SERVER_MODE_UNKNOWN,
	SERVER_MODE_NOTLS,
	SERVER_MODE_FORCEDTLS,
	SERVER_MODE_SELECTIVETLS,
	SERVER_MODE_TLS, /* one of the latter two */
	SERVER_MODE_MAX = SERVER_MODE_TLS,
};

/*
 * After INFO or LIST in plaintext, answered with *r (0 or option_refused()'s -errno):
 * which mode is the server in? Asks what is still needed: LIST, and STARTTLS last, which
 * brings TLS up if the server agrees (so that only ABORT may follow). A refusal for want
 * of TLS gets the mode into err. Where the session breaks, *r and err say so.
 */
enum server_mode server_mode_find(struct negotiation *n, int *r, struct error *err);
