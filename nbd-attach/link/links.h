/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The links of one attachment: as many as requested, all to the same export, at the same
 * address of its server.
 */
#pragma once

#include <stddef.h>

#include "link/link.h"

struct links {
	struct link list[NBD_LINKS_MAX];
	size_t n;
	bool by_name;                /* as link.by_name */
	char relay[ERROR_TEXT_SIZE]; /* why they are relays; "": the kernel carries them
	                              */
};

/*
 * Loads the kernel's modules and opens the links, as relays if the kernel cannot carry
 * them and the target allows it. On failure the open ones stay in
 * *links: the caller ends them in any case. Besides the errors of link_open():
 * FAULT_KERNEL, -EOPNOTSUPP: the kernel cannot carry such links; FAULT_REFUSED: the
 * server does not allow several; FAULT_PROTOCOL: it describes the export differently on
 * each.
 */
int links_open(const struct target *t, const struct credentials *c, struct links *links,
	struct error *err);
void links_done(struct links *links);

/*
 * Whether the links are still idle after the server's last reply. FAULT_UNREACHED,
 * -ECONNRESET: one has ended; FAULT_TLS, -EPROTO: with a TLS alert; FAULT_PROTOCOL,
 * -EPROTO: unexpected bytes came, which are not read.
 */
int links_check(struct links *links, struct error *err);

/* Ends the links that were not given to the kernel: NBD_CMD_DISC on each. */
void links_disconnect(struct links *links);
#define _cleanup_links_ _cleanup_(links_done)
