/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /etc/nbdtab, the configuration of nbd-client (nbdtab(5)): lines DEVICE HOST EXPORT
 * [OPTION,…], so that its users can keep what they have.
 */
#pragma once

#include "target/target.h"

#define NBDTAB "/etc/nbdtab"

/*
 * Finds a line by its device ("nbd0", "/dev/nbd0"), or by the name that its attachment
 * gets: the export's as for a URI, "disk", and where a line above has that, "disk-nbd1",
 * the device's with it. The target is checked. TLS is verified, also
 * where nbd-client would not; "persist" goes without saying, "swap" locks the
 * supervisor's memory, and options that begin with "_" are other programs'. `text` is the
 * file's, with a NUL behind it; `file` its name for messages. -ENOENT with FAULT_NO_SUCH:
 * no such line; else FAULT_USAGE, "FILE:LINE: …".
 */
int nbdtab_find(const char *file, const char *text, const char *wanted,
	struct target *ret, struct error *err);

/* The same for the file below `root` ("" as a rule); without one there is no such line.
 */
int nbdtab_read(
	const char *root, const char *wanted, struct target *ret, struct error *err);
