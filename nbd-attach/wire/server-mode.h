/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/negotiate.h"

/*
 * After INFO or LIST in plaintext, answered with *r (0 or option_refused()'s -errno):
 * which mode is the server in? Asks what is still needed: LIST, and STARTTLS last, which
 * brings TLS up if the server agrees (so that only ABORT may follow). A refusal for want
 * of TLS gets the mode into err. Where the session breaks, *r and err say so.
 */
enum server_mode server_mode_find(struct negotiation *n, int *r, struct error *err);
