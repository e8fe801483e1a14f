/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A place of its own for the supervisor of the disk that the system runs from.
 *
 * It is started in an initramfs, whose files are deleted and whose mounts are moved away
 * (switch_root) while it runs; and the files of the system that is booted then lie on the
 * very disk whose link it may have to mend. So it goes to live in a mount namespace that
 * nobody else can see, in a small file system in memory: with /proc, /sys, /dev and /run,
 * which are the same wherever they are mounted, and with what resolving names needs. No
 * lookup of its own can wait for the disk, and it keeps no mount of others busy.
 */
#pragma once

#include "common/error.h"

/*
 * Moves this process there. It must be root; its root may also be the disk itself. Where
 * the system has gone back to the image of its initramfs, nothing is to be moved.
 */
int private_root_enter(struct error *err);

/* Whether this process is there. */
bool private_root_is_entered(void);
