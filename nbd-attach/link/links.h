/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The links of one attachment: as many as asked for, and all to the same export. */
#pragma once

#include <stddef.h>

#include "link/link.h"

struct links {
	struct link list[NBD_LINKS_MAX];
	size_t n;
	char relay[ERROR_TEXT_SIZE]; /* why they are relays; "": they are the kernel's */
};

/*
 * Where the kernel cannot carry such links, and may be passed by, they are relays.
 *
 * Loads the kernel's modules, reads the credentials, opens the links. On failure those
 * that are open stay in *links, which is the caller's to end in any case. Besides what
 * link_open() tells: FAULT_KERNEL, -EOPNOTSUPP: the kernel cannot carry such links;
 * FAULT_REFUSED: the server does not allow several; FAULT_PROTOCOL: it describes the
 * export differently on each.
 */
int links_open(const struct target *t, struct links *links, struct error *err);
void links_done(struct links *links);

/*
 * Whether the links are as the server's last reply has left them. FAULT_UNREACHED,
 * -ECONNRESET: one has ended; FAULT_PROTOCOL, -EPROTO: bytes came that nobody asked for.
 * None is looked at.
 */
int links_check(const struct links *links, struct error *err);

/* Ends the links that the kernel has not got: NBD_CMD_DISC on each. */
void links_disconnect(struct links *links);
#define _cleanup_links_ _cleanup_(links_done)
