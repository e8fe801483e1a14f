/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An export's geometry as a block device: size, block size, largest request, flags. It is
 * chosen once, at attach; each later link must lead to an export with the same geometry.
 */
#pragma once

#include "attachment/state.h"
#include "wire/negotiate.h"

/*
 * Fills size, block_size, maximum and flags of *state from what the server offers.
 * FAULT_REFUSED or FAULT_KERNEL, -EINVAL: it cannot be the block device that t asks for.
 */
int geometry_choose(const struct target *t, const struct nbd_export *e,
	struct state *state, struct error *err);

/*
 * Whether a new link's export still matches the device. *ret_size is its size, larger
 * than the state's if the export has grown. FAULT_REFUSED, -ESTALE: it is smaller,
 * read-only or no longer read-only, or its block sizes or features no longer match.
 * FAULT_TLS, -ESTALE: TLS is gone.
 */
int geometry_check(const struct target *t, const struct server_facts *facts,
	const struct state *state, uint64_t *ret_size, struct error *err);
