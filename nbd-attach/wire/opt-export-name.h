/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/export.h"
#include "wire/option.h"

/*
 * NBD_OPT_EXPORT_NAME: enters the transmission phase if the server has no GO. It has no
 * error reply: a server refuses by closing the connection (-ECONNRESET, FAULT_REFUSED).
 */
int opt_export_name(struct negotiation *n, struct nbd_export *ret, struct error *err);
