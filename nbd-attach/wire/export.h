/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "common/error.h"

#define NBD_MAXIMUM_UNLIMITED UINT32_MAX
#define NBD_MAXIMUM_DEFAULT   (32 * 1024 * 1024)
#define NBD_MINIMUM_DEFAULT   512
#define NBD_PREFERRED_DEFAULT 4096
#define NBD_DESCRIPTION_SIZE \
	256 /* room for a description, with NUL; the rest is cut off */

/* An export as the server describes it. Zero block sizes: not given. */
struct nbd_export {
	uint64_t size;  /* bytes */
	uint16_t flags; /* transmission flags, NBD_FLAG_… */
	uint32_t minimum;
	uint32_t preferred;
	uint32_t maximum; /* largest payload; NBD_MAXIMUM_UNLIMITED */
	char description[NBD_DESCRIPTION_SIZE]; /* "" or UTF-8 */
};

/*
 * Checks an export against the protocol ("Transmission flags", "Size constraints"), and
 * fills in the default block sizes if none were given. FAULT_PROTOCOL, -EPROTO.
 */
int nbd_export_check(struct nbd_export *e, struct error *err);
