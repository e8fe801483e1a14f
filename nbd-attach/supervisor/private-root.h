/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A private root directory for the supervisor of the disk that the system runs from.
 *
 * The supervisor is started in an initramfs, whose files are deleted and whose mounts are
 * moved (switch_root) while it runs. The files of the booted system are on the disk whose
 * link it may have to restore. So it moves to a mount namespace of its own, with a small
 * root file system in memory that has /proc, /sys, /dev and /run, which are the same
 * wherever they are mounted, and what name resolution needs. None of its path lookups can
 * wait for the disk, and it keeps no other mount busy.
 */
#pragma once

#include "common/error.h"

/*
 * Moves this process there, which must be root; its root directory may also be the disk
 * itself. Does nothing if the system has returned to its initramfs for shutdown.
 */
int private_root_enter(struct error *err);

/* Whether this process is there. */
bool private_root_is_entered(void);
