/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/export.h"
#include "wire/option.h"

/*
 * NBD_OPT_INFO asks about the target's export, NBD_OPT_GO also enters the transmission
 * phase. Both request the block sizes. Refusals as of option_refused(); -ENOTSUP: the
 * server knows neither option. An ACK without the export's size and flags is
 * FAULT_PROTOCOL.
 */
int opt_info_go(struct negotiation *n, enum nbd_option option, struct nbd_export *ret,
	struct error *err);
