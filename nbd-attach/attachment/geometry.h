/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An export's shape as a block device: size, block size, the largest request, flags. It
 * is chosen once, at attach; each later link must lead to an export of the same shape.
 */
#pragma once

#include "attachment/state.h"
#include "wire/negotiate.h"

/*
 * Fills size, block_size, maximum and flags of *state from what the server offers.
 * FAULT_REFUSED or FAULT_KERNEL, -EINVAL: it cannot be a block device as asked for.
 */
int geometry_choose(const struct target *t, const struct nbd_export *e,
	struct state *state, struct error *err);

/*
 * Whether what a new link leads to is what the device was made of. *ret_size is its size,
 * larger than the state's where the export has grown. FAULT_REFUSED, -ESTALE: it is
 * smaller, read-only or no longer so, its block sizes or abilities do not fit any more.
 * FAULT_TLS, -ESTALE: TLS is gone.
 */
int geometry_check(const struct target *t, const struct server_facts *facts,
	const struct state *state, uint64_t *ret_size, struct error *err);
