/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/option.h"

/*
 * NBD_OPT_STARTTLS: asks for TLS, on a plain stream with fixed newstyle negotiation. 1:
 * the server agreed, and every byte that follows belongs to TLS. 0: it refused, and err
 * says how, with FAULT_TLS. -ESHUTDOWN, FAULT_REFUSED: it shuts down. Other -errno: the
 * session is broken.
 */
int opt_starttls(struct negotiation *n, struct error *err);
