/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /etc/nbdtab, the configuration of nbd-client (nbdtab(5)): lines DEVICE HOST EXPORT
 * [OPTION,…]. Its users can keep it.
 */
#pragma once

#include "target/target.h"

#define NBDTAB "/etc/nbdtab"

/* Told of what a line has that is ignored or changed: "FILE:LINE: …". NULL: nobody is. */
typedef void (*nbdtab_warn_fn)(const char *text);

/*
 * Finds a line by its device ("nbd0", "/dev/nbd0"), of several the first, or by the name
 * of its attachment: the export's as for a URI, "disk", or "disk-nbd1" if a line above
 * has that name. The target is checked. Certificates are verified, also where nbd-client
 * does not. "persist" is the default, "swap" locks the supervisor in memory, and options
 * that begin with "_" are for other programs. `text` is the content of the file,
 * NUL-terminated; `file` is for messages. -ENOENT with FAULT_NO_SUCH: no such line; else
 * FAULT_USAGE, "FILE:LINE: …".
 */
int nbdtab_find(const char *file, const char *text, const char *wanted,
	nbdtab_warn_fn warn_fn, struct target *ret, struct error *err);

/* The same for the file below `root`, usually "". -ENOENT also if there is no file.
 */
int nbdtab_read(const char *root, const char *wanted, nbdtab_warn_fn warn_fn,
	struct target *ret, struct error *err);
