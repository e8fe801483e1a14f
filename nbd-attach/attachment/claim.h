/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An attachment's directory, /run/nbd-attach/NAME/, and which process holds it.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/error.h"
#include "target/target.h"

#define STATE_DIRECTORY "/run/nbd-attach"
#define STATE_FILE      "state.json"

/* One process at a time holds an attachment's name, by a lock in its directory. */
struct claim {
	int fd;   /* the directory */
	int lock; /* the file "lock" in it, only for root, locked by fcntl(2) */
	char name[NBD_NAME_MAX + 1];
};
#define CLAIM_NONE ((struct claim){.fd = -1, .lock = -1})

/*
 * Makes /run/nbd-attach/NAME if necessary and locks it. -EBUSY: another process holds it.
 * Other failures (no permission, -EROFS, -ENOSPC) are FAULT_KERNEL, too.
 */
int claim_take(const char *name, struct claim *ret, struct error *err);

/* Releases the lock, and removes the directory unless there is a state in it. */
void claim_release(struct claim *claim);
#define _cleanup_claim_ _cleanup_(claim_release)

/*
 * Whether a process holds the claim on NAME: its supervisor, or an attach or detach.
 * *ret_pid is that process, or 0 if it is in another PID namespace. Must not be called
 * for our own claim: closing the file would release it (fcntl(2), "record locks").
 */
bool claim_is_held(const char *name, pid_t *ret_pid);

/* Marks it as attached by the initramfs: units of the system leave it alone. */
void claim_mark_initrd(const struct claim *claim);
bool claim_is_initrd(const char *name);

/* Removes the state; claim_release() removes the directory. */
void claim_forget_state(const struct claim *claim);

/* How many names have a directory: about as many disks are attached. At least 1. */
unsigned claim_count(const struct claim *claim);

/*
 * Calls fn for each name that has a directory, until it returns a negative value. Without
 * /run/nbd-attach there are none. -errno.
 */
int claim_each(int (*fn)(const char *name, void *userdata), void *userdata);
