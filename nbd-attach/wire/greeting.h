/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/option.h"

/* Why a server may accept a connection, but send nothing. */
#define GREETING_SILENCE                                                         \
	"it may be full, or expect something else than NBD (TLS from the first " \
	"byte, HTTP): check the port"

/*
 * Reads the server's greeting and answers it with the client's flags (NBD protocol,
 * "Newstyle negotiation"). If TLS is required and the server does not support fixed
 * newstyle, which STARTTLS needs, nothing is sent: FAULT_TLS. -EUSERS with
 * FAULT_UNREACHED: it closed the connection before or within the greeting, or sent none
 * in time.
 */
int greeting_exchange(struct negotiation *n, struct error *err);
