/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/option.h"

/*
 * NBD_OPT_ABORT: ends a negotiation by our own will, before GO. Waits a moment for the
 * server's ACK or for it to close, and does not mind if neither comes.
 */
void opt_abort(struct negotiation *n);
