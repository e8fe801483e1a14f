/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/option.h"

/*
 * Reads the server's greeting and answers it with the client's flags (NBD protocol,
 * "Newstyle negotiation"). Where TLS is required and the server has no fixed newstyle, in
 * which STARTTLS does not exist, nothing at all is sent: FAULT_TLS. -EUSERS: it closed
 * the connection before that, or said nothing in time, as a server does at its limit of
 * clients.
 */
int greeting_exchange(struct negotiation *n, struct error *err);
