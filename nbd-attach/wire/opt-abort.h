/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/option.h"

/*
 * NBD_OPT_ABORT: ends a negotiation before GO. Waits briefly for the server to send ACK
 * or to close the connection; it is not an error if the server does neither.
 */
void opt_abort(struct negotiation *n);
