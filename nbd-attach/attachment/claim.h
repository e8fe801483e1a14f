/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An attachment's folder, /run/nbd-attach/NAME/, and who has it in his hands.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/error.h"
#include "target/target.h"

#define STATE_DIRECTORY "/run/nbd-attach"
#define STATE_FILE      "state.json"

/* An attachment's name, held by one process at a time: a lock in its directory. */
struct claim {
	int root_fd;
	int fd;   /* the directory */
	int lock; /* the file "lock" in it, root's alone, locked (fcntl(2)) */
	char name[NBD_NAME_MAX + 1];
};
#define CLAIM_NONE ((struct claim){.root_fd = -1, .fd = -1, .lock = -1})

/*
 * Makes /run/nbd-attach/NAME if need be and locks it. -EBUSY: another process is at work
 * on it. FAULT_KERNEL where it is missing rights, -EROFS, a full disk.
 */
int claim_take(const char *name, struct claim *ret, struct error *err);

/* Gives up the lock. The directory goes too, unless there is a state in it. */
void claim_release(struct claim *claim);
#define _cleanup_claim_ _cleanup_(claim_release)

/*
 * Whether somebody holds the claim on NAME just now: its supervisor, or who attaches or
 * detaches it. *ret_pid is who, and 0 where that cannot be seen from here (another PID
 * namespace). Not for one's own claim: to ask would end it (fcntl(2), "record locks").
 */
bool claim_is_held(const char *name, pid_t *ret_pid);

/* Marks it as an initramfs's: units of the system keep their hands off it. */
void claim_mark_initrd(const struct claim *claim);
bool claim_is_initrd(const char *name);

/* Forgets the state; the directory goes with claim_release(). */
void claim_forget_state(const struct claim *claim);

/*
 * Calls fn for each name that has a directory, until it returns a negative value. An
 * absent /run/nbd-attach is an empty list. -errno.
 */
int claim_each(int (*fn)(const char *name, void *userdata), void *userdata);
