/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lines of /etc/fstab that mount nbd devices. */
#pragma once

#include <stdbool.h>

#include "target/target.h"

#define DEVICE_BY_NAME "/dev/nbd/by-name/"
#define DEVICE_BY_ID   "/dev/disk/by-id/nbd-"

struct fstab_mount {
	const char *device;
	const char *where;
	bool automatic; /* mounted at boot */
	bool hangs;     /* and before the network is up */
	/* What the disk may be called: "vault-part1" and "vault"; "": no name, but nbd0
	 */
	char names[2][NBD_NAME_MAX + 1];
};

/*
 * Calls fn for each line of root/etc/fstab whose device is an nbd device; the root file
 * system and swap are passed over. Without the file there are none.
 */
typedef void (*fstab_fn)(const struct fstab_mount *m, void *userdata);
void fstab_read(const char *root, fstab_fn fn, void *userdata);
